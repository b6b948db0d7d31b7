"""Times written as text: ISO 8601, or days as people write them in a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
"""How a day may be written beside ISO 8601; one way holds for a whole column."""

CLOCKS = ("", " %H:%M", " %H:%M:%S")
"""What may follow the day."""


def read_times(column: pd.Series) -> pd.Series:
    """Read times the one way in which most cells are written.

    Args:
        column: Text or times, (n,).

    Returns:
        Times in UTC, NaT where a cell is none, and throughout where every day can be a month as well.
    """
    iso = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    if iso.notna().sum() * 2 > column.notna().sum():
        return iso
    ways = {day: _written(column, day) for day in DAYS}
    day = day_of({day: int(times.notna().sum()) for day, times in ways.items()})
    return iso if day is None else ways[day]


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
    return all(_written(pd.Series([cell]), day).notna().all() for day in ("%d/%m/%Y", "%m/%d/%Y"))


def _written(column: pd.Series, day: str) -> pd.Series:
    cells = column.astype("string").str.strip()
    times = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[ns, UTC]")
    for clock in CLOCKS:
        times = times.fillna(pd.to_datetime(cells, errors="coerce", utc=True, format=day + clock))
    return times
