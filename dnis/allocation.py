"""Whole dimensions dealt to feature blocks so that the table meets a number of bytes."""

from __future__ import annotations

import numpy as np

from dnis.budgets import index_values
from dnis.schemes import VALUE_BYTES, DimensionScheme


def fit_dims(
    weights: np.ndarray, block_of: np.ndarray, embedding_dim: int, n_bytes: int, projected: bool = False
) -> DimensionScheme:
    """Give every block dimensions in proportion to its weight, as many as the bytes allow.

    The common factor is found by halving; what is left is dealt one dimension at a time, largest remainder first.

    Args:
        weights: Wanted proportion per block, (n_blocks,), at least 0.
        block_of: Block per feature, (n_features,).
        embedding_dim: K, the most that a block gets.
        n_bytes: Largest size as stored, index and projections included.
        projected: Whether each narrower block also stores a (d, K) projection.

    Returns:
        A nested scheme of at most ``n_bytes``; blocks may end with no dimension where the bytes are few.

    Raises:
        ValueError: If not even an empty table fits.
    """

    def scheme(dims: np.ndarray) -> DimensionScheme:
        return DimensionScheme.from_block_dims(dims, block_of, embedding_dim, projected)

    def fits(dims: np.ndarray) -> bool:
        return scheme(dims).n_bytes <= n_bytes

    weights = np.asarray(weights, dtype=float)
    if not fits(np.zeros(len(weights), dtype=int)):
        raise ValueError(f"n_bytes must hold at least an empty table, got {n_bytes}")
    low, high = 0.0, embedding_dim / max(weights[weights > 0].min(initial=1.0), 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(_whole(middle * weights, embedding_dim)) else (low, middle)
    wanted = low * weights
    dims = _whole(wanted, embedding_dim)
    for block in np.argsort(-(wanted - dims), kind="stable"):
        more = dims.copy()
        more[block] = min(more[block] + 1, embedding_dim)
        dims = more if fits(more) else dims
    return scheme(dims)


def _whole(dims: np.ndarray, embedding_dim: int) -> np.ndarray:
    return np.clip(np.floor(dims), 0, embedding_dim).astype(int)


def fit_pairs(gain: np.ndarray, block_of: np.ndarray, n_bytes: int, alpha: np.ndarray | None = None) -> DimensionScheme:
    """Keep whole (block, dimension) pairs in the order of their gain, as many as the bytes allow.

    Args:
        gain: What a pair is worth per stored value, (n_blocks, K); pairs of gain 0 never stay.
        block_of: Block per feature, (n_features,).
        n_bytes: Largest size as stored, index included.
        alpha: Weights (n_blocks, K) that a retraining keeps, or None.

    Returns:
        A scheme of at most ``n_bytes`` in which the features of a block share their dimensions.
    """
    pairs = np.zeros(gain.shape, dtype=bool)
    rows = np.bincount(block_of, minlength=len(gain))
    left = n_bytes - VALUE_BYTES * index_values(*gain.shape)
    for flat in np.argsort(-gain, axis=None, kind="stable"):
        block, k = divmod(int(flat), gain.shape[1])
        if gain[block, k] > 0 and VALUE_BYTES * rows[block] <= left:
            pairs[block, k] = True
            left -= VALUE_BYTES * int(rows[block])
    return DimensionScheme(pairs[block_of], block_of, alpha)
