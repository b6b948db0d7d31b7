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


def distinct(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The distinct ones among ids.

    Args:
        ids: Numbers in [0, 2^31), of any shape.

    Returns:
        The distinct numbers (n,) in order, the place of every id among them (n_ids,), and how often each occurs (n,).

    Examples:
        >>> [part.tolist() for part in distinct(torch.tensor([[7, 2], [7, 9]]))]
        [[2, 7, 9], [1, 0, 1, 2], [1, 2, 1]]
    """
    flat = ids.reshape(-1).numpy()
    # an id above its position: NumPy sorts numbers many times faster than it, or torch, sorts places by them
    keys = np.sort(flat << 32 | np.arange(len(flat)))
    found, place = keys >> 32, keys & 0xFFFFFFFF
    starts = np.flatnonzero(np.diff(found, prepend=-1))
    times = np.diff(starts, append=len(flat))
    inverse = np.empty_like(place)
    inverse[place] = np.repeat(np.arange(len(starts)), times)
    return torch.from_numpy(found[starts]), torch.from_numpy(inverse), torch.from_numpy(times)
