"""The cells of a comparison: which there are, and how each is computed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.baselines import BASELINES
from dnis.cells import CellStore, fingerprint, peak_bytes, reset_peak
from dnis.limits import DataError
from dnis.network import Network
from dnis.rivals import Candidate, feature_blocks
from dnis.settings import CompareConfig, SearchConfig
from dnis.stopping import DivergedError
from dnis.tasks import TASKS
from dnis.training import train

if TYPE_CHECKING:
    from dnis.splits import Split

OnCell = Callable[[dict[str, Any]], None]

Choice = tuple[int, int]
"""A trial and its best epoch."""

DIVERGED: dict[str, Any] = {"loss": math.inf, "rank": math.inf, "epoch": 0}
"""What a trial gives that diverged."""


def trials(config: CompareConfig) -> list[SearchConfig]:
    """The settings that every method is tried with: the given ones first, then draws around them.

    Learning rate and L2 are drawn log-uniformly within a factor of 3 of the given ones, the frequency exponent nu from
    [-0.6, 0.2]; the draws depend on the first seed alone and are the same for all methods.

    Args:
        config: What to compare.

    Returns:
        ``n_trials`` settings.
    """
    rng = np.random.default_rng(config.seeds[0])
    out = [replace(config.search, seed=config.seeds[0])]
    for _ in range(config.n_trials - 1):
        lr, l2 = (x * 3 ** rng.uniform(-1, 1) for x in (config.search.lr, config.search.l2))
        lr, l2 = float(np.clip(lr, 1e-6, 1.0)), float(min(l2, 100.0))  # no further than the settings allow
        out.append(replace(out[0], lr=lr, l2=l2, l2_nu=float(rng.uniform(-0.6, 0.2))))
    return out


def budgets(split: Split, config: CompareConfig) -> list[int]:
    """Bytes of each compression: the full table of float32 divided by it."""
    full = 4 * split.train.n_features * config.search.embedding_dim
    return [int(full / c) for c in config.compressions]


def n_cells(config: CompareConfig) -> int:
    """Cells of a comparison: one per method and trial, then one per method, seed and compression."""
    return len(config.methods) * (config.n_trials + len(config.seeds) * len(config.compressions))


def best_trials(tuned: list[list[dict[str, Any]]]) -> list[Choice | None]:
    """Choose a trial per budget.

    Args:
        tuned: What every trial of one method gave, per budget; see ``Contest.tune``.

    Returns:
        The trial that is best on select_val by the metric that the methods are compared by, and its epoch of lowest
        loss, per budget; None where every trial diverged.
    """
    best = [min(range(len(tuned)), key=lambda t: tuned[t][p]["rank"]) for p in range(len(tuned[0]))]
    return [(t, tuned[t][p]["epoch"]) if math.isfinite(tuned[t][p]["loss"]) else None for p, t in enumerate(best)]


class Contest:
    """One comparison under way: computes cells, or takes them from the store where they are finished.

    Args:
        split: The four roles.
        config: What to compare.
        store: Where finished cells are kept.
        on_event: Told of every cell; may raise to stop.

    Raises:
        DataError: If the metric is AUC and the test part holds one label only, or a compression leaves next to nothing.
    """

    def __init__(self, split: Split, config: CompareConfig, store: CellStore, on_event: OnCell | None) -> None:
        if TASKS[config.search.task].metric == "auc" and len(labels := np.unique(split.test.target)) < 2:
            alone = f"which holds {labels[0]:g} alone"
            raise DataError(f"auc needs labels 0 and 1 in the test part, {alone}: split otherwise")
        self.split, self.config, self.store, self.on_event = split, config, store, on_event
        self.budgets = budgets(split, config)
        blocks = feature_blocks(split, config.search)
        index = int(blocks.max() + 1) * -(-config.search.embedding_dim // 8)
        for compression, budget in zip(config.compressions, self.budgets, strict=True):
            if budget < index:
                need = f"{index:,} bytes that say which dimensions each block keeps"
                raise DataError(f"compressions: {compression:g}x leaves {budget:,} bytes, fewer than the {need}")
        self.trials = trials(config)
        self.done = 0

    def tell(self, method: str, kind: str, **facts: Any) -> None:
        """Report a finished cell."""
        self.done += 1
        if self.on_event is not None:
            label = BASELINES[method].label
            self.on_event({"done": self.done, "n_cells": n_cells(self.config), "method": label, "kind": kind, **facts})

    def tune(self, method: str, trial: int) -> list[dict[str, Any]]:
        """Try the settings of one trial.

        Returns:
            Per budget its loss on select_val, its best epoch and ``rank``, the smaller the better; loss and rank are
            infinite where search or training diverges.
        """
        config = self.trials[trial]
        key = fingerprint("tune", method, config, self.budgets)
        out = self.store.record(key, lambda: [self._tried(c) for c in self._proposed(method, config, self.budgets)])
        self.tell(method, "tune", trial=trial)
        return out

    def _proposed(self, method: str, config: SearchConfig, wanted: list[int]) -> list[Candidate | None]:
        """A candidate per budget, None where its search diverges."""
        try:
            return [*BASELINES[method]().candidates(self.split, config, wanted)]
        except DivergedError:
            # searches of one budget each need not all go astray with the first that does
            return [None] if len(wanted) == 1 else [c for b in wanted for c in self._proposed(method, config, [b])]

    def _tried(self, candidate: Candidate | None) -> dict[str, Any]:
        if candidate is None:
            return DIVERGED
        try:
            found = train(self.split, candidate.config, candidate.scheme)
        except DivergedError:
            return DIVERGED
        task, val = TASKS[candidate.config.task], found.metrics["val"]
        score = val[task.metric]
        # AUC is nan where select_val holds one label alone, for every trial alike
        rank = val["loss"] if math.isnan(score) else -score if task.higher_is_better else score
        return {"loss": val["loss"], "rank": rank, "epoch": found.best_epoch}

    def final(self, method: str, seed: int, places: list[int], chosen: list[Choice | None]) -> list[dict[str, Any]]:
        """Train the candidates of some budgets on everything but test, and keep what happened on every test row.

        Args:
            method: Name of the method.
            seed: Seed of proposal and training.
            places: Which budgets; all of them chose the same trial.
            chosen: Trial and best epoch of every budget, None where no trial is left.

        Returns:
            Per place the cell: outcomes (n_test,), sizes, settings, seconds and peak memory; empty where it diverged.
        """
        taken = [choice for p in places if (choice := chosen[p]) is not None]
        out = self._finished(method, seed, places, taken) if taken else [{} for _ in places]
        for _ in places:
            self.tell(method, "final", seed=seed)
        return out

    def _finished(self, method: str, seed: int, places: list[int], taken: list[Choice]) -> list[dict[str, Any]]:
        config = replace(self.trials[taken[0][0]], seed=seed)
        wanted, epochs = [self.budgets[p] for p in places], [epoch for _, epoch in taken]

        def compute() -> list[dict[str, Any]]:
            reset_peak()
            started = time.perf_counter()
            candidates = self._proposed(method, config, wanted)
            cost = (time.perf_counter() - started) / len(wanted), peak_bytes()
            return [self._judged(c, n, *cost) for c, n in zip(candidates, epochs, strict=True)]

        return self.store.record(fingerprint("final", method, config, wanted, epochs), compute)

    def _judged(
        self, candidate: Candidate | None, n_epochs: int, proposal_s: float, proposal_peak: int | None
    ) -> dict[str, Any]:
        if candidate is None:
            return {}
        reset_peak()
        started = time.perf_counter()
        config = replace(candidate.config, epochs=n_epochs)
        try:
            fitted = train(self.split, config, candidate.scheme, data="development").model
        except DivergedError:
            return {}
        network = Network.from_fitted(fitted, self.split.test.ids.shape[1])
        outcomes = TASKS[config.task](config).outcomes(network, self.split.test, self.split.development)
        if not np.isfinite(outcomes).all():
            return {}  # the steps after the last look at the loss can go astray too
        scheme = candidate.scheme
        return {
            "outcomes": outcomes,
            "n_values": candidate.n_values,
            "n_bytes": candidate.n_bytes,
            "embedding_dim": candidate.n_values / self.split.train.n_features,
            "layout": "dense" if scheme is None else scheme.layout,
            "block_dims": None if scheme is None else [float(d) for d in scheme.mean_dims_by_block],
            "settings": {**asdict(config), "hidden": list(config.hidden)},  # as a kept cell gives it back
            "elapsed_s": proposal_s + time.perf_counter() - started,
            "peak_bytes": max(proposal_peak or 0, peak_bytes() or 0) or None,
        }

    def shares(self, chosen: list[Choice | None]) -> list[tuple[int, list[int]]]:
        """The final cells of one method: a seed, and the budgets that chose the same trial, or none."""
        by_trial: dict[int | None, list[int]] = {}
        for place, choice in enumerate(chosen):
            by_trial.setdefault(None if choice is None else choice[0], []).append(place)
        return [(seed, places) for seed in self.config.seeds for places in by_trial.values()]

    def run(self, method: str) -> list[dict[str, Any]]:
        """Rows of one method: one per compression, with the outcomes of every seed that did not diverge.

        Args:
            method: Name of the method.

        Returns:
            As for ``judged_rows``; where every trial diverged, ``val`` is infinite and every seed counts as diverged.
        """
        tuned = [self.tune(method, t) for t in range(len(self.trials))]
        chosen = best_trials(tuned)
        cells: dict[int, list[dict[str, Any]]] = {p: [] for p in range(len(self.budgets))}
        for seed, places in self.shares(chosen):
            for place, cell in zip(places, self.final(method, seed, places, chosen), strict=True):
                cells[place].append(cell)
        return [
            {
                "method": method,
                "compression": self.config.compressions[p],
                "budget": self.budgets[p],
                "val": math.inf if (choice := chosen[p]) is None else tuned[choice[0]][p]["loss"],
                "cells": [cell for cell in c if cell],
                "diverged": sum(not cell for cell in c),
            }
            for p, c in cells.items()
        ]
