"""A table of embeddings, a table of biases, a selection and a model put together: ids in, scores out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from dnis.joint import pull_both, start_tables
from dnis.lookups import Lookup, distinct
from dnis.models import MODELS, Model
from dnis.processes import Solo, current
from dnis.results import Fitted
from dnis.selection import SoftSelection, UniformSelection
from dnis.settings import TrainConfig
from dnis.sharding import is_dealt
from dnis.shares import has_full_softmax, log_shares
from dnis.tables import RowTable

BLOCK_ROWS = 65_536
"""Interactions scored at a time: bounds the memory of an evaluation."""
NO_ITEMS = torch.zeros(0, dtype=torch.int64)


class Network:
    """Ids -> rows -> selection -> model -> scores; the only place where these four meet.

    Args:
        embeddings: Table (n_features, K).
        biases: Table (n_features, 1).
        selection: Uniform, soft or hard.
        model: One of ``MODELS``.
        group: The processes that share the tables.
        grain: Rows of a batch that belong together, such as an item that was met and those drawn against it.
        items: Every item (n_items,), the highest ids, where the loss asks for a pair's share among them all.
    """

    def __init__(
        self,
        embeddings: RowTable,
        biases: RowTable,
        selection: UniformSelection,
        model: Model,
        group: Solo | None = None,
        grain: int = 1,
        items: Tensor = NO_ITEMS,
    ) -> None:
        self.group, self.grain, self.items = group or Solo(), grain, items
        self.embeddings = embeddings
        self.biases = biases
        self.selection = selection
        self.model = model

    @classmethod
    def create(
        cls, n_features: int, n_fields: int, config: TrainConfig, selection: UniformSelection, unknown: np.ndarray
    ) -> Network:
        """A network at its start values; rows of the ``unknown`` features start at zero.

        Args:
            n_features: Rows of the tables.
            n_fields: Fields of an interaction.
            config: Settings; the seed decides the start values.
            selection: What stands between lookup and model.
            unknown: Ids of the features that training may never see.

        Returns:
            A fresh network.
        """
        generator, group = torch.Generator().manual_seed(config.seed), current()
        embeddings, biases = start_tables(n_features, config, generator, group, unknown)
        full = has_full_softmax(config)
        grain = 1 + config.n_negatives if config.task == "topk" and not full else 1
        items = torch.arange(int(unknown[1]), n_features) if full else NO_ITEMS
        model = MODELS[config.model](n_fields, config, generator).to(group.device)
        return cls(embeddings, biases, selection.to(group.device), model, group, grain, items)

    @classmethod
    def from_fitted(cls, fitted: Fitted, n_fields: int) -> Network:
        """A network that scores with the numbers of a finished model.

        Args:
            fitted: The numbers, selection folded in.
            n_fields: Fields of an interaction.

        Returns:
            A network with uniform selection.
        """
        model = MODELS[fitted.config.model](n_fields, fitted.config, torch.Generator())
        model.load_state_dict({name: torch.from_numpy(np.asarray(v)) for name, v in fitted.dense.items()})
        values = [torch.from_numpy(np.array(v, dtype=np.float32)) for v in (fitted.embeddings, fitted.biases[:, None])]
        embeddings, biases = (RowTable(v, fitted.config.lr, "adagrad") for v in values)
        return cls(embeddings, biases, UniformSelection(), model)

    @property
    def alpha(self) -> nn.Parameter:
        """Alpha (n_blocks, K) of a soft selection.

        Raises:
            TypeError: If the network stands on another selection, which has nothing to search.
        """
        if not isinstance(self.selection, SoftSelection):
            raise TypeError(f"alpha needs a SoftSelection, the network has a {type(self.selection).__name__}")
        return self.selection.alpha

    @property
    def device(self) -> torch.device:
        """Where the tables are; ids and outcomes may come from the CPU, and scores go there."""
        return self.embeddings.values.device

    def look_up(self, ids: Tensor) -> Lookup:
        """Pull every distinct feature of a training batch ``ids`` (batch, n_fields) once, and every item it needs."""
        return self._look_up(ids, self.items, self.grain, to_move=True)

    def _look_up(self, ids: Tensor, items: Tensor, grain: int, to_move: bool) -> Lookup:
        found = distinct(torch.cat([ids.reshape(-1), items]), self.embeddings.n_rows)
        features, inverse, times = (part.to(self.device) for part in found)
        times[len(times) - len(items) :] -= 1  # to be there to be compared with is not to occur
        rows, bias, parts = pull_both(self.embeddings, self.biases, features, to_move)
        own, rows, bias = self.group.share(len(ids), grain), rows.requires_grad_(), bias.requires_grad_()
        return Lookup(features, inverse[: ids.numel()], times, rows, bias, ids.shape, own, len(items), parts)

    def look_up_apart(self, ids: Tensor) -> Lookup:
        """Pull every feature of ids (batch, n_fields) as often as it occurs: cheaper where rows need no gradient."""
        if len(self.items):
            return self.look_up(ids)
        flat = ids.reshape(-1).to(self.device)
        rows, bias, _ = pull_both(self.embeddings, self.biases, flat)
        return Lookup(flat, None, torch.ones_like(flat), rows, bias, ids.shape, self.group.share(len(ids), self.grain))

    def look_up_together(self, first: Tensor, second: Tensor) -> tuple[Lookup, Lookup]:
        """Pull every distinct feature of two batches (batch, n_fields) once, for both of them."""
        every = [first.reshape(-1), second.reshape(-1), self.items]
        features, inverse, _ = (part.to(self.device) for part in distinct(torch.cat(every), self.embeddings.n_rows))
        rows, bias, _ = pull_both(self.embeddings, self.biases, features)
        rows, bias = rows.requires_grad_(), bias.requires_grad_()
        looks = [
            Lookup(
                features, place, torch.bincount(place, minlength=len(features)), rows, bias, ids.shape,
                self.group.share(len(ids), self.grain), len(self.items),
            )
            for place, ids in zip(inverse.split([len(part) for part in every]), (first, second), strict=False)
        ]  # fmt: skip
        return looks[0], looks[1]

    def scores(self, look: Lookup, dense: dict[str, Tensor] | None = None) -> Tensor:
        """Scores of this process's rows of a lookup: (batch,) where it is alone.

        Args:
            look: The pulled rows.
            dense: The model's other parameters, where they differ from the model's own.

        Returns:
            Scores, or of a full softmax the logs of the pairs' shares; differentiable in rows, biases, alpha and dense
            parameters.
        """
        if look.n_items:
            return log_shares(self.model, self.selection(look.rows, look.features), look, dense)
        if look.inverse is None:
            # cut before the selection: what is cut after it costs its backward pass a whole copy
            _, width = look.shape
            own = slice(look.own.start * width, look.own.stop * width)
            rows = self.selection(look.rows[own], look.features[own]).view(-1, width, look.rows.shape[1])
            linear = look.bias[own].view(-1, width)
        else:
            chosen, place = self.selection(look.rows, look.features), look.inverse.view(look.shape)[look.own]
            rows = chosen.index_select(0, place.reshape(-1)).view(*place.shape, chosen.shape[1])
            linear = look.bias.index_select(0, place.reshape(-1)).view(place.shape)
        with torch.autocast(rows.device.type, torch.bfloat16) if self.group.mixed else nullcontext():
            scores = self.model(rows, linear) if dense is None else functional_call(self.model, dense, (rows, linear))
        return scores.float() if self.group.mixed else scores

    def loss(
        self,
        mean: Callable[[Tensor, Tensor], Tensor],
        look: Lookup,
        target: Tensor,
        dense: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """This process's share of the mean loss over a batch: the loss itself where it is alone.

        Args:
            mean: The task's loss of scores and outcomes, a mean.
            look: The rows that the whole batch pulled.
            target: What came, (batch,).
            dense: The model's other parameters, where they differ from the model's own.

        Returns:
            A scalar; the shares of all processes add up to the mean.
        """
        scores, own = self.scores(look, dense), target[look.own].to(look.rows.device)
        if len(own) == len(target):
            return mean(scores, own)
        # a process without a row of its own still takes part in the sum
        return mean(scores, own) * (len(own) / len(target)) if len(own) else scores.sum()

    @torch.no_grad()
    def score(self, ids: Tensor) -> Tensor:
        """Scores (n,) of ids (n, n_fields), in blocks of bounded memory and without gradients."""
        return torch.cat([self._score(block).cpu() for block in ids.split(BLOCK_ROWS)])

    def _score(self, ids: Tensor) -> Tensor:
        look = self._look_up(ids, NO_ITEMS, 1, to_move=False)
        if self.group.world == 1:
            return self.scores(look)
        scores = look.bias.new_zeros(len(ids))
        scores[look.own] = self.scores(look)
        return self.group.sums([scores])[0]

    @torch.no_grad()
    def selected(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Selected rows (n, K) and biases (n,) of ``features`` (n,)."""
        features = features.to(self.device)
        rows, bias, _ = pull_both(self.embeddings, self.biases, features)
        return self.selection(rows, features), bias[:, 0]

    @torch.no_grad()
    def fitted(self, config: TrainConfig) -> Fitted:
        """The network's numbers as plain arrays, selection folded in; the first process alone gets the tables."""
        rows = self.embeddings.whole(self.embeddings.values)
        chosen = self.selection(rows, torch.arange(len(rows), device=rows.device))
        bias = self.biases.whole(self.biases.values)[:, 0]
        return Fitted(config, chosen.cpu().numpy().copy(), bias.cpu().numpy().copy(), self.dense())

    def dense(self) -> dict[str, np.ndarray]:
        """The model's parameters other than the tables, by name."""
        return {name: value.cpu().numpy().copy() for name, value in self.model.state_dict().items()}

    def whole(self, name: str, values: Tensor) -> Tensor:
        """A part of a search's state with every row where it has a row per feature; of those, the first process's."""
        return (self.embeddings.whole(values) if is_dealt(name) else values).cpu()

    def named(self) -> dict[str, Tensor]:
        """Own rows of the tables and the model's other parameters, by name, as they stand."""
        dense = {f"dense.{name}": value for name, value in self.model.state_dict().items()}
        return {"embeddings": self.embeddings.values, "biases": self.biases.values, **dense}

    def weights(self) -> list[Tensor]:
        """Everything that a training moves: the tables' rows in this process, and what is not looked up."""
        return [self.embeddings.values, self.biases.values, *self.trained_parameters(freeze_dense=False)]

    def trained_parameters(self, freeze_dense: bool) -> list[nn.Parameter]:
        """Dense parameters that weight steps move: all, or only the selection's and the global bias."""
        kept = [self.model.global_bias] if freeze_dense else list(self.model.parameters())
        return [*kept, *self.selection.weights()]
