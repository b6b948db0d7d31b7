"""Rivals of the search: each turns a number of bytes into a scheme; the same loop then trains whatever it chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from dnis.allocation import fit_dims, fit_pairs
from dnis.bilevel import Search, search
from dnis.budgets import rounds_of
from dnis.controller import DimensionController
from dnis.events import COLLAPSED
from dnis.gradual import GradualMagnitude, LearnedThresholds
from dnis.hypergradient import alpha_gradient
from dnis.pruning import largest_within, prune
from dnis.results import SearchResult
from dnis.rivals import Baseline, Candidate, feature_blocks, lasting_epochs
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.stopping import DivergedError
from dnis.training import Trainer, train

if TYPE_CHECKING:
    from dnis.splits import Split


class Uniform(Baseline):
    """Every feature gets the same number of dimensions: the largest that the budget holds, though never fewer than one.

    A budget below one dimension is exceeded, and the candidate says by how much.
    """

    label = "Uniform"

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """Plain tables of narrower rows; nothing is masked, nothing is stored beside them."""
        n = split.train.n_features
        widths = [int(np.clip(budget // (4 * n), 1, config.embedding_dim)) for budget in budgets]
        return [Candidate(config.for_training(embedding_dim=d), None, n * d, 4 * n * d) for d in widths]


class Dnis(Baseline):
    """The method as published: one search of the full table, cut at the end, retrained with alpha and mask fixed.

    Cheng, Shen, Huang, arXiv:2006.04466; retraining after AutoSrh (Kong 2023).
    """

    label = "DNIS"
    trains = 2.0

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One search, cut once per budget."""
        result = _alive(search(split, replace(config, compression=0.0, recipe="paper")))
        return [Candidate.of(config, prune(result, n_bytes=budget)) for budget in budgets]


class DnisBudget(Baseline):
    """The search told its budget: whole (block, dimension) pairs leave in rounds while weights and alpha adapt."""

    label = "DNIS, budget"
    trains = 2.0
    by_budget = True

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One search per budget."""
        found = (_alive(result) for result in _searched(split, config, budgets, "paper"))
        return [Candidate.of(config, prune(r, n_bytes=b)) for r, b in zip(found, budgets, strict=True)]


class DnisNested(Baseline):
    """The budgeted recipe by whole dimensions, learned per block on a turned table that keeps to its budget all along.

    The final table starts as the search's did: a full table is trained, turned and cut.
    """

    label = "DNIS, nested"
    trains = 2.0
    by_budget = True
    grain = "dimensions"

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One search per budget."""
        settled = (_settled(r) for r in _searched(split, replace(config, grain=self.grain), budgets, "budget"))
        found = [(r.retraining, prune(r, threshold=0.0)) for r in settled]
        return [Candidate(how, scheme, scheme.n_values, scheme.n_bytes) for how, scheme in found]


class DnisFit(DnisNested):
    """The budgeted recipe: single entries are cut in rounds, then whole dimensions; select_val says which it shall be.

    The final table starts as the search's did: a full table is trained, turned for whole dimensions, and cut.
    """

    label = "DNIS, fit"
    trains = 3.0
    grain = "either"


def _alive(result: SearchResult) -> SearchResult:
    """Refuse a search whose alpha has collapsed: an empty table would pass for a small one."""
    if float(result.alpha.max()) < COLLAPSED:
        raise DivergedError("; ".join(result.warnings))
    return result


def _settled(result: SearchResult) -> SearchResult:
    """Refuse a search that ended before its dimensions were whole: its best epoch holds the full table."""
    first = sum(e.phase == "warm" for e in result.history) + rounds_of(result.config)
    if result.best_epoch < first:
        why = "; ".join(result.warnings)
        raise DivergedError(f"the search kept epoch {result.best_epoch}, before its table met the budget: {why}")
    return result


def _searched(split: Split, config: SearchConfig, budgets: Sequence[int], recipe: str) -> Iterator[SearchResult]:
    """One search per budget [bytes]; the epochs before alpha moves are the same for all, and run once."""
    full = 4 * split.train.n_features * config.embedding_dim
    warm = None
    for budget in budgets:
        compression = float(np.clip(full / budget, 1, config.embedding_dim))
        running = Search(split, replace(config, compression=compression, recipe=recipe), state=warm)
        while running.next_phase == "warm" and not running.done:
            running.step()
        if warm is None:
            arrays, record = running.state()
            warm = {name: values for name, values in arrays.items() if not name.startswith("alpha.")}, record
        while not running.done:
            running.step()
        yield running.result()


