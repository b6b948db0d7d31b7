"""The search: weights on training batches and alpha on validation batches, in turn (DNIS, METHOD section 2)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dnis.alphas import AlphaOptimizer
from dnis.budgets import ROUNDS, kept_pairs, kept_share
from dnis.events import describe, dims_at_half
from dnis.hypergradient import alpha_gradient
from dnis.results import EpochEvent, SearchResult
from dnis.schemes import make_blocks
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.stopping import EarlyStopping
from dnis.tasks import evaluate
from dnis.training import Batch, DivergedError, Feed, OnEvent, Trainer, watch_losses

if TYPE_CHECKING:
    from dnis.splits import Split

COLLAPSED = 0.01
"""A search whose largest alpha is below this has lost its table."""


class Search:
    """One search that can be stepped epoch by epoch, saved, and resumed bit for bit.

    Args:
        split: The four roles; weights learn from ``train``, alpha from ``search_val``, ``select_val`` stops.
        config: Settings.
        on_event: Called after every epoch; may raise to stop.
        state: What ``state()`` of an earlier search gave, to go on from there.
    """

    def __init__(
        self,
        split: Split,
        config: SearchConfig,
        on_event: OnEvent | None = None,
        state: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None,
    ) -> None:
        self.split, self.config, self.on_event = split, config, on_event
        field_of = split.train.vocabulary.field_of
        self.block_of = make_blocks(split.counts, config.n_blocks, config.blocks, field_of)
        self.selection = SoftSelection(self.block_of, config.embedding_dim, config.alpha_start)
        self.trainer = Trainer(split.train, config, self.selection, config.freeze_dense)
        self.validation = Feed(split.search_val, config)
        self.stopping = EarlyStopping(config.patience)
        self.history: list[EpochEvent] = []
        self.warnings: list[str] = []
        self.elapsed_s = 0.0
        self.mover = AlphaOptimizer(self.selection.alpha, config)
        if state is not None:
            self._load(*state)

    @property
    def alpha(self) -> Tensor:
        """Alpha (n_blocks, K), not attached to a graph."""
        return self.selection.alpha.detach()

    @property
    def done(self) -> bool:
        """Whether no epoch is left."""
        epoch = len(self.history)
        late = epoch >= self._first_epoch and self.stopping.over(epoch)
        return epoch >= self.config.epochs or bool(self.warnings) or late

    def step(self) -> EpochEvent | None:
        """Run one epoch.

        Returns:
            Its event, or None when the search is done.

        Raises:
            DivergedError: If the very first epoch diverges; a later one ends the search at its best epoch, with a
                warning.
        """
        if self.done:
            return None
        started = time.perf_counter()
        epoch = len(self.history) + 1
        warm = epoch <= self.warm_epochs
        validation = self._validation_batches(epoch)
        try:
            loss = self.trainer.run_epoch(
                epoch, None if warm else lambda batch: self._alpha_step(batch, next(validation))
            )
        except DivergedError as reason:
            if not self.history:
                raise
            self.warnings.append(f"{reason}; kept epoch {self.stopping.best_epoch}")
            return None
        self._shrink(epoch)
        losses = watch_losses(self.trainer, self.split, loss)
        self._watch(epoch)
        if epoch == self._first_epoch:
            self.stopping = EarlyStopping(self.config.patience, epoch)  # an epoch without alpha is no answer
        self.stopping.update(epoch, losses["select_val"], self._best_state)
        self.elapsed_s += time.perf_counter() - started
        event = self._event(epoch, "warm" if warm else "search", losses)
        self.history.append(event)
        if self.on_event is not None:
            self.on_event(event)
        return event

    def _alpha_step(self, train: Batch, validation: Batch) -> None:
        self.mover.step(alpha_gradient(self.trainer, train, validation, self.config.order))

    def _shrink(self, epoch: int) -> None:
        """Drop the pairs that the budget no longer holds; they stay dropped."""
        if self.config.compression > 1 and epoch > self.warm_epochs:
            share = kept_share(epoch - self.warm_epochs, self._rounds, self.config.compression)
            embeddings = self.trainer.network.embeddings.values.numpy()
            self.mover.drop(kept_pairs(self.alpha.numpy(), embeddings, self.block_of, share))

    @property
    def warm_epochs(self) -> int:
        """Epochs before alpha moves: as asked, or until select_val first gets worse."""
        losses = [e.losses["select_val"] for e in self.history[: self.config.warm_epochs] if e.phase == "warm"]
        worse = [later + 1 for later in range(1, len(losses)) if losses[later] > losses[later - 1]]
        return min([self.config.warm_epochs, *worse])

    @property
    def _rounds(self) -> int:
        """Epochs over which the table shrinks to its budget; 1 without one."""
        left = self.config.epochs - self.config.warm_epochs
        return max(1, min(ROUNDS, left)) if self.config.compression > 1 else 1

    @property
    def _first_epoch(self) -> int:
        """The first epoch that may be the answer: alpha moves, and the budget is met."""
        return self.warm_epochs + self._rounds

    def _validation_batches(self, epoch: int) -> Iterator[Batch]:
        """Validation batches without end; how they are dealt depends on seed and epoch alone."""
        turn = 0
        while True:
            turn += 1
            yield from self.validation.batches(epoch, stream=turn)

    def _watch(self, epoch: int) -> None:
        if float(self.alpha.max()) < COLLAPSED:
            self.warnings.append(
                f"alpha collapsed in epoch {epoch}: its largest value is {float(self.alpha.max()):.3g}; "
                f"lower l1_alpha (now {self.config.l1_alpha:g}) or lr_alpha (now {self.config.lr_alpha:g})"
            )

    def _event(self, epoch: int, phase: str, losses: dict[str, float]) -> EpochEvent:
        alpha = self.alpha.numpy().copy()
        dims = dims_at_half(alpha, self.trainer.network.embeddings.values.numpy(), self.block_of)
        travel = float(np.abs(alpha - self.config.alpha_start).mean())
        event = EpochEvent(epoch, phase, losses, alpha, dims, travel, self.elapsed_s)
        return replace(event, notes=describe(self.history, event))

    def _best_state(self) -> dict[str, Tensor]:
        network = self.trainer.network
        tables = {"embeddings": network.embeddings.values, "biases": network.biases.values, "alpha": self.alpha}
        return tables | {f"dense.{k}": v for k, v in network.model.state_dict().items()}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that a resumed search needs: arrays by name, and a record for JSON."""
        parts = {"trainer": self.trainer.state(), "best": self.stopping.best, "alpha": self.mover.state()}
        tensors = {f"{part}.{k}": v for part, state in parts.items() for k, v in state.items()}
        arrays = {k: v.numpy().copy() for k, v in tensors.items()}
        for name in ("alpha", "dims_by_block"):
            kept = [getattr(e, name) for e in self.history]
            arrays[f"history.{name}"] = np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)
        plain = ("epoch", "phase", "losses", "alpha_travel", "seconds", "notes")
        meta = {
            "history": [{k: getattr(e, k) for k in plain} for e in self.history],
            "warnings": self.warnings,
            "elapsed_s": self.elapsed_s,
            "best": [self.stopping.best_loss, self.stopping.best_epoch],
        }
        return arrays, json.loads(json.dumps(meta))

    @torch.no_grad()
    def _load(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"trainer": {}, "best": {}, "alpha": {}, "history": {}}
        for name, values in arrays.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = torch.from_numpy(np.array(values))
        self.trainer.load(parts["trainer"])
        self.mover.load(parts["alpha"])
        self.stopping.best = parts["best"]
        self.stopping.best_loss, self.stopping.best_epoch = meta["best"]
        self.elapsed_s = meta["elapsed_s"]
        self.warnings = list(meta["warnings"])
        self.history = [
            EpochEvent(
                **(plain | {"notes": tuple(plain["notes"])}),
                alpha=arrays["history.alpha"][i],
                dims_by_block=arrays["history.dims_by_block"][i],
            )
            for i, plain in enumerate(meta["history"])
        ]

    def result(self) -> SearchResult:
        """The search at its best epoch so far; at least one epoch must have run."""
        best = {k: v.numpy().copy() for k, v in self.stopping.best.items()}
        dense = {k.removeprefix("dense."): v for k, v in best.items() if k.startswith("dense.")}
        found = SearchResult(
            self.config, best["embeddings"], best["biases"][:, 0], dense, best["alpha"], self.block_of,
            self.split.counts, tuple(self.history), self.stopping.best_epoch, {}, tuple(self.warnings), self.elapsed_s,
        )  # fmt: skip
        parts = {"search_val": self.split.search_val, "val": self.split.select_val, "test": self.split.test}
        return replace(found, metrics={name: evaluate(found, part, self.split.train) for name, part in parts.items()})


def search(split: Split, config: SearchConfig, on_event: OnEvent | None = None) -> SearchResult:
    """Search the dimensions of every feature by gradient descent.

    Args:
        split: The four roles.
        config: Settings.
        on_event: Called after every epoch with an ``EpochEvent``; may raise to stop.

    Returns:
        The search at its best epoch on select_val.

    Raises:
        ValueError: If the model does not fit the data.
        DivergedError: If the first epoch diverges.
    """
    running = Search(split, config, on_event)
    while not running.done:
        running.step()
    return running.result()
