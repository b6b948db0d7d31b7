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

from dnis.budgets import ROUNDS, kept_pairs, kept_share
from dnis.events import describe, dims_at_half
from dnis.hypergradient import alpha_gradient, normalised
from dnis.results import EpochEvent, SearchResult
from dnis.schemes import make_blocks
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.stopping import EarlyStopping
from dnis.tables import adam_update
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
        self._moments = (torch.zeros_like(self.selection.alpha), torch.zeros_like(self.selection.alpha))
        self._alpha_steps = 0
        self._kept = torch.ones_like(self.selection.alpha, dtype=torch.bool)
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
        warm = epoch <= self.config.warm_epochs
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
        config, alpha = self.config, self.selection.alpha
        grad = alpha_gradient(self.trainer, train, validation, config.order)
        with torch.no_grad():
            scale = float(grad.abs().mean()) if config.l1_scale == "relative" else 1.0
            grad += config.l1_alpha * scale
            if config.normalise:
                grad = normalised(grad)
            if config.alpha_optimizer == "adam":
                self._alpha_steps += 1
                adam_update(alpha, *self._moments, grad, config.lr_alpha, self._alpha_steps)
            else:
                alpha.sub_(grad, alpha=config.lr_alpha)
            alpha.clamp_(0, 1).mul_(self._kept)

    def _shrink(self, epoch: int) -> None:
        """Drop the pairs that the budget no longer holds; they stay dropped."""
        if self.config.compression > 1 and epoch > self.config.warm_epochs:
            share = kept_share(epoch, self.config.warm_epochs, self.config.compression)
            kept = kept_pairs(self.alpha.numpy(), self.trainer.network.embeddings.values.numpy(), self.block_of, share)
            self._kept = torch.from_numpy(kept)
            with torch.no_grad():
                self.selection.alpha.mul_(self._kept)

    @property
    def _first_epoch(self) -> int:
        """The first epoch that may be the answer: alpha moves, and the budget is met."""
        return self.config.warm_epochs + (ROUNDS if self.config.compression > 1 else 1)

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
        tensors = {f"trainer.{k}": v for k, v in self.trainer.state().items()}
        tensors |= {f"best.{k}": v for k, v in self.stopping.best.items()}
        tensors |= {
            "alpha": self.alpha,
            "alpha_mean": self._moments[0],
            "alpha_square": self._moments[1],
            "kept": self._kept,
        }
        arrays = {k: v.numpy().copy() for k, v in tensors.items()}
        for name in ("alpha", "dims_by_block"):
            kept = [getattr(e, name) for e in self.history]
            arrays[f"history.{name}"] = np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)
        plain = ("epoch", "phase", "losses", "alpha_travel", "seconds", "notes")
        meta = {
            "history": [{k: getattr(e, k) for k in plain} for e in self.history],
            "warnings": self.warnings,
            "elapsed_s": self.elapsed_s,
            "alpha_steps": self._alpha_steps,
            "best": [self.stopping.best_loss, self.stopping.best_epoch],
        }
        return arrays, json.loads(json.dumps(meta))

    @torch.no_grad()
    def _load(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in arrays.items()}
        self.trainer.load({k.removeprefix("trainer."): v for k, v in tensors.items() if k.startswith("trainer.")})
        self.stopping.best = {k.removeprefix("best."): v for k, v in tensors.items() if k.startswith("best.")}
        self.stopping.best_loss, self.stopping.best_epoch = meta["best"]
        for kept, key in zip(
            (self.selection.alpha, *self._moments), ("alpha", "alpha_mean", "alpha_square"), strict=True
        ):
            kept.copy_(tensors[key])
        self._kept = tensors["kept"].bool()
        self._alpha_steps, self.elapsed_s = meta["alpha_steps"], meta["elapsed_s"]
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
