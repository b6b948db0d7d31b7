"""Files into typed tables: CSV, gzipped CSV and Parquet; every fault is refused in one sentence."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

MAX_ROWS = 50_000_000
"""Longer files are refused, so that a small compressed file cannot fill the memory."""

NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N")
"""Texts of a CSV that mean a missing value."""

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 23
_BAD_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)")
_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
_GZIP_FAULTS = (EOFError, gzip.BadGzipFile, zlib.error)
_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class DataError(ValueError):
    """Data that cannot be used, in one sentence that names the column or row and the value seen."""


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a table; the first bytes tell the kind of file, not its name.

    A CSV column becomes integers or floats only where nothing is lost: ``007``, ``+5`` and integers beyond 64 bits stay
    text.

    Args:
        path: A CSV (comma, semicolon, tab or bar), a gzipped CSV or a Parquet file.

    Returns:
        One row per data row; integers, floats, text or times per column.

    Raises:
        DataError: If the file is missing, empty, damaged, not UTF-8, or of another kind.
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
    table = _read_parquet(path) if head == b"PAR1" else _read_csv(path)
    if not table.num_rows:
        raise DataError(f"{path.name} has column names but no rows")
    return pd.DataFrame({name: _typed(table.column(i), name) for i, name in enumerate(table.column_names)})


def check_names(names: list[str]) -> None:
    """Refuse column names that stand for two columns.

    Args:
        names: All column names, in order.

    Raises:
        DataError: If a name appears twice.
    """
    for i, name in enumerate(names):
        if name in names[:i]:
            raise DataError(f"two columns are named {name!r}: columns {names.index(name) + 1} and {i + 1}")


def _read_parquet(path: Path) -> pa.Table:
    try:
        file = pa_parquet.ParquetFile(path)
        check_names(file.schema_arrow.names)
        _check_rows(file.metadata.num_rows, path)
        return file.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name} is a damaged Parquet file: {_first_line(error)}") from error


def _read_csv(path: Path) -> pa.Table:
    skip, names, delimiter = _header(path)
    try:
        with _opened(path) as stream:
            reader = pa_csv.open_csv(
                stream,
                pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=skip),
                pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), null_values=list(NULLS), strings_can_be_null=True
                ),
            )
            return _gathered(reader, path)
    except _GZIP_FAULTS as error:
        raise DataError(f"{path.name} is a damaged gzip file: {_first_line(error)}") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(_csv_fault(path, error, skip)) from error


def _csv_fault(path: Path, error: Exception, skip: int) -> str:
    text = _first_line(error)
    if "UTF8" in text:
        return _not_utf8(path, text)
    row = _BAD_ROW.search(text)
    if row is None:
        return f"{path.name} cannot be read as CSV: {text}"
    number, expected, found, start = row.groups()
    return f"{path.name}, data row {int(number) - skip}: {found} values where the header has {expected}: {start[:60]!r}"


def _gathered(reader: pa_csv.CSVStreamingReader, path: Path) -> pa.Table:
    batches, n_rows = [], 0
    for batch in reader:
        n_rows += batch.num_rows
        _check_rows(n_rows, path)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=reader.schema)


def _header(path: Path) -> tuple[int, list[str], str]:
    """Lines to skip before the data, the column names, and the delimiter."""
    skip, line = 0, b"\n"
    try:
        with _opened(path) as stream:
            while line and not line.strip():
                line, skip = stream.readline(1 << 20), skip + 1
        text = line.partition(b"\r")[0].decode("utf-8-sig").strip("\n")
    except UnicodeDecodeError as error:
        raise DataError(_not_utf8(path, f"byte 0x{line[error.start]:02x} in its first line")) from error
    except _GZIP_FAULTS as error:
        raise DataError(f"{path.name} is a damaged gzip file: {_first_line(error)}") from error
    if "\0" in text:
        raise DataError(f"{path.name} is neither text nor Parquet: its first line holds a zero byte")
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise DataError(f"the first line of {path.name} cannot be read: {error}") from error
    names = [name or f"column_{i + 1}" for i, name in enumerate(names)]
    check_names(names)
    if all(_is_number(name) for name in names):
        raise DataError(f"the first row of {path.name} must name the columns, but it holds numbers: {', '.join(names)}")
    return skip, names, delimiter


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def _typed(column: pa.ChunkedArray, name: str) -> pd.Series:
    """A column as pandas holds it without loss."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        raise DataError(f"column {name!r} holds lists or records; keep one value per row")
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _decoded(column, name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _numbers_where_lossless(pc.call_function("utf8_trim_whitespace", [column]))
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
    if text.null_count == len(text):
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


def _check_rows(n_rows: int, path: Path) -> None:
    if n_rows > MAX_ROWS:
        raise DataError(f"{path.name} has more than {MAX_ROWS:,} rows")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_utf8(path: Path, where: str) -> str:
    return f"{path.name} is not UTF-8 text ({where}); save it with the encoding UTF-8"


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
