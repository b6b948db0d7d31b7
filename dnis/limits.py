"""How large a file may be, said once; whoever reads one asks here and refuses in one sentence."""

from __future__ import annotations

import os

MAX_ROWS = 10_000_000
"""Most rows of a table; the environment variable DNIS_MAX_ROWS says otherwise."""

MAX_COLUMNS = 500
"""Most columns of a table."""

MAX_CELLS = 100_000_000
"""Most cells of a table, rows times columns: a Parquet file of a few kB can hold any number of equal rows."""

MAX_UNPACKED_BYTES = 500_000_000
"""Most that a gzip or Parquet file may become when unpacked, so that a small file cannot fill the memory [bytes]."""


class DataError(ValueError):
    """Data that cannot be used, in one sentence that names the column or row and the value seen."""


def max_rows() -> int:
    """Most rows of a table: environment variable DNIS_MAX_ROWS, else ``MAX_ROWS``.

    Returns:
        A number of rows.

    Raises:
        ValueError: If the variable holds anything but a whole number in [1, 1000000000].
    """
    return whole_number("DNIS_MAX_ROWS", MAX_ROWS, 1, 1_000_000_000)


def whole_number(variable: str, default: int, low: int, high: int) -> int:
    """A whole number from the environment.

    Args:
        variable: Name of the environment variable.
        default: The number where the variable is not set or empty.
        low: Smallest allowed.
        high: Largest allowed.

    Returns:
        The number.

    Raises:
        ValueError: If the variable holds anything else.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not low <= int(text) <= high:
        raise ValueError(f"{variable} must be a whole number in [{low}, {high}], got {text[:40]!r}")
    return int(text)


def job_bytes() -> int:
    """Most memory that a worker may take for its data: environment variable DNIS_JOB_MB, else 4000 MB.

    Returns:
        A number of bytes, 0 for no bound.

    Raises:
        ValueError: If the variable holds anything but a whole number in [0, 10000000].
    """
    return whole_number("DNIS_JOB_MB", 4000, 0, 10_000_000) * 1_000_000


def bound_memory(n_bytes: int) -> None:
    """Let this process take no more memory for its data from now on, where the system can see to that (Linux).

    Args:
        n_bytes: The bound; 0 for none.
    """
    try:
        import resource  # noqa: PLC0415  not on every system
    except ImportError:
        return
    if n_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


def check_size(name: str, n_rows: int, n_columns: int) -> None:
    """Refuse a table that is too large.

    Args:
        name: What the file is called.
        n_rows: Rows seen so far.
        n_columns: Its columns.

    Raises:
        DataError: If there are too many rows, columns or cells.
    """
    if n_columns > MAX_COLUMNS:
        raise DataError(f"{name} has {n_columns:,} columns, more than the limit of {MAX_COLUMNS:,}")
    if n_rows > max_rows():
        raise DataError(f"{name} has {n_rows:,} rows or more, over the limit of {max_rows():,} (DNIS_MAX_ROWS)")
    if n_rows * n_columns > MAX_CELLS:
        raise DataError(f"{name} has {n_rows * n_columns:,} cells or more, over the limit of {MAX_CELLS:,}")


def check_unpacked(name: str, n_bytes: int) -> None:
    """Refuse a packed file that grows too large.

    Args:
        name: What the file is called.
        n_bytes: Unpacked bytes seen so far.

    Raises:
        DataError: If these are more than ``MAX_UNPACKED_BYTES``.
    """
    if n_bytes > MAX_UNPACKED_BYTES:
        raise DataError(
            f"{name} unpacks to {n_bytes / 1e6:,.0f} MB or more, over the limit of {MAX_UNPACKED_BYTES / 1e6:,.0f} MB"
        )
