"""Full softmax of a ranking: each pair's share among all items, for MF by one product of users and items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from dnis.lookups import Lookup
from dnis.models import Model
from dnis.settings import TrainConfig

if TYPE_CHECKING:
    from dnis.interactions import Interactions

LARGEST_GRID = 2**26
"""Scores of one batch, users times items, 268 MB; training holds about three times that."""

BATCH_GRID = 2**20
"""Scores of one batch that take no longer than its other work."""


class _AllItems(nn.Module):
    """Gives ``score_items`` the place of ``forward``, where other parameters can be put in."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, users: Tensor, user_bias: Tensor, items: Tensor, item_bias: Tensor) -> Tensor:
        return self.model.score_items(users, user_bias, items, item_bias)


def has_full_softmax(config: TrainConfig) -> bool:
    """Whether the loss asks for a pair's share among all items."""
    return config.task == "topk" and config.topk_loss == "full_softmax"


def full_softmax_rows(part: Interactions) -> int:
    """Most rows of a batch: where users have one each, a batch of the usual size would score all items for thousands.

    Args:
        part: The interactions to be walked over, user by user.

    Returns:
        The rows that ``BATCH_GRID`` scores serve on average.
    """
    low, high = (int(x) for x in part.vocabulary.offsets[1:3])
    n_users = max(1, int(np.count_nonzero(part.counts[:low])))
    return max(1, int(BATCH_GRID * len(part) // (n_users * (high - low))))


def log_shares(model: Model, rows: Tensor, look: Lookup, dense: dict[str, Tensor] | None) -> Tensor:
    """Log of the share that each pair has of its user's softmax over all items (multinomial likelihood, Liang 2018).

    Args:
        model: What scores.
        rows: Selected rows of the lookup's features, (n, K).
        look: Pairs, and as its last features every item.
        dense: The model's other parameters, where they differ from the model's own.

    Returns:
        Logs (n_own,) of the rows of the batch that are this process's own.

    Raises:
        ValueError: If the batch has too many users for that many items.
    """
    if look.inverse is None:
        raise ValueError("a full softmax needs every feature of a lookup once, got one that repeats them")
    place = look.inverse.view(look.shape)[look.own]
    users, row = place[:, 0].unique(return_inverse=True)
    if len(users) * look.n_items > LARGEST_GRID:
        raise ValueError(
            f"full_softmax scores all {look.n_items:,} items for all {len(users):,} users of a batch, at most "
            f"{LARGEST_GRID:,} at once; lower batch_size, now {look.shape[0]:,}, or take another topk_loss"
        )
    first = len(rows) - look.n_items
    # a user's bias moves all items alike: its gradient would be rounding errors, which Adam takes for steps
    parts = (rows[users], torch.zeros_like(users, dtype=rows.dtype), rows[first:], look.bias[first:, 0])
    if dense is None:
        scores = model.score_items(*parts)
    else:
        scores = functional_call(_AllItems(model), {f"model.{name}": value for name, value in dense.items()}, parts)
    return scores.log_softmax(1)[row, place[:, 1] - first]
