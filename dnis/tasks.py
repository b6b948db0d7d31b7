"""What a model is trained and judged for: a rating, a click, or a ranking of all items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dnis import metrics
from dnis.network import Network
from dnis.ranking import item_ranks
from dnis.results import Fitted, SearchResult, TrainResult
from dnis.settings import TrainConfig

if TYPE_CHECKING:
    from dnis.interactions import Interactions

SAMPLED_ROWS = 4096
"""Rows that tell how large the loss is before anything is learnt."""


class RatingTask:
    """Predict a number: mean squared error."""

    metric, higher_is_better = "mse", False

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def start_bias(self, target: np.ndarray) -> float:
        """Where the global bias starts, so that embeddings need not carry the mean."""
        return float(target.mean())

    def expand(
        self, ids: Tensor, target: Tensor, part: Interactions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The batch that is trained on, (batch, n_fields) and (batch,); ranking adds negatives here."""
        return ids, target

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Mean squared error, a scalar."""
        return functional.mse_loss(scores, target)

    @torch.no_grad()
    def start_loss(self, network: Network, part: Interactions, generator: torch.Generator) -> float:
        """Training loss of a network that has not learnt yet, over an even sample of the rows."""
        even = slice(None, None, max(1, len(part) // SAMPLED_ROWS))
        target = torch.from_numpy(np.asarray(part.target[even], dtype=np.float32))
        ids, target = self.expand(_ids(part)[even], target, part, generator)
        return float(self.loss(network.scores(network.look_up(ids)), target))

    def outcomes(self, network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
        """What happened on every row, (n,): here squared errors; their mean is the metric."""
        return (network.score(_ids(part)).numpy().astype(np.float64) - part.target) ** 2

    def evaluate(self, network: Network, part: Interactions, seen: Interactions | None = None) -> dict[str, float]:
        """Metrics of ``part``; ``loss`` is what early stopping looks at (smaller is better)."""
        scores = network.score(_ids(part)).numpy()
        mse = metrics.mse(part.target, scores)
        return {"loss": mse, "mse": mse, "rmse": mse**0.5}


class CtrTask(RatingTask):
    """Predict a click: binary cross-entropy on logits; area under the ROC curve and logloss."""

    metric, higher_is_better = "auc", True

    def start_bias(self, target: np.ndarray) -> float:
        """The log-odds of a click."""
        share = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
        return float(np.log(share / (1 - share)))

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy, a scalar."""
        return functional.binary_cross_entropy_with_logits(scores, target)

    def outcomes(self, network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
        """Scores (n,), from which AUC follows."""
        return network.score(_ids(part)).numpy().astype(np.float64)

    def evaluate(self, network: Network, part: Interactions, seen: Interactions | None = None) -> dict[str, float]:
        """Logloss, and AUC where both classes occur."""
        scores = torch.sigmoid(network.score(_ids(part)).double()).numpy()
        logloss = metrics.logloss(part.target, scores)
        auc = metrics.auc(part.target, scores) if len(np.unique(part.target)) > 1 else float("nan")
        return {"loss": logloss, "auc": auc, "logloss": logloss}


class TopkTask(RatingTask):
    """Rank all items for a user, trained on seen items against sampled ones (BCE, or BPR of Rendle 2009)."""

    metric, higher_is_better = "ndcg@10", True

    def start_bias(self, target: np.ndarray) -> float:
        """Zero: only the order of scores counts."""
        return 0.0

    def expand(
        self, ids: Tensor, target: Tensor, part: Interactions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Each seen pair followed by ``n_negatives`` pairs of the same user with an item drawn uniformly.

        Drawn items are not checked against the user's history: at these densities a clash is rare and costs less than a
        check.

        Args:
            ids: Seen pairs, (batch, n_fields).
            target: Not looked at: what is seen counts as 1.
            part: The interactions that the pairs are from.
            generator: Source of the draws.

        Returns:
            Ids (batch * (1 + n_negatives), n_fields) and their labels, 1 for seen and 0 for drawn.
        """
        low, high = (int(x) for x in part.vocabulary.offsets[1:3])
        n = self.config.n_negatives
        drawn = torch.randint(low + 1, high, (len(ids), n), generator=generator)
        every = ids[:, None, :].repeat(1, 1 + n, 1)
        every[:, 1:, 1] = drawn
        labels = torch.zeros(len(ids), 1 + n)
        labels[:, 0] = 1.0
        return every.flatten(0, 1), labels.flatten()

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy, or -log sigmoid(positive - negative) over the sampled pairs; a scalar."""
        if self.config.topk_loss == "bce":
            return functional.binary_cross_entropy_with_logits(scores, target)
        grouped = scores.view(-1, 1 + self.config.n_negatives)
        return functional.softplus(grouped[:, 1:] - grouped[:, :1]).mean()

    def outcomes(self, network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
        """Ranking gain 1 / log2(rank + 2) of every held-out item in the first ten, (n,); their mean is NDCG@10."""
        ranks = item_ranks(network, part, seen)
        return np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0)

    def evaluate(self, network: Network, part: Interactions, seen: Interactions | None = None) -> dict[str, float]:
        """HR@10, NDCG@10 and MRR over every item that the user has not seen in ``seen``."""
        ranks = item_ranks(network, part, seen)
        ndcg = metrics.ndcg(ranks, 10)
        return {"loss": 1 - ndcg, "ndcg@10": ndcg, "hr@10": metrics.hit_rate(ranks, 10), "mrr": metrics.mrr(ranks)}


TASKS: dict[str, type[RatingTask]] = {"rating": RatingTask, "ctr": CtrTask, "topk": TopkTask}
"""Label -> class."""


def _ids(part: Interactions) -> Tensor:
    return torch.from_numpy(part.ids.astype(np.int64))


def evaluate(
    result: SearchResult | TrainResult | Fitted, interactions: Interactions, seen: Interactions | None = None
) -> dict[str, float]:
    """Judge a finished model on interactions.

    Args:
        result: A search, a training, or the plain numbers of a model.
        interactions: What to predict; must share the vocabulary that the model was trained with.
        seen: For ``topk``: interactions whose items are left out of a user's ranking.

    Returns:
        Metrics by name; ``loss`` is the one that early stopping uses.

    Raises:
        ValueError: If there is nothing to judge, or the vocabularies differ in size.
    """
    fitted = result.fitted() if isinstance(result, SearchResult) else result
    fitted = fitted.model if isinstance(fitted, TrainResult) else fitted
    if len(interactions) == 0:
        raise ValueError("interactions must hold at least one row, got 0")
    if interactions.n_features != len(fitted.embeddings):
        raise ValueError(
            f"interactions have {interactions.n_features} features, the model has {len(fitted.embeddings)}"
        )
    network = Network.from_fitted(fitted, interactions.ids.shape[1])
    return TASKS[fitted.config.task](fitted.config).evaluate(network, interactions, seen)
