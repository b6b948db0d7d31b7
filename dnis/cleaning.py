"""Rows that cannot be used: which they are, and a log without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis.counting import counted
from dnis.reading import DataError
from dnis.roles import SPLIT_WORDS
from dnis.times import read_times

if TYPE_CHECKING:
    from dnis.roles import Roles


LARGEST_TIME = 2.0**63
"""What a number of seconds, or of parts of a second, is smaller than."""


def unusable(column: pd.Series, role: str) -> np.ndarray:
    """Rows whose cell cannot be what its role asks for.

    Args:
        column: A raw column.
        role: Its role; see ``ROLE_NAMES``.

    Returns:
        A mask (n,). An empty cell of a feature is a value of its own, hence usable.
    """
    missing = column.isna().to_numpy()
    if role in ("rating", "numeric"):
        bad = ~np.isfinite(_numbers(column))
        return bad if role == "rating" else bad & ~missing
    if role == "timestamp":
        return missing if pd.api.types.is_datetime64_any_dtype(column.dtype) else _no_times(column)
    if role == "split":
        return ~column.astype(str).str.lower().isin(list(SPLIT_WORDS)).to_numpy(dtype=bool)
    return missing if role in ("user", "item", "label") else np.zeros(len(column), dtype=bool)


def without_unusable(frame: pd.DataFrame, roles: Roles) -> tuple[pd.DataFrame, list[str]]:
    """Leave out rows without a user or an item, and those that ``roles.clean`` asks to leave out.

    Args:
        frame: The table.
        roles: What each column is.

    Returns:
        The other rows, which keep their index, and a sentence per column on what was left out.

    Raises:
        DataError: If no row is left.
    """
    notes = []
    for column in dict.fromkeys(c for c in (roles.user, roles.item, *roles.clean) if c is not None):
        role = roles.role_of(column)
        bad = unusable(frame[column], role)
        if bad.all():
            what = "is empty in every row" if frame[column].isna().all() else f"has no row that can be used as {role}"
            raise DataError(f"column {column!r} {what}")
        if bad.any():
            first = int(frame.index[int(np.argmax(bad))]) + 1
            what = "without" if role in ("user", "item") else "with an unusable"
            notes.append(f"Dropped {counted(int(bad.sum()), 'row')} {what} {column!r}, the first data row {first:,}.")
            frame = frame[~bad]
    return frame, notes


def are_numbers(column: pd.Series, numbers: np.ndarray) -> bool:
    """Whether times are numbers rather than text: what most cells are decides, so that the odd one is the one named.

    Args:
        column: Times.
        numbers: The same as numbers, NaN where a cell is none, (n,).

    Returns:
        True where they are to be read as numbers.
    """
    return pd.api.types.is_numeric_dtype(column.dtype) or float(np.isfinite(numbers).mean()) > 0.5


def is_time(numbers: np.ndarray) -> np.ndarray:
    """Which numbers can be a time: those that a 64-bit integer holds, in whichever unit, (n,) bool.

    Args:
        numbers: Times as numbers, (n,).

    Returns:
        False for NaN, infinity and what is too large.
    """
    return np.abs(numbers) < LARGEST_TIME


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _no_times(column: pd.Series) -> np.ndarray:
    numbers = _numbers(column)
    if are_numbers(column, numbers):
        return ~is_time(numbers)
    return read_times(column).isna().to_numpy()
