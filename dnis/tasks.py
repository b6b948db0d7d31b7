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
from dnis.recency import recency_weights
from dnis.results import Fitted, SearchResult, TrainResult
from dnis.settings import TrainConfig
from dnis.shares import has_full_softmax

if TYPE_CHECKING:
    from dnis.interactions import Interactions

SAMPLED_ROWS = 4096
"""Rows that tell how large the loss is before anything is learnt."""


class RatingTask:
    """Predict a number: mean squared error."""

    metric, higher_is_better = "mse", False

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def start_bias(self, mean: float) -> float:
        """Where the global bias starts, so that embeddings need not carry the mean of the targets."""
        return mean

    def targets(self, part: Interactions) -> np.ndarray:
        """What is learned from every row, (n,); of a ranking, what the row counts."""
        return part.target

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
        """Training loss of a network that has not learnt yet, over a sample; at least the ``constant_loss`` of all."""
        some = part.sample(SAMPLED_ROWS)
        target = torch.from_numpy(np.asarray(self.targets(some), dtype=np.float32))
        ids, target = self.expand(torch.from_numpy(some.ids.astype(np.int64)), target, some, generator)
        # a sample may miss the few rows that most of the loss comes from
        return max(float(self.loss(network.score(ids), target)), self.constant_loss(part))

    def constant_loss(self, part: Interactions) -> float:
        """Training loss over all rows of the one score that suits them best."""
        return part.target_variance

    def outcomes(self, network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
        """What happened on every row, (n,): here squared errors; their mean is the metric."""
        return (_scores(network, part).astype(np.float64) - part.target) ** 2

    def evaluate(self, network: Network, part: Interactions, seen: Interactions | None = None) -> dict[str, float]:
        """Metrics of ``part``; ``loss`` is what early stopping looks at (smaller is better)."""
        return self.judge(_scores(network, part), part.target)

    def judge(self, scores: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """Metrics of scores (n,) against what came (n,); a ranking has none, for it needs all items' scores."""
        mse = metrics.mse(target, scores)
        return {"loss": mse, "mse": mse, "rmse": mse**0.5}


class CtrTask(RatingTask):
    """Predict a click: binary cross-entropy on logits; area under the ROC curve and logloss."""

    metric, higher_is_better = "auc", True

    def start_bias(self, mean: float) -> float:
        """The log-odds of a click."""
        share = float(np.clip(mean, 1e-6, 1 - 1e-6))
        return float(np.log(share / (1 - share)))

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy, a scalar."""
        return functional.binary_cross_entropy_with_logits(scores, target)

    def constant_loss(self, part: Interactions) -> float:
        """The entropy of a click."""
        mean = part.mean_target
        return float(self.loss(torch.tensor(self.start_bias(mean)), torch.tensor(mean)))

    def outcomes(self, network: Network, part: Interactions, seen: Interactions | None = None) -> np.ndarray:
        """Scores (n,), from which AUC follows."""
        return _scores(network, part).astype(np.float64)

    def judge(self, scores: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """Logloss, and AUC where both classes occur."""
        chance = torch.sigmoid(torch.from_numpy(scores).double()).numpy()
        logloss = metrics.logloss(target, chance)
        auc = metrics.auc(target, chance) if len(np.unique(target)) > 1 else float("nan")
        return {"loss": logloss, "auc": auc, "logloss": logloss}


class TopkTask(RatingTask):
    """Rank all items for a user, trained on seen items against sampled ones (BCE, BPR, softmax) or against all."""

    metric, higher_is_better = "ndcg@10", True

    def start_bias(self, mean: float) -> float:
        """Zero: only the order of scores counts."""
        return 0.0

    def targets(self, part: Interactions) -> np.ndarray:
        """All rows count alike, unless what is recent counts more."""
        half_life = self.config.recency_half_life
        return recency_weights(part, half_life) if half_life else np.ones(len(part), dtype=np.float32)

    def expand(
        self, ids: Tensor, target: Tensor, part: Interactions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Each seen pair followed by ``n_negatives`` pairs of the same user with an item drawn uniformly.

        Drawn items are not checked against the user's history: at these densities a clash is rare and costs less than a
        check. A full softmax draws none.

        Args:
            ids: Seen pairs, (batch, n_fields).
            target: What each pair counts, (batch,); not looked at where all count alike.
            part: The interactions that the pairs are from.
            generator: Source of the draws.

        Returns:
            Ids (batch * (1 + n_negatives), n_fields); of seen pairs what they count, of drawn ones 0.
        """
        # rows on disk bring what came of them, which is no weight
        weights = target if self.config.recency_half_life else torch.ones_like(target)
        if has_full_softmax(self.config):
            return ids, weights
        low, high = (int(x) for x in part.vocabulary.offsets[1:3])
        n = self.config.n_negatives
        drawn = torch.randint(low + 1, high, (len(ids), n), generator=generator)
        every = ids[:, None, :].repeat(1, 1 + n, 1)
        every[:, 1:, 1] = drawn
        labels = torch.zeros(len(ids), 1 + n)
        labels[:, 0] = weights
        return every.flatten(0, 1), labels.flatten()

    def constant_loss(self, part: Interactions) -> float:
        """Zero: rows are alike but for what they count, which is 1 on average in a sample, too."""
        return 0.0

    def start_loss(self, network: Network, part: Interactions, generator: torch.Generator) -> float:
        """As for other tasks; before a full softmax has learnt, all items have about the same share."""
        if has_full_softmax(self.config):
            low, high = part.vocabulary.offsets[1:3]
            return float(np.log(high - low))
        return super().start_loss(network, part, generator)

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """The mean of one of four losses, weighted by what the seen pairs count, a scalar.

        Args:
            scores: Each seen pair followed by its sampled ones, (batch * (1 + n_negatives),); of a full softmax the log
                of each seen pair's share, (batch,).
            target: What a seen pair counts, 0 for sampled ones; weights are taken as they are, not made to sum to 1.

        Returns:
            ``bce``: binary cross-entropy. ``bpr``: -log sigmoid(seen - sampled) (Rendle 2009). ``softmax``: -log of the
            seen pair's share of the softmax over itself and its sampled ones (Jean 2015); ``full_softmax``: over all
            items.
        """
        if self.config.topk_loss == "full_softmax":
            return -(target * scores).mean()
        grouped = scores.view(-1, 1 + self.config.n_negatives)
        weights = target.view(grouped.shape)[:, :1]
        if self.config.topk_loss == "bce":
            labels = torch.zeros_like(grouped)
            labels[:, 0] = 1.0
            return functional.binary_cross_entropy_with_logits(grouped, labels, weights.expand_as(grouped))
        if self.config.topk_loss == "softmax":
            return (weights[:, 0] * (grouped.logsumexp(1) - grouped[:, 0])).mean()
        return (weights * functional.softplus(grouped[:, 1:] - grouped[:, :1])).mean()

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


def _scores(network: Network, part: Interactions) -> np.ndarray:
    """Scores (n,) of all rows; of those on disk a block is held at a time."""
    return np.concatenate([network.score(torch.from_numpy(ids.astype(np.int64))).numpy() for ids, _ in part.blocks()])


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
    network = Network.from_fitted(fitted, len(interactions.vocabulary.fields))
    return TASKS[fitted.config.task](fitted.config).evaluate(network, interactions, seen)
