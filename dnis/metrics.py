"""How good a prediction is: errors of numbers, of probabilities, and of rankings."""

from __future__ import annotations

import numpy as np


def mse(target: np.ndarray, prediction: np.ndarray) -> float:
    """Mean squared error, mean((y - p)^2).

    Args:
        target: What came, (n,).
        prediction: What was predicted, (n,).

    Returns:
        The error [target units squared].

    Raises:
        ValueError: If the arrays are empty or of different lengths.
    """
    y, p = _pair(target, prediction)
    return float(np.mean((y - p) ** 2))


def rmse(target: np.ndarray, prediction: np.ndarray) -> float:
    """Root of the mean squared error.

    Args:
        target: What came, (n,).
        prediction: What was predicted, (n,).

    Returns:
        The error [target units].

    Raises:
        ValueError: If the arrays are empty or of different lengths.
    """
    return float(np.sqrt(mse(target, prediction)))


def auc(target: np.ndarray, score: np.ndarray) -> float:
    """Chance that a row of label 1 scores above a row of label 0, ties counted half (area under the ROC curve).

    Args:
        target: Labels 0 and 1, (n,).
        score: Scores in any unit, (n,).

    Returns:
        The area, in [0, 1]; 0.5 is chance.

    Raises:
        ValueError: If the arrays are empty, of different lengths, or hold one label only.
    """
    y, s = _pair(target, score)
    labels = np.unique(y)
    if labels.tolist() != [0.0, 1.0]:
        raise ValueError(f"auc needs labels 0 and 1, got {labels[:3].tolist()}")
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  slow to load, and needed for this area only

    return float(roc_auc_score(y, s))


def logloss(target: np.ndarray, probability: np.ndarray) -> float:
    """Mean of -y log p - (1 - y) log(1 - p), p kept 1e-7 away from 0 and 1.

    Args:
        target: Labels 0 and 1, (n,).
        probability: Predicted chance of label 1, (n,), in [0, 1].

    Returns:
        The loss [nats].

    Raises:
        ValueError: If the arrays are empty or of different lengths, or a probability is outside [0, 1].
    """
    y, p = _pair(target, probability)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"probability must be in [0, 1], got {p.min():g} to {p.max():g}")
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def hit_rate(ranks: np.ndarray, k: int) -> float:
    """Share of held-out items among the first k.

    Args:
        ranks: Rank of every held-out item, 0 is the top, (n,).
        k: Length of the list, at least 1.

    Returns:
        HR@k, in [0, 1].

    Raises:
        ValueError: If there are no ranks, or ``k`` is less than 1.
    """
    return float(np.mean(_ranks(ranks, k) < k))


def ndcg(ranks: np.ndarray, k: int) -> float:
    """Mean of 1 / log2(rank + 2) for held-out items among the first k, 0 for the others.

    Args:
        ranks: Rank of every held-out item, 0 is the top, (n,).
        k: Length of the list, at least 1.

    Returns:
        NDCG@k, in [0, 1].

    Raises:
        ValueError: If there are no ranks, or ``k`` is less than 1.
    """
    r = _ranks(ranks, k)
    return float(np.mean(np.where(r < k, 1 / np.log2(r + 2), 0.0)))


def mrr(ranks: np.ndarray) -> float:
    """Mean reciprocal rank, mean(1 / (rank + 1)).

    Args:
        ranks: Rank of every held-out item, 0 is the top, (n,).

    Returns:
        MRR, in (0, 1].

    Raises:
        ValueError: If there are no ranks.
    """
    return float(np.mean(1 / (_ranks(ranks, 1) + 1)))


def _pair(target: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, p = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if y.shape != p.shape or not y.size:
        raise ValueError(f"target and prediction must have one shape and at least one row, got {y.shape} and {p.shape}")
    return y, p


def _ranks(ranks: np.ndarray, k: int) -> np.ndarray:
    r = np.asarray(ranks, dtype=np.float64)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if not r.size or r.min() < 0:
        raise ValueError(f"ranks must be 0 or more and not empty, got {r[:3].tolist()}")
    return r
