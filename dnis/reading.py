"""Files into typed tables: CSV, gzipped CSV and Parquet; every fault is refused in one sentence."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pa_parquet

from dnis.delimited import check_names, first_line, read_text_table
from dnis.limits import DataError, check_size, check_unpacked

__all__ = ["DataError", "check_names", "read_frame"]

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"Rar!", b"7z\xbc\xaf", b"BZh9", b"\xfd7zX")
_BATCH_ROWS = 8192
_FIRST_ROWS = 1000


def read_frame(path: str | Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table; the first bytes tell the kind of file, not its name.

    A column of text or decimals becomes integers where they write back as the same text, else floats; one ``007``,
    ``+5`` or number of 17 digits keeps it text. Floats make one number of ``1.1`` and ``1.10``, hence ``as_text``.

    Args:
        path: A CSV (comma, semicolon, tab or bar), a gzipped CSV or a Parquet file.
        as_text: Columns of text or decimals that stay text whatever they hold, such as ids with a point.

    Returns:
        One row per data row; integers, floats, text or times per column. ``attrs["notes"]`` holds sentences on what was
        not taken as it stood, such as the encoding.

    Raises:
        DataError: If the file is missing, empty, damaged, too large, in an unknown encoding, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}") from error
    if head in _ARCHIVES or path.suffix.lower() in {".xls", ".xlsx", ".ods"}:
        raise DataError(f"{path.name} is an Excel workbook or another archive; save the sheet as CSV (UTF-8) instead")
    table, notes = (_read_parquet(path), ()) if head == b"PAR1" else read_text_table(path)
    if not table.num_rows:
        raise DataError(f"{path.name} has column names but no rows")
    columns = zip(table.column_names, table.columns, strict=True)
    frame = pd.DataFrame({name: _typed(column, name, name in as_text) for name, column in columns})
    frame.attrs["notes"] = notes
    return frame


def _read_parquet(path: Path) -> pa.Table:
    try:
        file = pa_parquet.ParquetFile(path)
        check_names(file.schema_arrow.names)
        check_size(path.name, file.metadata.num_rows, len(file.schema_arrow.names))
        batches, n_bytes, n_rows = [], 0, 0
        # what the header says may be a lie, and a few kB can unpack to any size, so all is counted as it comes
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            n_bytes, n_rows = n_bytes + batch.nbytes, n_rows + batch.num_rows
            check_unpacked(path.name, n_bytes)
            check_size(path.name, n_rows, batch.num_columns)
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=file.schema_arrow)
    except MemoryError as error:
        raise DataError(f"{path.name} needs more memory than there is for it; take a part of its rows") from error
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise DataError(f"{path.name} is a damaged Parquet file: {first_line(error)}") from error


def _typed(column: pa.ChunkedArray, name: str, as_text: bool) -> pd.Series:
    """A column as pandas holds it: as numbers where that loses nothing that a number says."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        raise DataError(f"column {name!r} holds lists or records; keep one value per row")
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _decoded(column, name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        trimmed = pc.call_function("utf8_trim_whitespace", [column])
        column = trimmed if as_text else _numbers_where_lossless(trimmed)
    if pa.types.is_integer(column.type) and column.null_count:
        wide = pa.uint64() if pa.types.is_uint64(column.type) else pa.int64()
        return column.cast(wide).to_pandas(types_mapper=_NULLABLE.get)
    return column.to_pandas()


def _decoded(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise DataError(f"column {name!r} holds bytes that are not UTF-8 text") from error


def _numbers_where_lossless(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integers where writing them back gives the same text, floats where no value is padded, signed + or too long."""
    # a million texts that are no numbers are slow to refuse, so a few go first
    if text.null_count == len(text) or not _are_numbers(text.slice(0, _FIRST_ROWS)):
        return text
    try:
        integers = text.cast(pa.int64())
        return integers if integers.cast(pa.string()).equals(text) else text
    except pa.ArrowInvalid:
        pass
    try:
        floats = text.cast(pa.float64())
    except pa.ArrowInvalid:
        return text
    return text if text.to_pandas().str.match(r"\+|-?(0\d|\d{17})").any() else floats


def _are_numbers(text: pa.ChunkedArray) -> bool:
    try:
        text.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
