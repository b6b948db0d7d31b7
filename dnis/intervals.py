"""How sure a difference is: bootstrap over test users, the Pareto frontier, and what both say in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

BLOCK_DRAWS = 50
"""Bootstrap draws held in memory at a time, where ``BLOCK_NUMBERS`` allows so many."""

BLOCK_NUMBERS = 2**22
"""Draws times test users, or test rows, held in memory at a time; but never less than one draw."""


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
            weights: How often each unit was drawn, whole numbers (n_draws, n_units).

        Returns:
            (n_draws,); AUC is NaN for a draw that holds one label only.
        """
        if self.metric == "auc":
            return np.mean(self.by_seed(weights), axis=0)
        return self._means(self._sums, weights)

    def by_seed(self, weights: np.ndarray) -> np.ndarray:
        """The metric of every seed.

        Args:
            weights: As for ``estimate``.

        Returns:
            (n_seeds, n_draws).
        """
        if self.metric == "auc":
            return np.stack([ranked.auc(weights) for ranked in self._ranked])
        sums = (np.bincount(self.unit, weights=v, minlength=weights.shape[1]) for v in self.values)
        return np.stack([self._means(s, weights) for s in sums])

    def _means(self, sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return (weights @ sums) / (weights @ np.bincount(self.unit, minlength=weights.shape[1]))

    @cached_property
    def _sums(self) -> np.ndarray:
        return np.bincount(self.unit, weights=self.values.mean(axis=0))

    @cached_property
    def _ranked(self) -> list[_Ranked]:
        return [_Ranked.of(scores, self.target, self.unit) for scores in self.values]


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """Test rows from the lowest score to the highest: their unit, their label, where a score begins; (n_rows,) each.

    Sorting costs more than a draw does, and all draws share the order: 6 bytes a row keep it.
    """

    unit: np.ndarray
    positive: np.ndarray
    begins: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, target: np.ndarray, unit: np.ndarray) -> _Ranked:
        order = np.argsort(scores, kind="stable")
        ordered = scores[order]
        begins = np.append(True, ordered[1:] != ordered[:-1])
        return cls(unit[order].astype(np.int32), target[order] > 0.5, begins)

    def auc(self, weights: np.ndarray) -> np.ndarray:
        """AUC (n_draws,) under weights of the units (n_draws, n_units); NaN where a label is missing."""
        n_together = max(1, BLOCK_NUMBERS // len(self.unit))
        starts = np.flatnonzero(self.begins)
        parts = (weights[i : i + n_together] for i in range(0, len(weights), n_together))
        return np.concatenate([self._auc_of_some(part, starts) for part in parts])

    def _auc_of_some(self, weights: np.ndarray, starts: np.ndarray) -> np.ndarray:
        negative = weights[:, self.unit]
        positive = negative * self.positive
        negative -= positive
        positive, negative = (np.add.reduceat(w, starts, axis=1) for w in (positive, negative))
        below = np.cumsum(negative, axis=1) - negative / 2  # ties count half
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.divide((positive * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def paired_difference(ours: Outcomes, theirs: Outcomes, n_draws: int, seed: int = 0) -> tuple[float, float, float]:
    """Difference ours - theirs with its 95 % bootstrap interval, the same units drawn for both.

    Args:
        ours: One method's outcomes.
        theirs: The other's, on the same rows.
        n_draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        Difference, lower end, upper end, in units of the metric.

    Raises:
        ValueError: If no draw holds both labels, which AUC needs.
    """
    return paired_differences([(ours, theirs)], n_draws, seed)[0]


def paired_differences(
    pairs: Sequence[tuple[Outcomes, Outcomes]], n_draws: int, seed: int = 0
) -> list[tuple[float, float, float]]:
    """What ``paired_difference`` gives for every pair; the units are drawn once for all of them.

    Args:
        pairs: Ours and theirs; all on the same rows.
        n_draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        Difference, lower end, upper end per pair, in units of the metric. Draws for which AUC has no value, since they
        hold one label only, are left out.

    Raises:
        ValueError: If no draw holds both labels, which AUC needs.
    """
    return [interval(drawn) for drawn in drawn_differences(pairs, n_draws, seed)]


def drawn_differences(pairs: Sequence[tuple[Outcomes, Outcomes]], n_draws: int, seed: int = 0) -> list[np.ndarray]:
    """Differences ours - theirs of every pair: of everyone, and of each draw of units, the same units for all pairs.

    Args:
        pairs: Ours and theirs; all on the same rows.
        n_draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        (1 + n_draws,) per pair, that of everyone first, in units of the metric; NaN where a draw has no AUC.
    """
    methods = dict.fromkeys(chain.from_iterable(pairs))
    if not methods:
        return []
    n_units = int(next(iter(methods)).unit.max()) + 1
    found = {method: [method.estimate(np.ones((1, n_units)))] for method in methods}
    for weights in _draws(n_units, n_draws, seed):
        for method, estimates in found.items():
            estimates.append(method.estimate(weights))
    return [np.concatenate(found[ours]) - np.concatenate(found[theirs]) for ours, theirs in pairs]


def _draws(n_units: int, n_draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each unit is drawn, (some draws, n_units); the numbers do not depend on how many come at a time."""
    rng, share = np.random.default_rng(seed), np.full(n_units, 1 / n_units)
    n_together = min(BLOCK_DRAWS, max(1, BLOCK_NUMBERS // n_units))
    for start in range(0, n_draws, n_together):
        yield rng.multinomial(n_units, share, size=min(n_together, n_draws - start)).astype(float)


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """A difference with its 95 % interval.

    Args:
        differences: What ``drawn_differences`` gives for a pair, (1 + n_draws,).

    Returns:
        The difference of everyone, and the percentiles 2.5 and 97.5 of the draws that have a value.

    Raises:
        ValueError: If none has.
    """
    draws = differences[1:][~np.isnan(differences[1:])]
    if not len(draws):
        raise ValueError(f"auc needs labels 0 and 1, and none of {len(differences) - 1} draws of test users holds both")
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(differences[0]), float(low), float(high)


def joint_intervals(differences: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Intervals of which all together hold with 95 %, so that whichever is picked for its size still holds.

    Every difference gets the same number of its own bootstrap standard deviations to both sides: the 95th percentile,
    over draws, of the largest deviation in these units (Westfall and Young 1993, the single step of maxT).

    Args:
        differences: What ``drawn_differences`` gives for several pairs, (1 + n_draws,) each.

    Returns:
        Lower and upper end per pair.
    """
    everyone, draws = np.stack(differences)[:, :1], np.stack(differences)[:, 1:]
    draws = draws[:, ~np.isnan(draws).any(axis=0)]
    spread = draws.std(axis=1, keepdims=True)
    away = np.divide(np.abs(draws - everyone), spread, out=np.zeros_like(draws), where=spread > 0)
    reach = np.quantile(away.max(axis=0), 0.95) * spread
    return [(float(d - r), float(d + r)) for (d,), (r,) in zip(everyone, reach, strict=True)]


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
