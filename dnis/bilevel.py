"""The search: weights on training batches and alpha on validation batches, in turn (DNIS, METHOD section 2)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dnis.alphas import mover_of
from dnis.budgets import rounds_of, warm_length
from dnis.events import SAMPLED_FEATURES, describe, dims_at_half
from dnis.feeds import Batch, Feed
from dnis.hypergradient import alpha_gradient
from dnis.results import EpochEvent, SearchResult
from dnis.schemes import make_blocks
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.sharding import is_dealt
from dnis.stopping import DivergedError, EarlyStopping
from dnis.tasks import evaluate
from dnis.training import OnEvent, Trainer, watch_losses

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
        state: ``state()`` of an earlier search, to go on from there; of another budget without alpha, before it moves.
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
        self.selection = SoftSelection(self.block_of, config.embedding_dim, config.start_of_alpha)
        self.trainer = Trainer(split.train, config, self.selection, config.freeze_dense)
        self.validation = Feed(split.search_val, config)
        self.stopping = EarlyStopping(config.patience)
        self.history: list[EpochEvent] = []
        self.warnings: list[str] = []
        self.elapsed_s = 0.0
        self.mover = mover_of(self.selection.alpha, self.block_of, field_of, config)
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

    def step(self, before_batch: Callable[[], None] | None = None) -> EpochEvent | None:
        """Run one epoch.

        Args:
            before_batch: Called before every training batch; may raise to leave the epoch. Then ``result()`` is still
                that of the epochs before, but the search can only go on from a ``state()`` that was taken before.

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
        if epoch == self.warm_epochs + 1:
            self._begin()
        validation = self._validation_batches(epoch)
        try:
            rests = warm or self.mover.settled
            loss = self.trainer.run_epoch(epoch, self._before_step(None if rests else validation, before_batch))
        except DivergedError as reason:
            if not self.history:
                raise
            self.warnings.append(f"{reason}; kept epoch {self.stopping.best_epoch}")
            return None
        if not warm:
            self.mover.after_epoch(epoch - self.warm_epochs, rounds_of(self.config), self.trainer.network.embeddings)
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

    def _before_step(
        self, validation: Iterator[Batch] | None, before_batch: Callable[[], None] | None
    ) -> Callable[[Batch], None]:
        def before_step(batch: Batch) -> None:
            if before_batch is not None:
                before_batch()
            if validation is not None:
                self.mover.step(alpha_gradient(self.trainer, batch, next(validation), self.config.order))

        return before_step

    def _begin(self) -> None:
        """Alpha is about to move; the budgeted recipe first puts the table's dimensions in order."""
        if self.config.recipe == "budget":
            self.trainer.turn()
        self.mover.begin(lambda: self.trainer.evaluate(self.split.search_val, self.split.train)["loss"])

    @property
    def warm_epochs(self) -> int:
        """Epochs before alpha moves: as asked (the budgeted recipe: all it can), or until select_val gets worse."""
        losses = [e.losses["select_val"] for e in self.history if e.phase == "warm"]
        return warm_length(self.config, losses)

    @property
    def _first_epoch(self) -> int:
        """The first epoch that may be the answer: alpha moves, and the budget is met."""
        return self.warm_epochs + rounds_of(self.config)

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
        alpha = self.alpha.cpu().numpy().copy()
        some = np.arange(0, len(self.block_of), max(1, len(self.block_of) // SAMPLED_FEATURES))
        rows = self.trainer.network.embeddings.pull(torch.from_numpy(some)).cpu().numpy()
        dims = dims_at_half(alpha, rows, self.block_of[some])
        travel = float(np.abs(alpha - self.config.start_of_alpha).mean())
        event = EpochEvent(epoch, phase, losses, alpha, dims, travel, self.elapsed_s)
        return replace(event, notes=describe(self.history, event))

    def _best_state(self) -> dict[str, Tensor]:
        network = self.trainer.network
        tables = {"embeddings": network.embeddings.values, "biases": network.biases.values, "alpha": self.alpha}
        return tables | {f"dense.{k}": v for k, v in network.model.state_dict().items()}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that a resumed search needs: arrays by name, of tables the own rows, and a record for JSON."""
        states = {"trainer": self.trainer.state(), "best": self.stopping.best, "alpha": self.mover.state()}
        arrays = {f"{part}.{k}": v.cpu().numpy().copy() for part, state in states.items() for k, v in state.items()}
        for name in ("alpha", "dims_by_block"):
            kept = [getattr(e, name) for e in self.history]
            arrays[f"history.{name}"] = np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)
        plain = ("epoch", "phase", "losses", "alpha_travel", "seconds", "notes")
        meta = {
            "history": [{k: getattr(e, k) for k in plain} for e in self.history],
            "warnings": self.warnings,
            "elapsed_s": self.elapsed_s,
            "best": [self.stopping.best_loss, self.stopping.best_epoch],
            "dealt": [name for name in arrays if is_dealt(name)],
        }
        return arrays, json.loads(json.dumps(meta))

    @torch.no_grad()
    def _load(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"trainer": {}, "best": {}, "alpha": {}, "history": {}}
        for name, values in arrays.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = torch.from_numpy(np.array(values))
        self.trainer.load(parts["trainer"])
        if parts["alpha"]:
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
        """The search at its best epoch so far, tables for the first process only; at least one epoch must have run."""
        best = {k: self.trainer.network.whole(f"best.{k}", v).numpy().copy() for k, v in self.stopping.best.items()}
        dense = {k.removeprefix("dense."): v for k, v in best.items() if k.startswith("dense.")}
        found = SearchResult(
            self.config, best["embeddings"], best["biases"][:, 0], dense, best["alpha"], self.block_of,
            self.split.counts, tuple(self.history), self.stopping.best_epoch, {}, tuple(self.warnings), self.elapsed_s,
        )  # fmt: skip
        if self.trainer.network.group.rank:
            return found
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
