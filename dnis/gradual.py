"""Rivals that find their table while it trains: gradual magnitude pruning, and learned thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from dnis.feeds import Batch
from dnis.pruning import largest_within
from dnis.rivals import Baseline, Candidate, feature_blocks, lasting_epochs
from dnis.schemes import DimensionScheme
from dnis.selection import HardSelection, UniformSelection
from dnis.settings import SearchConfig
from dnis.training import Trainer

if TYPE_CHECKING:
    from dnis.splits import Split


def sparsity_at(done: float, goal: float) -> float:
    """Share of the table that is gone after a share of the run, goal * (1 - 0.01^(1.5 done)).

    DeepLight's sparsity S (1 - 0.99^(t / 100)) (Deng 2021) is meant for millions of steps; here its exponent is scaled
    so that 99 % of S is reached after two thirds of the run.

    Args:
        done: Share of the run, in [0, 1].
        goal: Sparsity S that the run aims at, in [0, 1].

    Returns:
        Share of entries, in [0, goal).
    """
    return goal * (1 - 0.01 ** (1.5 * done))


class GradualMagnitude(Baseline):
    """Gradual magnitude pruning while training (DeepLight, Deng 2021), with masked retraining.

    The share of dropped entries follows ``sparsity_at``. While the run lasts they may come back: no gradient reaches
    them, but the optimiser's momentum moves them on for a while.
    """

    label = "Gradual"
    trains = 2.0
    by_budget = True
    every = 10

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One training for its length, then one pruned training per budget."""
        blocks = feature_blocks(split, config)
        n_epochs = 2 * lasting_epochs(split, config)
        return [Candidate.of(config, self._pruned(split, config, blocks, budget, n_epochs)) for budget in budgets]

    def _pruned(
        self, split: Split, config: SearchConfig, blocks: np.ndarray, budget: int, n_epochs: int
    ) -> DimensionScheme:
        mask = np.ones((split.train.n_features, config.embedding_dim), dtype=bool)
        selection = HardSelection(DimensionScheme(mask, blocks))
        trainer = Trainer(split.train, config, selection)
        # which entries will be large is not known yet, how many of them fit is: any magnitudes tell it
        goal = 1 - float(largest_within(trainer.network.embeddings.values.abs().numpy(), blocks, budget).mask.mean())
        n_steps = n_epochs * -(-len(split.train) // trainer.feed.size)
        turn = 0

        def before_step(_batch: Batch) -> None:
            nonlocal turn
            turn += 1
            if turn % self.every == 0:
                size = trainer.network.embeddings.values.abs()
                n_gone = int(sparsity_at(turn / n_steps, goal) * size.numel())
                if n_gone:
                    selection.mask = size > size.flatten().kthvalue(n_gone).values

        for epoch in range(1, n_epochs + 1):
            trainer.run_epoch(epoch, before_step)
        return largest_within(trainer.network.embeddings.values.abs().numpy(), blocks, budget)


class ThresholdSelection(UniformSelection):
    """e^ = sign(v) relu(|v| - sigmoid(s)), one learned s per feature (PEP, Liu 2021, equation 6).

    Args:
        n_features: Rows of the table.
        start: Start value of s.
    """

    def __init__(self, n_features: int, start: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.full((n_features, 1), start))

    def forward(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Rows (n, K) of ``feature_ids`` (n,), shrunk towards zero by their feature's threshold."""
        return rows.sign() * torch.relu(rows.abs() - torch.sigmoid(self.threshold.index_select(0, feature_ids)))

    def weights(self) -> list[nn.Parameter]:
        """The thresholds."""
        return [self.threshold]


class LearnedThresholds(Baseline):
    """PEP (Liu 2021): thresholds learned with the weights, retraining from the original initial values under the mask.

    The thresholds start low and are pushed up by ``rise`` an epoch, for all features alike, beside what they learn: in
    the place of the paper's weight decay, which an Adam step makes one of constant size. For each budget the mask is
    read in the first epoch that fits, largest |v| - sigmoid(s) first. A budget that no epoch reached is cut from the
    last.
    """

    label = "PEP"
    trains = 2.0
    start, rise = -8.0, 1.5

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One training whose table thins out, read at every budget on its way."""
        blocks = feature_blocks(split, config)
        selection = ThresholdSelection(split.train.n_features, self.start)
        trainer = Trainer(split.train, config, selection)
        push = self.rise / -(-len(split.train) // trainer.feed.size)
        found: dict[int, DimensionScheme] = {}
        for epoch in range(1, config.epochs + 1):
            trainer.run_epoch(epoch, lambda _batch: self._push(selection, push))
            margin = self._margin(trainer, selection)
            size = DimensionScheme(margin > 0, blocks).n_bytes
            for budget in set(budgets) - set(found):
                if size <= budget or epoch == config.epochs:
                    found[budget] = largest_within(np.maximum(margin - margin.min(), 0), blocks, budget)
            if len(found) == len(set(budgets)):
                break
        return [Candidate.of(config, found[budget]) for budget in budgets]

    def _push(self, selection: ThresholdSelection, push: float) -> None:
        with torch.no_grad():
            selection.threshold.add_(push)

    def _margin(self, trainer: Trainer, selection: ThresholdSelection) -> np.ndarray:
        with torch.no_grad():
            return (trainer.network.embeddings.values.abs() - torch.sigmoid(selection.threshold)).numpy()
