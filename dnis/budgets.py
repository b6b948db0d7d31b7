"""A search that is told its budget: whole (block, dimension) pairs leave in rounds, and what stays adapts."""

from __future__ import annotations

import re

import numpy as np

from dnis.schemes import VALUE_BYTES
from dnis.settings import SearchConfig

ROUNDS = 8
"""Epochs over which the table shrinks from full size to the budget."""

LEARNING_ROUNDS = 4
"""Epochs in which the budgeted recipe moves alpha and cuts the table, each way."""

SETTLED = 3
"""Epochs that the budgeted recipe keeps at least for the weights, once its table has met the budget."""

_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_NUMBER = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]*\.?[0-9]+"


def compression_for(budget: str, full_bytes: int) -> float:
    """How many times smaller than the full table a budget is.

    Args:
        budget: Such as ``8x``, ``200 kB``, ``1.5 MB`` or ``1,500 kB``.
        full_bytes: Size of the full table [bytes].

    Returns:
        Full size over budget; 1 where the budget holds more than the full table.

    Raises:
        ValueError: If the budget cannot be read.
    """
    units = {name.lower(): size for name, size in _UNITS.items()}
    found = re.fullmatch(rf"({_NUMBER})\s*(x|[kmg]?b)?", budget.strip().lower())
    number = float(found[1].replace(",", "")) if found else 0.0
    if not found or number <= 0:
        commas = " (commas stand between thousands only: write 1.5, not 1,5)" if "," in budget else ""
        raise ValueError(f"a budget is such as 8x, 200 kB or 1.5 MB; got {budget!r}{commas}")
    smaller = number if found[2] in (None, "x") else full_bytes / (number * units[found[2]])
    return max(1.0, smaller)


def warm_length(config: SearchConfig, losses: list[float]) -> int:
    """Epochs before alpha moves: as asked (the budgeted recipe: all it can), or until select_val first gets worse.

    Args:
        config: Settings.
        losses: select_val after every warm epoch so far.

    Returns:
        A number of epochs.
    """
    longest = config.warm_epochs
    if config.recipe == "budget":
        longest = max(0, config.epochs - n_phases(config) * (LEARNING_ROUNDS + SETTLED))
    losses = losses[:longest]
    worse = [later + 1 for later in range(1, len(losses)) if losses[later] > losses[later - 1]]
    return min([longest, *worse])


def n_phases(config: SearchConfig) -> int:
    """Ways of cutting that a search keeps epochs for: two where both are wanted, and as many are left to begin with."""
    both = config.recipe == "budget" and config.grain == "either"
    return 2 if both and config.epochs >= 3 * (LEARNING_ROUNDS + SETTLED) else 1


def rounds_of(config: SearchConfig) -> int:
    """Epochs, from when alpha begins to move, until the table meets its budget; 1 without one."""
    if config.recipe == "budget":
        return max(1, min(LEARNING_ROUNDS, config.epochs - SETTLED))
    return max(1, min(ROUNDS, config.epochs - config.warm_epochs)) if config.compression > 1 else 1


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


def block_energy(embeddings: np.ndarray, block_of: np.ndarray, n_blocks: int) -> np.ndarray:
    """Sum of e^2 over the features of every block; those of parts of a table add up.

    Args:
        embeddings: (n_features, K).
        block_of: (n_features,).
        n_blocks: Number of blocks.

    Returns:
        (n_blocks, K).
    """
    energy = np.zeros((n_blocks, embeddings.shape[1]), dtype=np.float32)
    np.add.at(energy, block_of, embeddings**2)
    return energy


def index_values(n_blocks: int, embedding_dim: int) -> float:
    """What the index of whole (block, dimension) pairs takes, in values: a bit per pair, whole bytes per block.

    Args:
        n_blocks: Number of blocks; what a single one keeps is a plain narrower table.
        embedding_dim: K.

    Returns:
        A number of values, which need not be whole.
    """
    return n_blocks * -(-embedding_dim // 8) / VALUE_BYTES if n_blocks > 1 else 0.0


def kept_pairs(alpha: np.ndarray, energy: np.ndarray, sizes: np.ndarray, share: float) -> np.ndarray:
    """The (block, dimension) pairs worth most per stored value: mean square of alpha * e over the block.

    Args:
        alpha: (n_blocks, K); pairs at 0 are gone already.
        energy: What ``block_energy`` gives, (n_blocks, K).
        sizes: Features per block, (n_blocks,).
        share: Share of all values that may stay.

    Returns:
        (n_blocks, K) bool.
    """
    gain = alpha**2 * energy / np.maximum(sizes, 1)[:, None]
    kept = np.zeros(alpha.shape, dtype=bool)
    left = share * int(sizes.sum()) * alpha.shape[1] - index_values(*alpha.shape)
    for flat in np.argsort(-gain, axis=None, kind="stable"):
        block, k = divmod(int(flat), alpha.shape[1])
        if gain[block, k] > 0 and sizes[block] <= left:
            kept[block, k] = True
            left -= sizes[block]
    return kept
