"""Latent factor models over selected embedding rows; a model does not know which selection it stands on.

Every model maps ``rows`` (batch, n_fields, K), the selected embeddings, and ``linear`` (batch, n_fields), the bias or
first-order weight of each feature, to scores (batch,). Field 0 is the user and field 1 the item where there are such.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from dnis.pairs import sum_pairs
from dnis.settings import TrainConfig


def _perceptron(widths: list[int], generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layer = nn.Linear(fan_in, fan_out)
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _turn_input(perceptron: nn.Sequential, axes: Tensor) -> None:
    """Turn the first layer (hidden, n_fields * K) field by field."""
    weight = next(perceptron.parameters())
    weight.copy_((weight.view(len(weight), -1, len(axes)) @ axes).flatten(1))


def _inputs(model: Model, dims: Tensor) -> dict[str, Tensor]:
    """The inputs of a perceptron over all fields' rows that belong to some dimensions."""
    starts = model.embedding_dim * torch.arange(model.n_fields, device=dims.device)
    return {"perceptron.0.weight": (starts[:, None] + dims).flatten()}


class Model(nn.Module):
    """What all models share: a global bias, the settings, and the fields they read.

    Args:
        n_fields: Number of feature fields.
        config: Settings; ``embedding_dim`` and ``hidden`` matter here.
        generator: Source of start values.

    Raises:
        ValueError: If the model reads a user and an item but the data has fewer or more fields than it can use.
    """

    needs_user_and_item = False
    max_fields: int | None = None
    turns = True
    """Whether rows may be turned by any orthogonal matrix, or only have their dimensions put into another order."""

    def __init__(self, n_fields: int, config: TrainConfig, generator: torch.Generator) -> None:
        super().__init__()
        if (self.needs_user_and_item and n_fields < 2) or n_fields < 1:
            raise ValueError(f"{type(self).__name__} needs a user and an item field, the data has {n_fields} field(s)")
        limit = 2 if config.task == "topk" else self.max_fields  # a ranking knows nothing of an item but its row
        if limit is not None and n_fields > limit:
            name = type(self).__name__
            raise ValueError(f"{name} reads {limit} fields for task {config.task!r}, the data has {n_fields}")
        self.global_bias = nn.Parameter(torch.zeros(()))
        self.n_fields, self.embedding_dim = n_fields, config.embedding_dim

    def turn(self, axes: Tensor) -> None:
        """Get ready for rows that come as ``rows @ axes`` (K, K) from now on, so that scores stay what they were."""

    def along_rows(self, dims: Tensor) -> dict[str, Tensor]:
        """Parameters whose last axis goes along with the rows' dimensions: which of its entries belong to ``dims``."""
        return {}

    def score_items(self, users: Tensor, user_bias: Tensor, items: Tensor, item_bias: Tensor) -> Tensor:
        """Scores of every item for every user, (n_users, n_items), from selected rows (n, K) and biases (n,)."""
        # user by user: all pairs at once would hold 2 K numbers for every score
        return torch.stack([self._score_user(*user, items, item_bias) for user in zip(users, user_bias, strict=True)])

    def _score_user(self, user: Tensor, bias: Tensor, items: Tensor, item_bias: Tensor) -> Tensor:
        pairs = torch.stack([user.expand_as(items), items], dim=1)
        return self(pairs, torch.stack([bias.expand_as(item_bias), item_bias], dim=1))


class MF(Model):
    """Biased matrix factorisation: mu + b_u + b_i + <e_u, e_i> (Koren 2009, equation 4)."""

    needs_user_and_item, max_fields = True, 2

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        """Scores (batch,)."""
        return sum_pairs(rows) + linear.sum(1) + self.global_bias

    def score_items(self, users: Tensor, user_bias: Tensor, items: Tensor, item_bias: Tensor) -> Tensor:
        """Scores (n_users, n_items) by one matrix product."""
        return users @ items.T + user_bias[:, None] + item_bias[None] + self.global_bias


class NeuMF(Model):
    """Generalised MF beside a perceptron (He 2017, section 3.4); both branches read the same embedding."""

    needs_user_and_item = True
    turns = False

    def __init__(self, n_fields: int, config: TrainConfig, generator: torch.Generator) -> None:
        super().__init__(n_fields, config, generator)
        self.perceptron = _perceptron([n_fields * config.embedding_dim, *config.hidden], generator)
        self.product_weight = nn.Parameter(torch.ones(config.embedding_dim))
        self.hidden_weight = nn.Parameter(0.1 * torch.randn(config.hidden[-1], generator=generator))

    def turn(self, axes: Tensor) -> None:
        """Reorder what belongs to each dimension."""
        _turn_input(self.perceptron, axes)
        self.product_weight.copy_(self.product_weight @ axes)

    def along_rows(self, dims: Tensor) -> dict[str, Tensor]:
        """Inputs of the perceptron, and weights of the product."""
        return _inputs(self, dims) | {"product_weight": dims}

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        """Scores (batch,)."""
        user, item = rows.unbind(1)[:2]
        product = (user * item) @ self.product_weight
        hidden = torch.relu(self.perceptron(rows.flatten(1))) @ self.hidden_weight
        return product + hidden + linear.sum(1) + self.global_bias


class FM(Model):
    """Factorisation machine: linear terms and all pairwise inner products (Rendle 2010, equation 1)."""

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        """Scores (batch,)."""
        return sum_pairs(rows) + linear.sum(1) + self.global_bias


class WideDeep(Model):
    """Linear terms (wide) and a perceptron over the embeddings (deep) (Cheng 2016)."""

    def __init__(self, n_fields: int, config: TrainConfig, generator: torch.Generator) -> None:
        super().__init__(n_fields, config, generator)
        self.perceptron = _perceptron([n_fields * config.embedding_dim, *config.hidden, 1], generator)

    def turn(self, axes: Tensor) -> None:
        """Turn the first layer."""
        _turn_input(self.perceptron, axes)

    def along_rows(self, dims: Tensor) -> dict[str, Tensor]:
        """Inputs of the perceptron."""
        return _inputs(self, dims)

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        """Scores (batch,)."""
        return self.perceptron(rows.flatten(1)).squeeze(-1) + linear.sum(1) + self.global_bias


class MLP(WideDeep):
    """A perceptron over the embeddings of user, item and what else there is, with biases (He 2017, section 3.3)."""

    needs_user_and_item = True


class DeepFM(WideDeep):
    """A factorisation machine and a perceptron over the same embeddings (Guo 2017)."""

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        """Scores (batch,)."""
        return super().forward(rows, linear) + sum_pairs(rows)


MODELS: dict[str, type[Model]] = {
    "MF": MF,
    "MLP": MLP,
    "NeuMF": NeuMF,
    "FM": FM,
    "WideDeep": WideDeep,
    "DeepFM": DeepFM,
}
"""Label -> class; which task takes which model stands in ``dnis.settings.MODELS_BY_TASK``."""
