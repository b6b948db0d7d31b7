"""Why cutting a trained table late loses, in NumPy and in milliseconds: users times items, cut in three ways.

A score is a sum of products, one per dimension, and a product is gone as soon as one of its two entries is. Training
fixes a table but for a rotation, so what a feature knows is spread over all its dimensions. The miniature plants true
vectors whose later entries are smaller, adds the noise that few observations leave, and rotates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnis.pruning import largest_within
from dnis.schemes import DimensionScheme, make_blocks
from dnis.ui.miniature import popularity

EMBEDDING_DIM, N_BLOCKS = 16, 4
COMPRESSIONS = (1, 2, 4, 8, 16)
_EACH, _MOST, _DECAY, _NOISE, _VAL_NOISE = 60, 100, 0.75, 1.0, 0.5


@dataclass(frozen=True, eq=False)
class World:
    """A trained table (2 n, K), users before items; how often each is seen; true scores (n, n), and a noisy look."""

    table: np.ndarray
    counts: np.ndarray
    true: np.ndarray
    val: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """How likely each pair of user and item is to be asked for, (n, n)."""
        users, items = np.split(self.counts / self.counts.sum() * 2, 2)
        return np.outer(users, items)

    def loss(self, table: np.ndarray, target: np.ndarray) -> float:
        """Mean squared error of a table's scores, each pair as often as it is asked for."""
        users, items = np.split(table, 2)
        return float((self.weight * (users @ items.T - target) ** 2).sum() / self.weight.sum())


def world(seed: int = 0) -> World:
    """Plant vectors, and train and rotate a table of them.

    Args:
        seed: Seed of every draw.

    Returns:
        The world.
    """
    rng = np.random.default_rng(seed)
    counts = np.concatenate([popularity(_EACH, 0.8, _MOST)] * 2)
    true = _DECAY ** np.arange(EMBEDDING_DIM) * rng.normal(0, 1, (2 * _EACH, EMBEDDING_DIM))
    learned = true + rng.normal(0, _NOISE, true.shape) / np.sqrt(1 + counts)[:, None]
    rotation = np.linalg.qr(rng.normal(0, 1, (EMBEDDING_DIM, EMBEDDING_DIM)))[0]
    users, items = np.split(true, 2)
    scores = users @ items.T
    return World(learned @ rotation, counts, scores, scores + rng.normal(0, _VAL_NOISE, scores.shape))


def turned(found: World) -> np.ndarray:
    """The table turned so that its first dimensions carry most; its scores stay what they were.

    Args:
        found: A world.

    Returns:
        The table, (2 n, K).
    """
    axes = np.linalg.eigh(found.table.T @ (found.counts[:, None] * found.table))[1]
    return found.table @ axes[:, ::-1]


def learned_dims(found: World, table: np.ndarray, n_values: float) -> tuple[np.ndarray, np.ndarray]:
    """Dimensions per block within a number of values: the block gives one up whose loss validation feels least.

    Args:
        found: A world.
        table: Its table, turned or not.
        n_values: Most values to keep.

    Returns:
        Dimensions (n_blocks,) and the block of every feature.
    """
    block_of = make_blocks(found.counts, N_BLOCKS)
    sizes, dims = np.bincount(block_of), np.full(N_BLOCKS, EMBEDDING_DIM)
    while dims @ sizes > n_values:
        fewer = [dims - (np.arange(N_BLOCKS) == block) for block in range(N_BLOCKS) if dims[block] > 1]
        if not fewer:
            break
        dims = min(fewer, key=lambda some: found.loss(_first(table, some[block_of]), found.val))
    return dims, block_of


def judge(turn: bool, n_seeds: int = 5) -> list[dict[str, object]]:
    """Test error against bytes of a late cut, of the same dimensions for all, and of learned ones.

    Args:
        turn: Whether the table is turned before whole dimensions are cut.
        n_seeds: Number of worlds.

    Returns:
        Rows as ``figures.frontier`` draws them, with the compression of each.
    """
    cells: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for seed in range(n_seeds):
        found = world(seed)
        table = turned(found) if turn else found.table
        for compression in COMPRESSIONS:
            for method, (scheme, kept) in _cuts(found, table, compression, turn).items():
                loss = found.loss(kept * scheme.mask, found.true)
                cells.setdefault((method, compression), []).append((scheme.n_bytes, loss))
    return [
        {
            "method": method, "compression": compression, "n_bytes": float(np.mean([b for b, _ in got])),
            "mean": float(np.mean([e for _, e in got])), "sd": float(np.std([e for _, e in got], ddof=1)),
            "seeds": n_seeds, "on_frontier": True, "embedding_dim": EMBEDDING_DIM / compression,
        }
        for (method, compression), got in cells.items()
    ]  # fmt: skip


def _cuts(
    found: World, table: np.ndarray, compression: int, turn: bool
) -> dict[str, tuple[DimensionScheme, np.ndarray]]:
    n_bytes = 4 * table.size // compression
    width = np.full(1, EMBEDDING_DIM // compression)
    everyone = np.zeros(len(table), dtype=int)
    late = largest_within(np.abs(found.table), everyone, n_bytes)
    uniform = DimensionScheme.from_block_dims(width, everyone, EMBEDDING_DIM)
    dims, block_of = learned_dims(found, table, table.size / compression)
    nested = DimensionScheme.from_block_dims(dims, block_of, EMBEDDING_DIM)
    same = "uniform-turned" if turn else "uniform"
    return {"magnitude": (late, found.table), same: (uniform, table), "dnis-nested": (nested, table)}


def _first(table: np.ndarray, dims: np.ndarray) -> np.ndarray:
    return table * (np.arange(table.shape[1]) < dims[:, None])
