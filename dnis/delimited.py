"""Delimited text (CSV) into a table of text, with every fault in one sentence."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from dnis.encodings import GZIP_FAULTS, Encoding, encoding_of, has_decimal_commas, opened
from dnis.limits import DataError, check_size

NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N")
"""Texts of a CSV that mean a missing value."""

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 23
_BAD_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)")
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """How a CSV is to be read: lines before the data, the columns' names, the delimiter, and what was noted."""

    skip: int
    names: list[str]
    delimiter: str
    notes: tuple[str, ...] = ()


def read_text_table(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Read a CSV with every cell as text, except that decimal commas have become points.

    Args:
        path: Comma, semicolon, tab or bar between the cells; packed by gzip or not.

    Returns:
        The table, and sentences on what was not taken as it stood: encoding, missing column names, decimal commas.

    Raises:
        DataError: If the file is empty, damaged, too large, or not such a text.
    """
    encoding = encoding_of(path)
    layout = layout_of(path, encoding)
    try:
        with opened(path) as stream:
            table = _gathered(_reader(stream, layout, encoding), path)
    except GZIP_FAULTS as error:
        raise DataError(f"{path.name} is a damaged gzip file: {first_line(error)}") from error
    except UnicodeError as error:
        raise DataError(f"{path.name} is not {encoding.codec.upper()} text to its end: {first_line(error)}") from error
    except MemoryError as error:
        raise DataError(f"{path.name} needs more memory than there is for it; take a part of its rows") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(_fault(path, error, layout.skip)) from error
    notes = tuple(note for note in (encoding.note, *layout.notes) if note)
    if layout.delimiter == ",":
        return table, notes
    table, columns = _with_points(table)
    return table, notes + tuple(f"Column {name!r} was read with decimal commas." for name in columns)


def check_names(names: list[str]) -> None:
    """Refuse column names that stand for two columns.

    Args:
        names: All column names, in order.

    Raises:
        DataError: If a name appears twice.
    """
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        if name in seen:
            raise DataError(f"two columns are named {name[:60]!r}: columns {seen[name] + 1} and {i + 1}")
        seen[name] = i


def first_line(error: BaseException) -> str:
    """The first line of what an error says.

    Args:
        error: Any error.

    Returns:
        One line, of at most 200 characters, without signs that steer a terminal.
    """
    line = str(error).strip().split("\n")[0][:200]
    return "".join(c if c.isprintable() else " " for c in line)


def _reader(stream: BinaryIO, layout: Layout, encoding: Encoding) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        stream,
        pa_csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            column_names=layout.names,
            skip_rows=layout.skip,
            encoding="utf-8" if encoding.codec == "utf-8-sig" else encoding.codec,
        ),
        pa_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()), null_values=list(NULLS), strings_can_be_null=True
        ),
    )


def _gathered(reader: pa_csv.CSVStreamingReader, path: Path) -> pa.Table:
    batches, n_rows = [], 0
    for batch in reader:
        n_rows += batch.num_rows
        check_size(path.name, n_rows, batch.num_columns)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=reader.schema)


def layout_of(path: Path, encoding: Encoding) -> Layout:
    """Tell how a CSV is to be read from its first line that is not blank.

    Args:
        path: The file.
        encoding: How its text is written.

    Returns:
        Its layout.

    Raises:
        DataError: If the file is empty or that line cannot be a header.
    """
    skip, text = _first_text(path, encoding)
    if "\0" in text:
        raise DataError(f"{path.name} is neither text nor Parquet: its first line holds a zero byte")
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    delimiter = _delimiter(text)
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise DataError(f"the first line of {path.name} cannot be read: {error}") from error
    check_size(path.name, 0, len(names))
    if all(_NUMBER.fullmatch(name) for name in names):
        note = f"The first row holds numbers ({text[:40]!r}), so the columns are called column_1, column_2 and so on."
        return Layout(skip - 1, [f"column_{i + 1}" for i in range(len(names))], delimiter, (note,))
    names = [name or f"column_{i + 1}" for i, name in enumerate(names)]
    check_names(names)
    return Layout(skip, names, delimiter)


def _first_text(path: Path, encoding: Encoding) -> tuple[int, str]:
    """Lines up to and with the first that is not blank, and that line."""
    skip, line = 0, "\n"
    try:
        with io.TextIOWrapper(opened(path), encoding.codec, newline="\n") as stream:
            while line and not line.strip():
                line, skip = stream.readline(1 << 20), skip + 1
    except UnicodeError as error:
        raise DataError(f"{path.name} is not {encoding.codec.upper()} text: {first_line(error)}") from error
    return skip, line.partition("\r")[0].strip("\n")


def _delimiter(text: str) -> str:
    """The most frequent one, except that ``1;3,5`` is two numbers with a decimal comma and not two texts."""
    for delimiter in _DELIMITERS[1:]:
        cells = text.split(delimiter)
        if len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in cells):
            return delimiter
    return max(_DELIMITERS, key=text.count)


def _with_points(table: pa.Table) -> tuple[pa.Table, list[str]]:
    changed = []
    for i, name in enumerate(table.column_names):
        trimmed = pc.call_function("utf8_trim_whitespace", [table.column(i)])
        known = trimmed.unique().drop_null()
        if has_decimal_commas(known.to_pylist()):
            # words among the numbers keep their commas
            options = pc.ReplaceSubstringOptions(r"^(-?\d+),(\d+)$", r"\1.\2")
            points = pc.call_function("replace_substring_regex", [trimmed], options)
            table = table.set_column(i, name, points)
            changed.append(name)
    return table, changed


def _fault(path: Path, error: Exception, skip: int) -> str:
    text = first_line(error)
    row = _BAD_ROW.search(text)
    if row is None:
        return f"{path.name} cannot be read as CSV: {text or type(error).__name__}"
    number, expected, found, start = row.groups()
    return f"{path.name}, data row {int(number) - skip}: {found} values where the header has {expected}: {start[:60]!r}"