class TurnedUniform(Baseline):
    """Control: the start of the budgeted recipe without its search; all blocks alike, but for what is left over."""

    label = "Uniform, turned"
    trains = 1.0

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """A full table trained until select_val gets worse, turned, and cut once per budget."""
        how = config.for_training(wide_epochs=lasting_epochs(split, config, patience=1))
        blocks = feature_blocks(split, config)
        weights = np.ones(int(blocks.max()) + 1)
        found = [fit_dims(weights, blocks, config.embedding_dim, budget) for budget in budgets]
        return [Candidate(how, scheme, scheme.n_values, scheme.n_bytes) for scheme in found]


class FrozenAlpha(Baseline):
    """Control: the same search with alpha frozen at 1, so that only the size of the weights decides the cut."""

    label = "Alpha frozen"
    trains = 1.5

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One search without alpha steps, cut once per budget."""
        result = search(split, replace(config, lr_alpha=0.0, alpha_start=1.0, compression=0.0, recipe="paper"))
        return [Candidate.of(config, prune(result, n_bytes=budget)) for budget in budgets]


class Magnitude(Baseline):
    """One-shot magnitude pruning of a trained table (Han 2015), with masked retraining."""

    label = "Magnitude"
    trains = 1.0

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One training, cut once per budget."""
        size = np.abs(train(split, config.for_training()).model.embeddings)
        blocks = feature_blocks(split, config)
        return [Candidate.of(config, largest_within(size, blocks, budget)) for budget in budgets]


class RandomBlocks(Baseline):
    """Control: dimensions per block drawn by lot, scaled to the budget."""

    label = "Random blocks"

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """Nested schemes; the same draw for every budget."""
        blocks = feature_blocks(split, config)
        weights = np.random.default_rng(config.seed).uniform(0.1, 1.0, int(blocks.max()) + 1)
        return [Candidate.of(config, fit_dims(weights, blocks, config.embedding_dim, b)) for b in budgets]


class MixedDimensions(Baseline):
    """Mixed Dimension Embeddings, projected to K (Ginart 2019, algorithm 2): d_l proportional to popularity^0.3."""

    label = "MDE"
    temperature = 0.3

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """Projected schemes; the projections count as stored values."""
        blocks = feature_blocks(split, config)
        popularity = np.bincount(blocks, weights=split.counts + 1.0) / np.bincount(blocks)
        weights = popularity**self.temperature
        return [
            Candidate.of(config, fit_dims(weights, blocks, config.embedding_dim, b, projected=True)) for b in budgets
        ]


class Saliency(Baseline):
    """SSEDS (Qu 2022, equation 7): after one training, keep the (block, dimension) pairs of largest mask gradient.

    The paper's units are fields; here they are feature blocks, as for the search. Gradient and mask are those of the
    soft selection layer at alpha = 1.
    """

    label = "SSEDS"
    trains = 1.0

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One training and one pass over the training part, cut once per budget."""
        blocks = feature_blocks(split, config)
        n_epochs = lasting_epochs(split, config)
        trainer = Trainer(split.train, config, SoftSelection(blocks, config.embedding_dim))
        for epoch in range(1, n_epochs + 1):
            trainer.run_epoch(epoch)
        total = torch.zeros_like(trainer.network.alpha)
        for batch in trainer.feed.batches(n_epochs + 1):
            total += alpha_gradient(trainer, batch, batch, order=1)
        # a pair of a large block costs more values: what counts is the gain per stored value
        saliency = total.detach().abs().numpy() / np.bincount(blocks)[:, None]
        return [Candidate.of(config, fit_pairs(saliency, blocks, budget)) for budget in budgets]


BASELINES: dict[str, type[Baseline]] = {
    "uniform": Uniform,
    "dnis": Dnis,
    "dnis-budget": DnisBudget,
    "dnis-nested": DnisNested,
    "dnis-fit": DnisFit,
    "uniform-turned": TurnedUniform,
    "frozen": FrozenAlpha,
    "magnitude": Magnitude,
    "gradual": GradualMagnitude,
    "random": RandomBlocks,
    "mde": MixedDimensions,
    "pep": LearnedThresholds,
    "sseds": Saliency,
    "nis": DimensionController,
}
"""Name -> class; the names are those of ``dnis.settings.METHODS``."""
