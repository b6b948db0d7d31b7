"""How sure a difference is: bootstrap over test users, the Pareto frontier, and what both say in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK_DRAWS = 50
"""Bootstrap draws held in memory at a time."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What one method did on every test row.

    ``values`` (n_seeds, n_rows): squared errors, log losses or ranking gains, whose mean is the metric; for AUC the
    predicted scores. ``target`` (n_rows,) the labels, used by AUC alone; ``unit`` (n_rows,) which test user a row
    belongs to (rows of one user are drawn together), numbered 0 ... without gaps.
    """

    values: np.ndarray
    target: np.ndarray
    unit: np.ndarray
    metric: str

    def estimate(self, weights: np.ndarray) -> np.ndarray:
        """The metric, averaged over seeds, for each draw.

        Args:
            weights: How often each unit was drawn, (n_draws, n_units).

        Returns:
            (n_draws,).
        """
        if self.metric == "auc":
            per_row = weights[:, self.unit]
            return np.mean([_weighted_auc(scores, self.target, per_row) for scores in self.values], axis=0)
        n_units = weights.shape[1]
        sums = np.bincount(self.unit, weights=self.values.mean(axis=0), minlength=n_units)
        return (weights @ sums) / (weights @ np.bincount(self.unit, minlength=n_units))


def _weighted_auc(scores: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC under row weights (n_draws, n_rows); ties count half."""
    order = np.argsort(scores, kind="stable")
    positive = weights[:, order] * (target[order] > 0.5)
    negative = weights[:, order] - positive
    starts = np.unique(scores[order], return_index=True)[1]
    positive, negative = (np.add.reduceat(w, starts, axis=1) for w in (positive, negative))
    below = np.cumsum(negative, axis=1) - negative / 2
    return (positive * below).sum(axis=1) / np.maximum(positive.sum(axis=1) * negative.sum(axis=1), 1e-30)


def paired_difference(ours: Outcomes, theirs: Outcomes, n_draws: int, seed: int = 0) -> tuple[float, float, float]:
    """Difference ours - theirs with its 95 % bootstrap interval, the same units drawn for both.

    Args:
        ours: One method's outcomes.
        theirs: The other's, on the same rows.
        n_draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        Difference, lower end, upper end, in units of the metric.
    """
    n_units = int(ours.unit.max()) + 1
    rng = np.random.default_rng(seed)
    everyone = np.ones((1, n_units))
    centre = float((ours.estimate(everyone) - theirs.estimate(everyone))[0])
    draws = []
    for start in range(0, n_draws, BLOCK_DRAWS):
        count = min(BLOCK_DRAWS, n_draws - start)
        weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=count).astype(float)
        draws.append(ours.estimate(weights) - theirs.estimate(weights))
    low, high = np.quantile(np.concatenate(draws), [0.025, 0.975])
    return centre, float(low), float(high)


def on_frontier(n_bytes: np.ndarray, value: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Which points no other point beats in both size and value (Pareto).

    Args:
        n_bytes: Sizes, (n,).
        value: Metric, (n,).
        higher_is_better: Its direction.

    Returns:
        (n,) bool.
    """
    error = -value if higher_is_better else value
    better = (n_bytes[None] <= n_bytes[:, None]) & (error[None] <= error[:, None])
    strictly = better & ((n_bytes[None] < n_bytes[:, None]) | (error[None] < error[:, None]))
    return np.logical_not(strictly.any(axis=1))
