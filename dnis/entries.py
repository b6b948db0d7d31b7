"""The budgeted recipe's other way of cutting: single entries leave in rounds, the smallest |alpha * e| first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from dnis.alphas import AlphaOptimizer
from dnis.budgets import rounds_of
from dnis.phases import n_entries
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.tables import RowTable

TRAVEL = 0.5
"""How far alpha can travel in an epoch."""

CUTS = 10
"""Cuts per epoch."""


class EntryCuts(AlphaOptimizer):
    """Learns alpha as the published recipe does, while the table shrinks to what the budget holds in single entries.

    The kept share falls geometrically with every cut, so that weights and alpha adapt to what has gone; what is gone
    stays gone. Rows differ in the entries that they keep, so the index counts (``DimensionScheme.n_bytes``).

    Args:
        selection: Weights rows by alpha (n_blocks, K), and leaves out what is gone.
        table: The embeddings (n_features, K), or the rows of them that this process has.
        block_of: Block per feature, (n_features,).
        config: Settings; ``compression`` is the budget.
        n_steps: Steps of an epoch.
    """

    def __init__(
        self, selection: SoftSelection, table: RowTable, block_of: np.ndarray, config: SearchConfig, n_steps: int
    ) -> None:
        pace = {"lr_alpha": min(TRAVEL / n_steps, 1.0), "l1_alpha": 0.0, "alpha_optimizer": "sgd", "normalise": True}
        super().__init__(selection.alpha, block_of, replace(config, recipe="paper", compression=0.0, **pace))
        self.selection, self.table = selection, table
        self.n_entries, self.n_kept = len(block_of) * config.embedding_dim, n_entries(config, len(block_of))
        self.pause, self.n_turns = max(1, n_steps // CUTS), n_steps * rounds_of(config)
        self.own_blocks = torch.from_numpy(table.own(block_of).astype(np.int64)).to(self.alpha.device)
        self.own_kept: Tensor | None = None
        self.settled = False

    def begin(self, loss: Callable[[], float]) -> None:
        """Alpha starts to move from where it is; nothing has gone yet."""
        self._keep(torch.ones_like(self.table.values, dtype=torch.bool))

    def step(self, grad: Tensor) -> None:
        """Move against the gradient of the validation loss, (n_blocks, K), and cut where it is time to."""
        super().step(grad)
        if self.steps % self.pause == 0:
            share = (max(self.n_kept, 1) / self.n_entries) ** min(self.steps / self.n_turns, 1.0)
            self._cut(round(share * self.n_entries))

    def after_epoch(self, turn: int, rounds: int, table: RowTable) -> None:
        """The last of the rounds leaves what the budget holds; alpha rests from then on, and weights go on."""
        if turn == rounds:
            self._cut(self.n_kept)
            self.settled = True

    @torch.no_grad()
    def stored(self, values: Tensor) -> Tensor:
        """Own rows of the table as they are stored: 0 where an entry has gone."""
        return values if self.own_kept is None else values * self.own_kept

    @torch.no_grad()
    def _cut(self, n_kept: int) -> None:
        """Keep the largest |alpha * e| of those that are left, at most so many of all processes together."""
        if n_kept >= self.n_entries:
            return
        size = self.stored(self.table.values * self.alpha.index_select(0, self.own_blocks)).abs_()
        self._keep(size > nth_largest(size, n_kept + 1, self.table.total))

    def _keep(self, own: Tensor) -> None:
        self.own_kept = own
        self.selection.kept = self.table.everywhere(own)

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed search needs of alpha, by name."""
        left = {} if self.selection.kept is None else {"entries": self.selection.kept}
        return {**super().state(), **left, "settled": torch.tensor(self.settled)}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        super().load(state)
        self.settled = bool(state["settled"])
        if "entries" in state:
            kept = state["entries"].bool().to(self.alpha.device)
            own = torch.from_numpy(self.table.own(state["entries"].bool().cpu().numpy()).copy())
            self.own_kept, self.selection.kept = own.to(self.alpha.device), kept


def nth_largest(values: Tensor, n: int, total: Callable[[Tensor], Tensor]) -> Tensor:
    """The n-th largest of numbers that are dealt over processes, exactly.

    Args:
        values: Own numbers, none negative, float32.
        n: From 1 to how many numbers there are on all processes.
        total: Makes a sum over the own numbers one over all.

    Returns:
        A scalar.
    """
    # the bits of floats that are not negative are in the order of the floats: count the upper half of them, then the
    # lower half of those that share the upper one
    bits = values.contiguous().view(torch.int32).flatten()
    above, found = n - 1, torch.zeros((), dtype=torch.int32, device=values.device)
    for shift, mask in ((16, 0x7FFF), (0, 0xFFFF)):
        level = (bits >> shift) & mask
        counts = total(torch.bincount(level, minlength=mask + 1)).flip(0).cumsum(0)
        place = int((counts > above).nonzero()[0])
        above -= int(counts[place - 1]) if place else 0
        bits = bits[level == mask - place]
        found = found | ((mask - place) << shift)
    return found.to(torch.int32).view(torch.float32)
