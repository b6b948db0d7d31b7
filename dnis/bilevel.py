"""The search: weights on training batches and alpha on validation batches, in turn (DNIS, METHOD section 2)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dnis.budgets import rounds_of, warm_length
from dnis.events import SAMPLED_FEATURES, collapse, describe, dims_at_half, history_from, history_state
from dnis.feeds import Batch, Feed
from dnis.hypergradient import alpha_gradient
from dnis.movers import mover_of
from dnis.nested import NestedDims
from dnis.phases import has_lasted, may_be_best, next_phase, phases, starts_anew, turn_in
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
        self.block_of = make_blocks(split.counts, config.n_blocks, config.blocks, split.train.vocabulary.field_of)
        self.selection = SoftSelection(self.block_of, config.embedding_dim, config.start_of_alpha)
        self.trainer = Trainer(split.train, config, self.selection, config.freeze_dense)
        self.validation = Feed(split.search_val, config)
        self.stopping = EarlyStopping(config.patience)
        self.history: list[EpochEvent] = []
        self.warnings: list[str] = []
        self.elapsed_s = 0.0
        self.phases = phases(config, split.train.n_features)
        self.start: dict[str, Tensor] = {}
        self.given_up = ""
        self.mover = mover_of(self.phases[0], self)
        if state is not None:
            self._load(*state)

    @property
    def alpha(self) -> Tensor:
        """Alpha (n_blocks, K), not attached to a graph."""
        return self.selection.alpha.detach()

    @property
    def phase(self) -> str:
        """That of the last epoch; of none yet the first."""
        return self.history[-1].phase if self.history else "warm"

    @property
    def done(self) -> bool:
        """Whether no epoch is left."""
        over = self.phase == self.phases[-1] and has_lasted(self.config, self.phases, self.history, self.stopping)
        return len(self.history) >= self.config.epochs or bool(self.warnings) or over

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
        try:
            return self._run_epoch(self.next_phase, before_batch)
        except DivergedError as reason:
            if not self.history:
                raise
            if self.next_phase != self.phases[-1] and len(self.phases) > 1 and self.next_phase != "warm":
                self.given_up = f"{reason}; whole dimensions are tried instead"
                return self.step(before_batch)
            self.warnings.append(f"{reason}; kept epoch {self.stopping.best_epoch}")
            return None

    def _run_epoch(self, phase: str, before_batch: Callable[[], None] | None) -> EpochEvent:
        started = time.perf_counter()
        epoch, rounds = len(self.history) + 1, rounds_of(self.config)
        if phase != self.phase:
            self._begin(phase)
        rests = phase == "warm" or self.mover.settled
        loss = self.trainer.run_epoch(epoch, self._before_step(epoch, rests, before_batch))
        if phase != "warm":
            self.mover.after_epoch(turn_in(self.history, phase) + 1, rounds, self.trainer.network.embeddings)
        losses = watch_losses(self.trainer, self.split, loss)
        self.warnings += collapse(self.alpha.cpu().numpy(), epoch, self.config)
        if starts_anew(self.history, phase, rounds):
            self.stopping = EarlyStopping(self.config.patience, epoch)
        if may_be_best(self.history, phase, rounds):
            self.stopping.update(epoch, losses["select_val"], self._best_state)
        self.elapsed_s += time.perf_counter() - started
        event = self._event(epoch, phase, losses)
        self.history.append(event)
        if self.on_event is not None:
            self.on_event(event)
        return event

    def _before_step(self, epoch: int, rests: bool, before_batch: Callable[[], None] | None) -> Callable[[Batch], None]:
        validation = self.validation.endless(epoch)

        def before_step(batch: Batch) -> None:
            if before_batch is not None:
                before_batch()
            if not rests:
                self.mover.step(alpha_gradient(self.trainer, batch, next(validation), self.config.order))

        return before_step

    def _begin(self, phase: str) -> None:
        """Alpha is about to move; whole dimensions begin at the best warm epoch, in the order of what they carry."""
        if self.phase == "warm" and "search" in self.phases and self.config.recipe == "budget":
            self.start = self.stopping.best or {k: v.clone() for k, v in self._best_state().items()}
        self.mover = mover_of(phase, self)
        if isinstance(self.mover, NestedDims):
            self.selection.kept = None
            self.trainer.take_over(self.start)
            self.trainer.turn()
            self.start = {}
        self.mover.begin(lambda: self.trainer.evaluate(self.split.search_val, self.split.train)["loss"])

    @property
    def next_phase(self) -> str:
        """Which phase the epoch to come belongs to; see ``dnis.phases``."""
        if self.given_up:
            return self.phases[-1]
        return next_phase(self.config, self.phases, self.history, self.stopping)

    @property
    def warm_epochs(self) -> int:
        """Epochs before alpha moves: as asked (the budgeted recipe: all it can), or until select_val gets worse."""
        return warm_length(self.config, [e.losses["select_val"] for e in self.history if e.phase == "warm"])

    def _event(self, epoch: int, phase: str, losses: dict[str, float]) -> EpochEvent:
        alpha = self.alpha.cpu().numpy().copy()
        some = np.arange(0, len(self.block_of), max(1, len(self.block_of) // SAMPLED_FEATURES))
        weighted, _ = self.trainer.network.selected(torch.from_numpy(some))
        dims = dims_at_half(np.ones_like(alpha), weighted.cpu().numpy(), self.block_of[some])
        travel = float(np.abs(alpha - self.config.start_of_alpha).mean())
        event = EpochEvent(epoch, phase, losses, alpha, dims, travel, self.elapsed_s)
        told = (self.given_up,) if self.given_up and phase != self.phase else ()
        return replace(event, notes=(*told, *describe(self.history, event)))

    def _best_state(self) -> dict[str, Tensor]:
        named = self.trainer.network.named()
        return named | {"embeddings": self.mover.stored(named["embeddings"]), "alpha": self.alpha}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that a resumed search needs: arrays by name, of tables the own rows, and a record for JSON."""
        best, start = self.stopping.best, self.start
        states = {"trainer": self.trainer.state(), "best": best, "start": start, "alpha": self.mover.state()}
        arrays = {f"{part}.{k}": v.cpu().numpy().copy() for part, state in states.items() for k, v in state.items()}
        courses, told = history_state(self.history)
        arrays |= courses
        meta = {
            "history": told,
            "warnings": self.warnings,
            "elapsed_s": self.elapsed_s,
            "best": [self.stopping.best_loss, self.stopping.best_epoch],
            "dealt": [name for name in arrays if is_dealt(name)],
        }
        return arrays, json.loads(json.dumps(meta))

    @torch.no_grad()
    def _load(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"trainer": {}, "best": {}, "alpha": {}, "start": {}, "history": {}}
        for name, values in arrays.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = torch.from_numpy(np.array(values))
        self.history = history_from(arrays, meta["history"])
        device = self.trainer.network.device
        self.trainer.load(parts["trainer"])
        if "dims" in parts["alpha"] and not turn_in(self.history, "entries"):
            self.phases = ("search",)  # of the first way nothing is left, or it was not there yet
        self.mover = mover_of(self.phases[0] if self.phase == "warm" else self.phase, self)
        if parts["alpha"]:
            self.mover.load(parts["alpha"])
        self.stopping.best, self.start = ({k: v.to(device) for k, v in parts[p].items()} for p in ("best", "start"))
        self.stopping.best_loss, self.stopping.best_epoch = meta["best"]
        self.elapsed_s = meta["elapsed_s"]
        self.warnings = list(meta["warnings"])

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
