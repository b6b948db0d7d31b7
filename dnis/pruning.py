"""Cut the weighted table at a threshold, and measure what every cut costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis.results import SearchResult
from dnis.schemes import DimensionScheme

if TYPE_CHECKING:
    from dnis.splits import Split

SWEEP_COMPRESSIONS = (1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32)
"""Compressions in values that a sweep always measures exactly."""


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
            never stay.
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
    size = np.abs(result.weighted)
    if threshold is not None:
        if not (np.isfinite(threshold) and threshold >= 0):
            raise ValueError(f"threshold must be finite and at least 0, got {threshold}")
        return _cut(size, result.block_of, result.alpha, threshold)
    if n_values is not None:
        if not 0 <= n_values <= size.size:
            raise ValueError(f"n_values must be in [0, {size.size}], got {n_values}")
        ascending = np.sort(size, axis=None)
        return _cut(size, result.block_of, result.alpha, _threshold_for(ascending, n_values))
    if n_bytes is None or n_bytes < 0:
        raise ValueError(f"n_bytes must be at least 0, got {n_bytes}")
    return largest_within(size, result.block_of, n_bytes, result.alpha)


def _threshold_for(ascending: np.ndarray, n_values: int) -> float:
    """Smallest threshold that keeps at most ``n_values`` entries."""
    if n_values >= ascending.size:
        return 0.0
    first = ascending[ascending.size - n_values - 1]
    return float(np.nextafter(first, np.float32(np.inf)))


def _cut(size: np.ndarray, block_of: np.ndarray, alpha: np.ndarray | None, threshold: float) -> DimensionScheme:
    mask = size >= threshold
    if alpha is not None:
        mask &= alpha[block_of] > 0
    return DimensionScheme(mask, block_of, alpha, float(threshold))


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


def sweep_thresholds(result: SearchResult, n_thresholds: int = 40) -> np.ndarray:
    """Thresholds spread evenly over the number of kept values, with the usual compressions met exactly.

    Args:
        result: A finished search.
        n_thresholds: How many, besides the compressions.

    Returns:
        Ascending thresholds, the first one 0.
    """
    ascending = np.sort(np.abs(result.weighted), axis=None)
    even = np.linspace(ascending.size, ascending.size / 64, n_thresholds)
    wanted = np.concatenate([even, [ascending.size / c for c in SWEEP_COMPRESSIONS]])
    return np.unique([_threshold_for(ascending, round(n)) for n in wanted])


def sweep(result: SearchResult, split: Split, thresholds: np.ndarray | None = None) -> pd.DataFrame:
    """Metrics and sizes at every threshold, without retraining.

    Args:
        result: A finished search.
        split: Its four roles; ``val`` is select_val.
        thresholds: Where to measure; None for an even spread.

    Returns:
        One row per threshold: threshold, sparsity, n_values, n_bytes, val, test (the task's metric).
    """
    from dnis.tasks import TASKS, evaluate  # noqa: PLC0415  the server prunes without loading torch

    metric = TASKS[result.config.task].metric
    rows = []
    for threshold in sweep_thresholds(result) if thresholds is None else thresholds:
        scheme = prune(result, threshold=float(threshold))
        fitted = result.fitted(scheme.mask)
        measured = {
            name: evaluate(fitted, part, split.train)[metric]
            for name, part in (("val", split.select_val), ("test", split.test))
        }
        sizes = {"sparsity": scheme.sparsity, "n_values": scheme.n_values, "n_bytes": scheme.n_bytes}
        rows.append({"threshold": float(threshold), **sizes, **measured})
    return pd.DataFrame(rows)
