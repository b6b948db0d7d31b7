"""Many files as one table of text in SQL: their common layout, and their first rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dnis.delimited import NULLS, first_line, layout_of
from dnis.encodings import encoding_of, opened
from dnis.limits import DataError
from dnis.reading import read_frame

HEAD_BYTES, HEAD_ROWS = 1 << 22, 50_000
"""How much of a file tells what its columns are."""


@dataclass(frozen=True)
class Source:
    """The first rows of the files, and SQL for all of them.

    ``relation`` is a FROM clause whose columns are all text; ``decimal_comma`` says whether ``3,5`` may be a number.
    """

    head: pd.DataFrame
    relation: str
    decimal_comma: bool = False


def quoted(name: str) -> str:
    """A column's name in SQL.

    Args:
        name: The name.

    Returns:
        The name between double quotes.
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str | Path) -> str:
    """A text in SQL.

    Args:
        value: The text.

    Returns:
        The text between single quotes.
    """
    return "'" + str(value).replace("'", "''") + "'"


def source_of(files: Sequence[Path]) -> Source:
    """Look at the first rows of every file.

    Args:
        files: CSV files (UTF-8, packed by gzip or not), or Parquet files; all of one layout.

    Returns:
        How to read them as one.

    Raises:
        DataError: If a file is missing or unreadable, or two differ in their columns.
    """
    for path in files:
        if not path.is_file():
            raise DataError(f"no such file: {path}")
    with files[0].open("rb") as stream:
        is_parquet = stream.read(4) == b"PAR1"
    return _parquet(files) if is_parquet else _delimited(files)


def _parquet(files: Sequence[Path]) -> Source:
    names = {path: _columns_of(path) for path in files}
    _refuse_other_columns(names)
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder) / files[0].name
        pq.write_table(pa.Table.from_batches([next(pq.ParquetFile(files[0]).iter_batches(HEAD_ROWS))]), head)
        frame = read_frame(head)
    cells = ", ".join(f"CAST({quoted(n)} AS VARCHAR) AS {quoted(n)}" for n in names[files[0]])
    return Source(frame, f"(SELECT {cells} FROM read_parquet([{_listed(files)}]))")


def _columns_of(path: Path) -> list[str]:
    # DuckDB unpacks Brotli with a copy of its own, which may be one that CVE-2026-111497 leads out of bounds
    try:
        with pq.ParquetFile(path) as file:
            facts = file.metadata
            packed = {
                facts.row_group(group).column(column).compression
                for group in range(facts.num_row_groups)
                for column in range(facts.num_columns)
            }
            names = file.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name} is a damaged Parquet file: {first_line(error)}") from error
    if "BROTLI" in packed:
        raise DataError(f"{path.name} is packed with BROTLI, which is not read here; write it with ZSTD or SNAPPY")
    return names


def _delimited(files: Sequence[Path]) -> Source:
    layouts, frame = {}, None
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            head = _first_lines(path, Path(folder))
            encoding = encoding_of(head)
            if encoding.codec not in ("utf-8", "utf-8-sig"):
                raise DataError(f"{path.name} is not UTF-8 text; a log is prepared from UTF-8 files only")
            layouts[path] = layout_of(head, encoding)
            frame = read_frame(head) if frame is None else frame
    _refuse_other_columns({path: layout.names for path, layout in layouts.items()})
    layout = layouts[files[0]]
    for path, other in layouts.items():
        if (other.delimiter, other.skip) != (layout.delimiter, layout.skip):
            raise DataError(f"{path.name} has another delimiter or header than {files[0].name}")
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in layout.names)
    relation = (
        f"read_csv([{_listed(files)}], auto_detect=false, header=false, skip={layout.skip}, "
        f"delim={text(layout.delimiter)}, quote='\"', escape='\"', columns={{{columns}}}, "
        f"nullstr=[{', '.join(map(text, NULLS))}])"
    )
    return Source(frame if frame is not None else pd.DataFrame(), relation, layout.delimiter != ",")


def _first_lines(path: Path, folder: Path) -> Path:
    with opened(path) as stream:
        start = stream.read(HEAD_BYTES)
    if len(start) == HEAD_BYTES:
        start = start[: start.rfind(b"\n") + 1] or start
    head = folder / path.name.removesuffix(".gz")
    head.write_bytes(start)
    return head


def _refuse_other_columns(names: dict[Path, list[str]]) -> None:
    first, *others = names
    for path in others:
        if names[path] != names[first]:
            raise DataError(
                f"{path.name} has the columns {', '.join(names[path])}, {first.name} has {', '.join(names[first])}"
            )


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(text(path) for path in files)
