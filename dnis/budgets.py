"""A search that is told its budget: whole (block, dimension) pairs leave in rounds, and what stays adapts."""

from __future__ import annotations

import numpy as np

from dnis.schemes import VALUE_BYTES

ROUNDS = 8
"""Epochs over which the table shrinks from full size to the budget."""


def kept_share(epoch: int, rounds: int, compression: float) -> float:
    """Share of the full table that may stay after an epoch; falls geometrically to 1 / compression.

    Args:
        epoch: Epochs since alpha began to move.
        rounds: Epochs until the budget is met.
        compression: Full size over wanted size.

    Returns:
        A share in [1 / compression, 1].
    """
    return compression ** -min(max(epoch, 0) / rounds, 1.0)


def kept_pairs(alpha: np.ndarray, embeddings: np.ndarray, block_of: np.ndarray, share: float) -> np.ndarray:
    """The (block, dimension) pairs worth most per stored value: mean square of alpha * e over the block.

    Args:
        alpha: (n_blocks, K); pairs at 0 are gone already.
        embeddings: (n_features, K).
        block_of: (n_features,).
        share: Share of all values that may stay.

    Returns:
        (n_blocks, K) bool.
    """
    sizes = np.bincount(block_of, minlength=len(alpha))
    energy = np.zeros_like(alpha)
    np.add.at(energy, block_of, embeddings**2)
    gain = alpha**2 * energy / np.maximum(sizes, 1)[:, None]
    kept = np.zeros(alpha.shape, dtype=bool)
    left = share * embeddings.size - len(alpha) * -(-alpha.shape[1] // 8) / VALUE_BYTES
    for flat in np.argsort(-gain, axis=None, kind="stable"):
        block, k = divmod(int(flat), alpha.shape[1])
        if gain[block, k] > 0 and sizes[block] <= left:
            kept[block, k] = True
            left -= sizes[block]
    return kept
