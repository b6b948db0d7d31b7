"""Cut the weighted table at a threshold, and measure what every cut costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis.results import SearchResult
from dnis.schemes import DimensionScheme, layout_bytes

if TYPE_CHECKING:
    from dnis.splits import Split

SWEEP_COMPRESSIONS = (1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32)
"""Compressions in values that a sweep always measures exactly."""

MANY, FEW = 188, 40
"""Thresholds of a sweep besides these compressions, where one pass measures all and where each costs an evaluation."""


def prune(
    result: SearchResult,
    *,
    threshold: float | None = None,
    n_values: int | None = None,
    n_bytes: int | None = None,
) -> DimensionScheme:
    """Keep the entries of largest weighted magnitude |alpha * e|; exactly one argument says how many.

    Args:
        result: A finished search; alpha (n_blocks, K), embeddings (n_features, K).
        threshold: Smallest kept |alpha * e| [embedding units], at least 0; entries whose alpha is 0
            never stay, nor do those that the search itself has cut.
        n_values: Number of entries to keep; fewer stay where alpha is 0 for more of them.
        n_bytes: Largest size as stored, index included.

    Returns:
        A scheme whose ``mask`` has shape (n_features, K).

    Raises:
        ValueError: If not exactly one argument is given, or it is out of its range.
    """
    given = {"threshold": threshold, "n_values": n_values, "n_bytes": n_bytes}
    if sum(v is not None for v in given.values()) != 1:
        raise ValueError(f"give exactly one of threshold, n_values, n_bytes; got {given}")
    size = _size(result)
    if threshold is not None:
        if not (np.isfinite(threshold) and threshold >= 0):
            raise ValueError(f"threshold must be finite and at least 0, got {threshold}")
        return _cut(size, result.block_of, result.alpha, threshold, result.by_entries)
    if n_values is not None:
        if not 0 <= n_values <= size.size:
            raise ValueError(f"n_values must be in [0, {size.size}], got {n_values}")
        ascending = np.sort(size, axis=None)
        return _cut(size, result.block_of, result.alpha, _threshold_for(ascending, n_values), result.by_entries)
    if n_bytes is None or n_bytes < 0:
        raise ValueError(f"n_bytes must be at least 0, got {n_bytes}")
    return replace(largest_within(size, result.block_of, n_bytes, result.alpha), by_entries=result.by_entries)


def _threshold_for(ascending: np.ndarray, n_values: int) -> float:
    """Smallest threshold that keeps at most ``n_values`` entries."""
    if n_values >= ascending.size:
        return 0.0
    first = ascending[ascending.size - n_values - 1]
    return max(0.0, float(np.nextafter(first, np.float32(np.inf))))


def _cut(
    size: np.ndarray, block_of: np.ndarray, alpha: np.ndarray | None, threshold: float, by_entries: bool = False
) -> DimensionScheme:
    mask = size >= threshold
    if alpha is not None:
        mask &= alpha[block_of] > 0
    return DimensionScheme(mask, block_of, alpha, float(threshold), by_entries=by_entries)


def largest_within(
    size: np.ndarray, block_of: np.ndarray, n_bytes: int, alpha: np.ndarray | None = None
) -> DimensionScheme:
    """The scheme of the largest entries that fits into a number of bytes, index included.

    Args:
        size: What decides which entries stay, (n_features, K), at least 0.
        block_of: Block per feature, (n_features,).
        n_bytes: Largest size as stored.
        alpha: Weights (n_blocks, K) that a retraining keeps, or None.

    Returns:
        A scheme of at most ``n_bytes``.

    Raises:
        ValueError: If not even an empty table fits.
    """
    ascending = np.sort(size, axis=None)
    whole = _cut(size, block_of, alpha, 0.0)
    if whole.n_bytes <= n_bytes:
        return whole
    low, high = 0, size.size
    # sizes grow with the number of kept entries but for the choice of layout, so halving finds the border
    while high - low > 1:
        middle = (low + high) // 2
        fits = _cut(size, block_of, alpha, _threshold_for(ascending, middle)).n_bytes <= n_bytes
        low, high = (middle, high) if fits else (low, middle)
    scheme = _cut(size, block_of, alpha, _threshold_for(ascending, low))
    if scheme.n_bytes > n_bytes:
        raise ValueError(f"n_bytes must be at least {scheme.n_bytes}, the size of an empty table; got {n_bytes}")
    return scheme


def _size(result: SearchResult) -> np.ndarray:
    """|alpha * e|, (n_features, K); below every threshold where the search itself has cut an entry for good."""
    size = np.abs(result.weighted)
    if result.by_entries:
        size[result.embeddings == 0] = -1
    return size


def sweep_thresholds(result: SearchResult, n_thresholds: int = 40) -> np.ndarray:
    """Thresholds spread evenly over the number of kept values, with the usual compressions met exactly.

    Args:
        result: A finished search.
        n_thresholds: How many, besides the compressions.

    Returns:
        Ascending thresholds, the first one 0.
    """
    ascending = np.sort(_size(result), axis=None)
    even = np.linspace(ascending.size, ascending.size / 64, n_thresholds)
    wanted = np.concatenate([even, [ascending.size / c for c in SWEEP_COMPRESSIONS]])
    return np.unique([_threshold_for(ascending, round(n)) for n in wanted])


def sweep(result: SearchResult, split: Split, thresholds: Sequence[float] | np.ndarray | None = None) -> pd.DataFrame:
    """Metrics and sizes at every threshold, without retraining.

    Args:
        result: A finished search.
        split: Its four roles; ``val`` is select_val.
        thresholds: Where to measure; None for an even spread: 200 where one pass measures all (MF and FM), else 52.

    Returns:
        One row per threshold: threshold, sparsity, n_values, n_bytes, val, test (the task's metric).

    Raises:
        ValueError: If a threshold is negative or not finite.
    """
    from dnis.thresholds import metrics_at, one_pass  # noqa: PLC0415  the server prunes without loading torch

    if thresholds is None:
        quick = one_pass(result.config.task, result.config.model)
        thresholds = sweep_thresholds(result, MANY if quick else FEW)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if not (np.isfinite(thresholds) & (thresholds >= 0)).all():
        wrong = thresholds[~(np.isfinite(thresholds) & (thresholds >= 0))][0]
        raise ValueError(f"threshold must be finite and at least 0, got {wrong}")
    ascending, place = np.unique(thresholds, return_inverse=True)
    levels = _levels(result, ascending)
    n_values, n_bytes = _sizes(levels, result.block_of, len(ascending))
    changed = np.diff(n_values, prepend=-1) != 0  # cuts are nested, so two of one size are the same
    fitted, same = result.fitted(), np.cumsum(changed) - 1
    measured = {
        name: np.array(metrics_at(fitted, levels, np.flatnonzero(changed), part, split.train))[same]
        for name, part in (("val", split.select_val), ("test", split.test))
    }
    columns = {"threshold": ascending, "sparsity": 1.0 - n_values / levels.size, "n_values": n_values}
    return pd.DataFrame({**columns, "n_bytes": n_bytes, **measured}).iloc[place].reset_index(drop=True)


def _levels(result: SearchResult, ascending: np.ndarray) -> np.ndarray:
    """How many of the thresholds every entry survives, (n_features, K)."""
    size = _size(result)
    levels = np.searchsorted(ascending.astype(size.dtype), size, side="right")
    return levels * (result.alpha[result.block_of] > 0)


def _sizes(levels: np.ndarray, block_of: np.ndarray, n_cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and bytes that each cut keeps, (n_cuts,) each."""
    n_values = levels.size - np.cumsum(np.bincount(levels.ravel(), minlength=n_cuts))[:n_cuts]
    block_sizes = np.bincount(block_of)
    highest = np.zeros((len(block_sizes), levels.shape[1]), dtype=levels.dtype)
    np.maximum.at(highest, block_of, levels)
    sizes = [layout_bytes(int(n), highest > cut, block_sizes) for cut, n in enumerate(n_values)]
    return n_values, np.array([min(size.values()) for size in sizes])
