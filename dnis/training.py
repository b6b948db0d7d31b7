"""The one training loop: every model, selection and task goes through it, searches too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dnis.averaging import RunningMean
from dnis.feeds import Batch, Feed, epoch_generator
from dnis.joint import push_both
from dnis.narrowing import Narrowed, kept_dims
from dnis.network import Network
from dnis.penalties import penalty_of, shrinkage
from dnis.ranges import check_choice
from dnis.results import EpochEvent, TrainResult
from dnis.rotation import turn
from dnis.schemes import DimensionScheme
from dnis.selection import UniformSelection, make_selection
from dnis.settings import TrainConfig
from dnis.stopping import EarlyStopping, refuse_divergence
from dnis.tables import adam_updates

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.splits import Split

SELECTION_PACE = 0.1
"""Weights of a selection, such as MDE's projections, move at this share of lr: every row hangs on them."""

OnEvent = Callable[[EpochEvent], None]


class Trainer:
    """A network, the interactions that it learns from, and the step that moves its weights.

    Args:
        part: Interactions to learn from.
        config: Settings.
        selection: What stands between lookup and model.
        freeze_dense: Whether weight steps leave the dense layers alone (released DNIS).
    """

    def __init__(
        self, part: Interactions, config: TrainConfig, selection: UniformSelection, freeze_dense: bool = False
    ) -> None:
        self.config, self.feed, self.freeze_dense = config, Feed(part, config), freeze_dense
        self.task = self.feed.task
        unknown = part.vocabulary.offsets[:-1]
        self.network = Network.create(part.n_features, len(part.vocabulary.fields), config, selection, unknown)
        with torch.no_grad():
            self.network.model.global_bias.fill_(self.task.start_bias(part.mean_target))
        self._hold()
        self.counts = part.counts
        self.penalty = penalty_of(self.counts, config).to(self.network.group.device)
        self.start_loss = self.task.start_loss(self.network, part, epoch_generator(config.seed, 0))

    def _hold(self) -> None:
        """Take up the network's dense parameters, each with its pace; their optimiser remembers nothing."""
        self.parameters = self.network.trained_parameters(self.freeze_dense)
        slow = {id(p) for p in self.network.selection.weights()}
        self._paces: dict[float, list[int]] = {}
        for i, parameter in enumerate(self.parameters):
            self._paces.setdefault(self.config.lr * (SELECTION_PACE if id(parameter) in slow else 1.0), []).append(i)
        self._forget()

    def step(self, batch: Batch) -> Tensor:
        """Move the weights against the training loss of one batch, and say what that loss was."""
        ids, target = batch
        look = self.network.look_up(ids)
        loss = self.network.loss(self.task.loss, look, target)
        mine = torch.autograd.grad(loss, [look.rows, look.bias, *self.parameters])
        loss, grad_rows, grad_bias, *grads = self.network.group.sums([loss, *mine])
        with torch.no_grad():
            shrink = shrinkage(self.penalty, look)
            grad_rows.addcmul_(self.network.selection.penalised(look.rows, look.features), shrink)
            grad_bias.addcmul_(look.bias, shrink)
            push_both(self.network.embeddings, self.network.biases, look, grad_rows, grad_bias)
            self._steps += 1
            for lr, those in self._paces.items():
                means, squares = zip(*(self._moments[i] for i in those), strict=True)
                own = [self.parameters[i] for i in those]
                adam_updates(own, means, squares, [grads[i] for i in those], lr, self._steps)
        return loss.detach()

    def run_epoch(self, epoch: int, before_step: Callable[[Batch], None] | None = None) -> float:
        """Walk once over the interactions.

        Args:
            epoch: Number of the epoch; decides the order of batches.
            before_step: Called with each training batch before the weights move (the search moves alpha here).

        Returns:
            Mean training loss of the rows, without penalties.

        Raises:
            DivergedError: If the loss is not finite, or far above that of the start values.
        """
        losses, n_rows = [], 0
        for batch in self.feed.batches(epoch):
            if before_step is not None:
                before_step(batch)
            n_rows += len(batch[1])
            losses.append(len(batch[1]) * self.step(batch))  # a last batch of a few rows counts for a few
        mean = float(torch.stack(losses).sum()) / n_rows
        refuse_divergence(mean, self.start_loss, epoch, self.config.lr)
        return mean

    def turn(self) -> None:
        """Put the table's dimensions in order of what they carry; the optimiser remembers nothing of before."""
        turn(self.network, self.counts)
        self.network.biases.restart(self.network.biases.values)
        self._forget()

    def narrow(self) -> Narrowed | None:
        """Leave out the dimensions that no feature keeps, if there are any; the optimisers remember nothing."""
        dims = kept_dims(self.network)
        narrowed = None if dims is None else Narrowed(self.network, dims)
        self._hold()
        return narrowed

    @torch.no_grad()
    def take_over(self, weights: dict[str, Tensor]) -> None:
        """Go on from a copy of the weights of another training of the same model, as ``Network.named`` gives them."""
        self.network.embeddings.restart(weights["embeddings"].clone())
        self.network.biases.restart(weights["biases"].clone())
        self.network.model.load_state_dict({n: weights[f"dense.{n}"] for n in self.network.model.state_dict()})
        self._forget()

    def _forget(self) -> None:
        """The dense layers' optimiser remembers nothing."""
        self._moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        self._steps = 0

    def evaluate(self, part: Interactions, seen: Interactions | None = None) -> dict[str, float]:
        """Metrics of the network as it stands."""
        return self.task.evaluate(self.network, part, seen)

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs, by name."""
        out = {f"embeddings.{k}": v for k, v in self.network.embeddings.state().items()}
        out |= {f"biases.{k}": v for k, v in self.network.biases.state().items()}
        for i, (p, (mean, square)) in enumerate(zip(self.parameters, self._moments, strict=True)):
            out |= {f"dense.{i}.value": p.detach(), f"dense.{i}.mean": mean, f"dense.{i}.square": square}
        return out | {"dense.steps": torch.tensor(self._steps)}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        for name, table in (("embeddings", self.network.embeddings), ("biases", self.network.biases)):
            table.load({k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")})
        for i, (p, moments) in enumerate(zip(self.parameters, self._moments, strict=True)):
            for kept, key in zip((p, *moments), ("value", "mean", "square"), strict=True):
                kept.copy_(state[f"dense.{i}.{key}"])
        self._steps = int(state["dense.steps"])


def watch_losses(trainer: Trainer, split: Split, train_loss: float, all_roles: bool = True) -> dict[str, float]:
    """Losses of the four roles, or of the two that decide; ranking leaves out what each user has seen in training."""
    parts = {"search_val": split.search_val, "select_val": split.select_val, "test": split.test}
    watched = parts if all_roles else ["select_val"]
    return {"train": train_loss, **{name: trainer.evaluate(parts[name], split.train)["loss"] for name in watched}}


def train(
    split: Split,
    config: TrainConfig,
    scheme: DimensionScheme | None = None,
    on_event: OnEvent | None = None,
    data: str = "train",
) -> TrainResult:
    """Train a model from its start values; with a scheme this is masked retraining.

    Args:
        split: The four roles.
        config: Settings; ``development`` runs exactly ``config.epochs`` epochs, for nothing is left to stop on.
        scheme: Which dimensions stay; None for all.
        on_event: Called after every epoch; may raise to stop. Without it epochs are judged on select_val alone.
        data: ``train``: learn from the training part, stop early on select_val. ``development``: learn from everything
            but test (equal data, METHOD section 4), the blocks of a structured scheme ranked anew by its frequencies.

    Returns:
        The model at its best epoch, with metrics of ``val`` (select_val) and ``test``.

    Raises:
        ValueError: If ``data`` is unknown or the scheme does not fit the data.
        DivergedError: If the loss is not finite, or far above that of the start values.
    """
    check_choice("data", data, ("train", "development"))
    if scheme is not None and scheme.mask.shape != (shape := (split.train.n_features, config.embedding_dim)):
        raise ValueError(f"scheme has shape {scheme.mask.shape}, expected {shape}")
    started, final = time.perf_counter(), data == "development"
    part = split.development if final else split.train
    if scheme is not None and final:
        scheme = scheme.regrouped(part.counts, part.vocabulary.field_of)
    trainer = _started(part, config, scheme)
    narrowed = trainer.narrow()
    history, best_epoch = _run_epochs(trainer, split, final, on_event)
    metrics = {"test": trainer.evaluate(split.test, part)}
    if not final:
        metrics["val"] = trainer.evaluate(split.select_val, part)
    fitted, seconds = trainer.network.fitted(config), time.perf_counter() - started
    whole = fitted if narrowed is None else narrowed.widened(fitted)
    return TrainResult(whole, tuple(history), best_epoch, metrics, seconds, scheme)


def _started(part: Interactions, config: TrainConfig, scheme: DimensionScheme | None) -> Trainer:
    """A trainer at its start values: drawn ones, or those of a full table after its wide epochs."""
    trainer = Trainer(part, config, make_selection(scheme, torch.Generator().manual_seed(config.seed)))
    if config.wide_epochs:
        trainer.take_over(_wide(part, replace(config, epochs=1, patience=1)).named())
        if scheme is None or not scheme.by_entries:
            trainer.turn()
    return trainer


@lru_cache(maxsize=1)
def _wide(part: Interactions, config: TrainConfig) -> Network:
    """A full table after its wide epochs; a comparison asks for the same one at every budget."""
    trainer = Trainer(part, config, UniformSelection())
    for epoch in range(1, config.wide_epochs + 1):
        trainer.run_epoch(epoch)
    return trainer.network


def _run_epochs(trainer: Trainer, split: Split, final: bool, on_event: OnEvent | None) -> tuple[list[EpochEvent], int]:
    """History and best epoch; a ``final`` training runs to its end, another stops early and goes back to its best."""
    started, history, stopping = time.perf_counter(), [], EarlyStopping(trainer.config.patience)
    mean = RunningMean(trainer.config.ema_decay)
    for epoch in range(1, trainer.config.epochs + 1):
        loss = trainer.run_epoch(trainer.config.wide_epochs + epoch)
        with mean.in_place_of(trainer.network.weights()):
            losses = {"train": loss} if final else watch_losses(trainer, split, loss, on_event is not None)
            if not final:
                stopping.update(epoch, losses["select_val"], trainer.state)
        history.append(EpochEvent(epoch, "train", losses, seconds=time.perf_counter() - started))
        if on_event is not None:
            on_event(history[-1])
        if not final and stopping.over(epoch):
            break
    if not final:
        trainer.load(stopping.best)
        return history, stopping.best_epoch
    mean.put_into(trainer.network.weights())
    return history, len(history)
