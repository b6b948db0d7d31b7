"""Columns of ids: two cells are one value only where the file says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis.reading import read_frame

if TYPE_CHECKING:
    from dnis.roles import Roles

EXACT_BELOW = 2.0**53
"""From here on a float stands for more than one whole number."""


def are_exact(values: pd.Series) -> bool:
    """Whether floats are whole numbers of which none stands for another, missing values aside.

    Args:
        values: A column of floats, (n,).

    Returns:
        True where all are whole and below 2^53, so that 12.0 can be written as 12.
    """
    known = values.dropna().to_numpy(dtype=np.float64)
    return bool(((np.abs(known) < EXACT_BELOW) & (np.trunc(known) == known)).all())


def as_written(frame: pd.DataFrame, path: str | Path, roles: Roles) -> pd.DataFrame:
    """The same table with its ids as the file has them, where floats would make one of several, as of 1.1 and 1.10.

    Args:
        frame: What ``read_frame`` made of the file.
        path: The file; read once more where such a column is there.
        roles: What each column is; users, items and categories are ids.

    Returns:
        The table; ``frame`` itself where nothing is lost.

    Raises:
        DataError: If the file can no longer be read.
    """
    categories = [c for c in roles.fields if c in frame.columns and c not in roles.numeric]
    lossy = [c for c in categories if pd.api.types.is_float_dtype(frame[c].dtype) and not are_exact(frame[c])]
    return read_frame(path, as_text=lossy) if lossy else frame
