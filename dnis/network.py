"""A table of embeddings, a table of biases, a selection and a model put together: ids in, scores out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from dnis.models import MODELS, Model
from dnis.results import Fitted
from dnis.selection import SoftSelection, UniformSelection
from dnis.settings import TrainConfig
from dnis.tables import RowTable

START_STD = 0.03
"""Start values are N(0, 0.03^2): larger ones leave noise in rare rows that no pruning can tell from signal."""
BLOCK_ROWS = 65_536
"""Interactions scored at a time: bounds the memory of an evaluation."""


@dataclass(slots=True)
class Lookup:
    """The distinct features of a batch, each pulled once.

    ``features`` (n,) sorted ids; ``inverse`` (batch * n_fields,) their place in ``features``; ``rows`` (n, K) and
    ``bias`` (n, 1) are the leaves that gradients are taken for; ``shape`` is (batch, n_fields).
    """

    features: Tensor
    inverse: Tensor
    rows: Tensor
    bias: Tensor
    shape: torch.Size


class Network:
    """Ids -> rows -> selection -> model -> scores; the only place where these four meet.

    Args:
        embeddings: Table (n_features, K).
        biases: Table (n_features, 1).
        selection: Uniform, soft or hard.
        model: One of ``MODELS``.
    """

    def __init__(self, embeddings: RowTable, biases: RowTable, selection: UniformSelection, model: Model) -> None:
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
        generator = torch.Generator().manual_seed(config.seed)
        values = START_STD * torch.randn(n_features, config.embedding_dim, generator=generator)
        values[torch.from_numpy(np.asarray(unknown, dtype=np.int64))] = 0.0
        embeddings = RowTable(values, config.lr, config.optimizer)
        biases = RowTable(torch.zeros(n_features, 1), config.lr, config.optimizer)
        return cls(embeddings, biases, selection, MODELS[config.model](n_fields, config, generator))

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
        embeddings = RowTable(
            torch.from_numpy(np.array(fitted.embeddings, dtype=np.float32)), fitted.config.lr, "adagrad"
        )
        biases = RowTable(
            torch.from_numpy(np.array(fitted.biases, dtype=np.float32))[:, None], fitted.config.lr, "adagrad"
        )
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

    def look_up(self, ids: Tensor) -> Lookup:
        """Pull every distinct feature of ``ids`` (batch, n_fields) once."""
        features, inverse = torch.unique(ids, return_inverse=True)
        rows = self.embeddings.pull(features).requires_grad_()
        bias = self.biases.pull(features).requires_grad_()
        return Lookup(features, inverse.reshape(-1), rows, bias, ids.shape)

    def scores(self, look: Lookup, dense: dict[str, Tensor] | None = None) -> Tensor:
        """Scores (batch,) of a lookup.

        Args:
            look: The pulled rows.
            dense: The model's other parameters, where they differ from the model's own.

        Returns:
            Scores, differentiable in rows, biases, alpha and dense parameters.
        """
        chosen = self.selection(look.rows, look.features)
        rows = chosen.index_select(0, look.inverse).view(*look.shape, chosen.shape[1])
        linear = look.bias.index_select(0, look.inverse).view(look.shape)
        return self.model(rows, linear) if dense is None else functional_call(self.model, dense, (rows, linear))

    @torch.no_grad()
    def score(self, ids: Tensor) -> Tensor:
        """Scores (n,) of ids (n, n_fields), in blocks of bounded memory and without gradients."""
        return torch.cat([self.scores(self.look_up(block)) for block in ids.split(BLOCK_ROWS)])

    @torch.no_grad()
    def selected(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Selected rows (n, K) and biases (n,) of ``features`` (n,)."""
        return self.selection(self.embeddings.pull(features), features), self.biases.pull(features)[:, 0]

    def fitted(self, config: TrainConfig) -> Fitted:
        """The network's numbers as plain arrays, selection folded in."""
        rows, bias = self.selected(torch.arange(len(self.embeddings.values)))
        return Fitted(config, rows.numpy().copy(), bias.numpy().copy(), self.dense())

    def dense(self) -> dict[str, np.ndarray]:
        """The model's parameters other than the tables, by name."""
        return {name: value.numpy().copy() for name, value in self.model.state_dict().items()}

    def trained_parameters(self, freeze_dense: bool) -> list[nn.Parameter]:
        """Dense parameters that weight steps move: all, or only the selection's and the global bias."""
        kept = [self.model.global_bias] if freeze_dense else list(self.model.parameters())
        return [*kept, *self.selection.weights()]
