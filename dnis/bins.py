"""Numbers cut into bins: where the bins begin, and what they are called."""

from __future__ import annotations

import numpy as np
import pandas as pd

MAX_BINS = 20
"""A numeric column becomes at most this many features, one for missing values aside."""

_MIN_BINS = 5


def bin_edges(known: np.ndarray) -> np.ndarray:
    """Where the bins of a column of numbers begin.

    Args:
        known: Finite numbers, (n,).

    Returns:
        Lower edges of the bins, ascending, the first at the minimum; every distinct number where there are few.
    """
    distinct = np.unique(known)
    if len(distinct) <= MAX_BINS:
        return distinct
    edges = np.unique(np.sort(known)[len(known) * np.arange(MAX_BINS) // MAX_BINS])
    if len(edges) < _MIN_BINS and known.min() >= 0 and known.max() >= 2**_MIN_BINS:
        doubling = 2.0 ** np.arange(min(MAX_BINS - 1, int(np.log2(known.max())) + 1))
        edges = np.concatenate([[known.min()], doubling[doubling > known.min()]])
    return edges


def bin_texts(numbers: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """What bins are called: the smallest and the largest number in each.

    Args:
        numbers: Numbers, (n,).
        bins: Bin of each, (n,).

    Returns:
        A text per bin that occurs, in their order.
    """
    table = pd.Series(numbers).groupby(bins).agg(["min", "max"])
    return np.array([_span(low, high) for low, high in table.to_numpy()], dtype=object)


def _span(low: float, high: float) -> str:
    first, last = (f"{v:.15g}" for v in (low, high))
    return first if low == high else f"{first} to {last}"
