"""The rows that a batch needs: which features it has, and where each of them stands in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(slots=True)
class Lookup:
    """The features of a batch, each pulled once, or as often as it occurs where no gradient is taken for its row.

    ``features`` (n,) ids and ``times`` (n,) how often each occurs; ``inverse`` (batch * n_fields,) the place of every
    id in ``features``; ``rows`` (n, K) and ``bias`` (n, 1) are the leaves that gradients are taken for; ``shape`` is
    (batch, n_fields). ``own`` are the rows of the batch that this process scores: all of them where it is alone. The
    last ``n_items`` features are all items where the loss asks for each pair's share among them, else 0. ``parts``
    (parts, n, K + 1) are what rows and biases were cut from and their moments, where a table keeps all side by side and
    they may be moved.
    """

    features: Tensor
    inverse: Tensor | None
    times: Tensor
    rows: Tensor
    bias: Tensor
    shape: torch.Size
    own: slice
    n_items: int = 0
    parts: Tensor | None = None


SPARSE = 5
"""Ids that are fewer than a table's rows by more than this factor are sorted, others are counted row by row."""


def distinct(ids: Tensor, n_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """The distinct ones among ids.

    Args:
        ids: Numbers in [0, n_rows), of any shape.
        n_rows: Rows of the table that they belong to, at most 2^31.

    Returns:
        The distinct numbers (n,) in order, the place of every id among them (n_ids,), and how often each occurs (n,).

    Examples:
        >>> [part.tolist() for part in distinct(torch.tensor([[7, 2], [7, 9]]), 10)]
        [[2, 7, 9], [1, 0, 1, 2], [1, 2, 1]]
    """
    flat = ids.reshape(-1).numpy()
    found = _counted(flat, n_rows) if n_rows <= SPARSE * len(flat) else _sorted(flat)
    return torch.from_numpy(found[0]), torch.from_numpy(found[1]), torch.from_numpy(found[2])


def _counted(flat: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = np.bincount(flat, minlength=n_rows)
    found = np.flatnonzero(times > 0)  # a search of bools takes half the time of one of numbers
    place = np.empty(n_rows, dtype=np.int64)
    place[found] = np.arange(len(found))
    return found, place[flat], times[found]


def _sorted(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # an id above its position: NumPy sorts numbers many times faster than it, or torch, sorts places by them
    keys = np.sort(flat << 32 | np.arange(len(flat)))
    found, place = keys >> 32, keys & 0xFFFFFFFF
    new = np.ones(len(flat), dtype=bool)
    np.not_equal(found[1:], found[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    inverse = np.empty_like(place)
    inverse[place] = np.cumsum(new) - 1
    return found[starts], inverse, np.diff(starts, append=len(flat))
