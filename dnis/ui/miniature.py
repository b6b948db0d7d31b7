"""DNIS in miniature, on planted data, in NumPy and in a few milliseconds: what the lessons let a reader poke.

Feature i has a true vector t_i whose first d_i entries are not zero, later ones smaller. An observation of it is (x, y)
with x from N(0, I) and y = <t_i, x> + noise; its embedding has to be learnt from its n_i observations. A rare feature
that may use all K dimensions fits the noise: that is why dimensions should follow popularity. All losses are quadratic,
so sums of x x' and x y carry everything, and the expected test error is known: sum_i w_i |t_i - e_i|^2 + noise^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnis.schemes import DimensionScheme, make_blocks

EMBEDDING_DIM = 8
N_FEATURES = 60
NOISE = 1.0
EPOCHS = 60
WARM_EPOCHS = 10

_LR = 0.05
_SEEN_MOST = 300
_FIRST_SIZE, _DECAY = 1.3, 0.8


@dataclass(frozen=True, eq=False)
class Moments:
    """What a part of the data says of each feature: sums of x x' (n, K, K), x y (n, K), y y (n,), and counts (n,)."""

    gram: np.ndarray
    cross: np.ndarray
    power: np.ndarray
    counts: np.ndarray

    def __add__(self, other: Moments) -> Moments:
        """Both parts together."""
        return Moments(
            self.gram + other.gram, self.cross + other.cross, self.power + other.power, self.counts + other.counts
        )

    def loss(self, table: np.ndarray) -> float:
        """Mean squared error of the embeddings (n, K) on this part."""
        quadratic = np.einsum("nk,nkj,nj->", table, self.gram, table)
        return float((quadratic - 2 * (self.cross * table).sum() + self.power.sum()) / self.counts.sum())

    def slope(self, table: np.ndarray) -> np.ndarray:
        """Gradient of each feature's summed squared error by its embedding, (n, K)."""
        return 2 * (np.einsum("nkj,nj->nk", self.gram, table) - self.cross)


@dataclass(frozen=True, eq=False)
class Planted:
    """Planted features with their true vectors (n, K) and two parts of data."""

    true: np.ndarray
    counts: np.ndarray
    train: Moments
    val: Moments

    @property
    def true_dims(self) -> np.ndarray:
        """Planted dimensions per feature, (n,)."""
        return (self.true != 0).sum(axis=1)

    def test_loss(self, table: np.ndarray) -> float:
        """Expected squared error on fresh observations, exact."""
        share = self.counts / self.counts.sum()
        return float(share @ ((self.true - table) ** 2).sum(axis=1) + NOISE**2)


def popularity(n_features: int, exponent: float, most: int = _SEEN_MOST) -> np.ndarray:
    """Counts that fall like rank^-exponent, at least 1.

    Args:
        n_features: Number of features.
        exponent: Steepness; 0 makes all equally frequent.
        most: Count of the most frequent one.

    Returns:
        Counts, (n_features,) int64.
    """
    return np.maximum(1, np.round(most * np.arange(1, n_features + 1) ** -exponent)).astype(np.int64)


def plant(seed: int = 0, slope: float = 1.0) -> Planted:
    """Draw planted features and their observations.

    Args:
        seed: Seed of every draw.
        slope: How strongly the true dimension follows popularity: 1 from 8 down to 1, 0 equally many for all.

    Returns:
        The planted data.
    """
    rng = np.random.default_rng(seed)
    counts = popularity(N_FEATURES, 0.8)
    middle = (EMBEDDING_DIM + 1) / 2
    falling = np.linspace(EMBEDDING_DIM, 1, N_FEATURES)
    dims = np.round(middle + slope * (falling - middle)).astype(int)
    size = _FIRST_SIZE * _DECAY ** np.arange(EMBEDDING_DIM)
    true = size * rng.normal(0, 1, (N_FEATURES, EMBEDDING_DIM)) * (np.arange(EMBEDDING_DIM) < dims[:, None])
    n_val = np.maximum(1, counts // 2)
    return Planted(true, counts, _observe(rng, true, counts), _observe(rng, true, n_val))


def _observe(rng: np.random.Generator, true: np.ndarray, counts: np.ndarray) -> Moments:
    owner = np.repeat(np.arange(len(counts)), counts)
    x = rng.normal(0, 1, (len(owner), true.shape[1]))
    y = (x * true[owner]).sum(axis=1) + rng.normal(0, NOISE, len(owner))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    gram = np.add.reduceat(x[:, :, None] * x[:, None, :], starts, axis=0)
    return Moments(gram, np.add.reduceat(x * y[:, None], starts, axis=0), np.add.reduceat(y * y, starts), counts)


@dataclass(frozen=True, eq=False)
class Course:
    """A finished miniature search: alpha after every epoch (epochs, L, K), losses by role, embeddings (n, K)."""

    alphas: np.ndarray
    losses: dict[str, np.ndarray]
    embeddings: np.ndarray
    block_of: np.ndarray

    @property
    def weighted(self) -> np.ndarray:
        """alpha[block(i)] * e_i at the end, (n, K)."""
        return self.alphas[-1][self.block_of] * self.embeddings


def search(data: Planted, lr_alpha: float = 0.03, normalise: bool = True, n_blocks: int = 6, seed: int = 0) -> Course:
    """First-order bilevel search: weights step on the training part, alpha on the validation part, in turn.

    Args:
        data: Planted data.
        lr_alpha: Step of alpha.
        normalise: Whether each row of alpha's gradient is divided by its mean magnitude.
        n_blocks: Number of blocks.
        seed: Seed of the start values.

    Returns:
        The course of the search.
    """
    block_of = make_blocks(data.counts, n_blocks)
    alpha = np.ones((int(block_of.max()) + 1, EMBEDDING_DIM))
    table = np.random.default_rng(seed).normal(0, 0.1, data.true.shape)
    alphas, losses = [], {"train": [], "search_val": [], "test": []}
    for epoch in range(EPOCHS):
        weight = alpha[block_of]
        table = table - _LR * weight * data.train.slope(weight * table) / data.counts[:, None]
        if epoch >= WARM_EPOCHS:
            alpha = np.clip(alpha - lr_alpha * _alpha_slope(data.val, alpha, table, block_of, normalise), 0, 1)
        current = alpha[block_of] * table
        alphas.append(alpha)
        for role, value in zip(
            losses, (data.train.loss(current), data.val.loss(current), data.test_loss(current)), strict=True
        ):
            losses[role].append(value)
    return Course(np.array(alphas), {r: np.array(v) for r, v in losses.items()}, table, block_of)


def _alpha_slope(
    val: Moments, alpha: np.ndarray, table: np.ndarray, block_of: np.ndarray, normalise: bool
) -> np.ndarray:
    per_feature = table * val.slope(alpha[block_of] * table) / val.counts.sum()
    slope = np.zeros_like(alpha)
    np.add.at(slope, block_of, per_feature)
    # DNIS: g[l, :] /= mean |g[l, :]|, so that rare blocks travel as far as frequent ones
    return slope / (np.abs(slope).mean(axis=1, keepdims=True) + 1e-8) if normalise else slope


def cut(course: Course, threshold: float) -> DimensionScheme:
    """Keep the entries with |alpha * e| of at least the threshold; what alpha has switched off goes at any threshold.

    Args:
        course: A finished search.
        threshold: At least 0.

    Returns:
        The scheme.
    """
    alpha = course.alphas[-1]
    mask = (np.abs(course.weighted) >= threshold) & (alpha[course.block_of] > 0)
    return DimensionScheme(mask, course.block_of, alpha, threshold)
