"""Rank every item for every user in blocks, leaving out what the user has already seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse

from dnis.network import Network

if TYPE_CHECKING:
    from dnis.interactions import Interactions

BLOCK_SCORES = 4_000_000
"""Scores held at a time: bounds the memory of a ranking."""


def item_ranks(network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
    """Rank of every held-out item among all items that its user has not seen.

    Ties count against the held-out item, so a constant score earns nothing.

    Args:
        network: What scores.
        part: Held-out pairs; field 0 is the user, field 1 the item.
        seen: Pairs whose items are left out of the user's ranking, except the held-out item itself.

    Returns:
        Ranks from 0, (n,), in the order of ``part``.
    """
    low, high = (int(x) for x in part.vocabulary.offsets[1:3])
    items = torch.arange(low + 1, high)  # the unknown item is no candidate
    item_rows, item_bias = network.selected(items)
    users, row_of = np.unique(part.ids[:, 0], return_inverse=True)
    history = _history(users, seen, low + 1, high)
    column = part.ids[:, 1].astype(np.int64) - (low + 1)
    ranks = np.full(len(part), len(items), dtype=np.int64)  # an item unknown to training comes last
    per_block = max(1, BLOCK_SCORES // max(len(items), 1))
    for start in range(0, len(users), per_block):
        rows = np.flatnonzero((row_of >= start) & (row_of < start + per_block) & (column >= 0))
        chosen = users[start : start + per_block]
        user_rows, user_bias = network.selected(torch.from_numpy(chosen.astype(np.int64)))
        with torch.no_grad():
            scores = network.model.score_items(user_rows, user_bias, item_rows, item_bias).cpu().numpy()
        ranks[rows] = _ranks(scores, row_of[rows] - start, column[rows], history[start : start + per_block])
    return ranks


def _ranks(scores: np.ndarray, row: np.ndarray, column: np.ndarray, history: sparse.csr_matrix) -> np.ndarray:
    target = scores[row, column]
    masked = scores.copy()
    masked[history.nonzero()] = -np.inf
    # "not below" rather than "at least": a score that is no number must not earn the first place
    better = np.array([np.count_nonzero(~(masked[r] < t)) for r, t in zip(row, target, strict=True)], dtype=np.int64)
    itself = ~(masked[row, column] < target)
    return better - itself


def _history(users: np.ndarray, seen: Interactions | None, low: int, high: int) -> sparse.csr_matrix:
    shape = (len(users), high - low)
    if seen is None or not len(users):
        return sparse.csr_matrix(shape, dtype=bool)
    place = np.searchsorted(users, seen.ids[:, 0]).clip(max=len(users) - 1)
    # the unknown user stands for many people, who have not seen what the others have
    known = (seen.ids[:, 0] > 0) & (seen.ids[:, 1] >= low)
    kept = (users[place] == seen.ids[:, 0]) & known
    return sparse.csr_matrix((np.ones(kept.sum(), dtype=bool), (place[kept], seen.ids[kept, 1] - low)), shape=shape)
