"""Times written as text: ISO 8601, or days as people write them in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
"""How a day may be written beside ISO 8601; one way holds for a whole column."""

CLOCKS = ("", " %H:%M", " %H:%M:%S")
"""What may follow the day."""

_DAY = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b")

_LOOKED_AT = 200
"""Rows that say whether a column holds days."""

UNITS_PER_SECOND = ((1e17, 10**9), (1e14, 10**6), (1e11, 10**3))
"""Times written as numbers from the first one on are counted in so many units per second."""


def read_times(column: pd.Series) -> pd.Series:
    """Read times the one way in which most cells are written; ISO 8601 where as many are.

    Args:
        column: Text or times, (n,).

    Returns:
        Times in UTC, NaT where a cell is none, and throughout where every day can be a month as well.
    """
    iso = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    if iso.notna().sum() * 2 > column.notna().sum():
        return iso
    cells = column.astype("string").str.strip()
    days = cells.str.partition(" ")[0]
    times_of_day = days.value_counts()  # many times lie in one day
    counts = {day: int(times_of_day[_read(times_of_day.index, day).notna().to_numpy()].sum()) for day in DAYS}
    day = day_of(counts)
    if day is None or iso.notna().sum() >= counts[day]:
        return iso
    times, n_colons = iso.astype("datetime64[us, UTC]"), cells.str.count(":").fillna(-1)
    for count, clock in zip((0, 1, 2), CLOCKS, strict=True):
        those = (n_colons == count).to_numpy(dtype=bool)
        times[those] = _read(cells[those], day + clock)
    return times


def day_of(counts: Mapping[str, int]) -> str | None:
    """Choose how the days of a column are written.

    Args:
        counts: How many cells each of ``DAYS`` can read.

    Returns:
        The one that reads most; None if none reads any, or if two read equally many: 03/04/2024 lies in March or in
        April.
    """
    most = max(counts.values())
    best = [day for day in DAYS if counts[day] == most]
    return best[0] if most and len(best) == 1 else None


def is_twofold(cell: str) -> bool:
    """Whether a day can be a month as well.

    Args:
        cell: A time as it is written.

    Returns:
        True for 03/04/2024.
    """
    day = cell.strip().partition(" ")[0]
    return all(not _read(pd.Series([day]), way).isna().any() for way in ("%d/%m/%Y", "%m/%d/%Y"))


def is_dated(cells: Iterable[Any]) -> bool:
    """Whether cells are days, or times that begin with a day.

    Args:
        cells: Values of a column, some of them at least.

    Returns:
        True if there are any, and every one is text that reads as such; a bare number, though ISO 8601 takes it for a
        year, is none.
    """
    texts = list(cells)
    written = bool(texts) and all(isinstance(t, str) and _DAY.match(t.strip()) is not None for t in texts)
    return written and bool(read_times(pd.Series(texts)).notna().all())


def dated_column(frame: pd.DataFrame) -> str | None:
    """The column that holds days or times, by what its first rows say.

    Args:
        frame: A table.

    Returns:
        Its name; None where there is no such column, or more than one.
    """
    head = frame.head(_LOOKED_AT)
    found = [name for name in frame.columns if _holds_times(head[name])]
    return found[0] if len(found) == 1 else None


def _holds_times(column: pd.Series) -> bool:
    return column.dtype.kind == "M" or (column.dtype.kind in "OTU" and is_dated(column.dropna().unique()))


def _read(texts: pd.Series | pd.Index, layout: str) -> pd.Series:
    return pd.Series(pd.to_datetime(texts, errors="coerce", utc=True, format=layout), dtype="datetime64[us, UTC]")
