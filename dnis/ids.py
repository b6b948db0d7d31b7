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


def are_whole(values: pd.Series, below: float) -> bool:
    """Whether floats are whole numbers below a bound, missing values aside.

    Args:
        values: A column of floats, (n,).
        below: The bound of their size.

    Returns:
        True where all are, so that 12.0 can be written as 12.
    """
    known = values.dropna().to_numpy(dtype=np.float64)
    return bool(((np.abs(known) < below) & (np.trunc(known) == known)).all())


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
    floats = [c for c in categories if pd.api.types.is_float_dtype(frame[c].dtype)]
    doubtful = [c for c in floats if not are_whole(frame[c], EXACT_BELOW)]
    if not doubtful:
        return frame
    # what is no number, such as nan, is missing as a text, too
    text = {c: column.where(frame[c].notna()) for c, column in read_frame(path, as_text=doubtful)[doubtful].items()}
    lossy = [c for c in doubtful if text[c].nunique() > frame[c].nunique() or (frame[c].abs() >= EXACT_BELOW).any()]
    return frame.assign(**{str(c): text[c] for c in lossy})
