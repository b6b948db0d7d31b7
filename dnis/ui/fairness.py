"""The miniature judged: closed-form retraining, tuning, and DNIS beside uniform tables on planted data."""

from __future__ import annotations

import numpy as np

from dnis.schemes import DimensionScheme
from dnis.ui.miniature import EMBEDDING_DIM, N_FEATURES, Moments, Planted, cut, plant, search

_L2_GRID = (0.1, 0.3, 1.0, 3.0, 10.0)

UNTUNED_L2 = 10.0
"""What a baseline gets that nobody tuned: the strongest of the grid, since the weakest happens to suit this world."""


def fit(part: Moments, mask: np.ndarray, l2: float) -> np.ndarray:
    """The best embeddings on a part of the data under a mask: ridge regression per feature, in closed form.

    Args:
        part: What to learn from.
        mask: Dimensions that each feature may use, (n, K) bool.
        l2: Strength of the penalty, in observations, above 0.

    Returns:
        Embeddings, (n, K), zero where the mask is.
    """
    eye = np.eye(mask.shape[1])
    used = mask[:, :, None] & mask[:, None, :]
    # unused rows and columns become the identity's, so that they solve to 0
    system = np.where(used, part.gram + l2 * eye, eye)
    return np.linalg.solve(system, np.where(mask, part.cross, 0.0)[:, :, None])[:, :, 0]


def tuned_l2(data: Planted, mask: np.ndarray) -> float:
    """The penalty of the grid that the validation part likes best.

    Args:
        data: Planted data.
        mask: Dimensions that each feature may use, (n, K) bool.

    Returns:
        One of the grid's strengths.
    """
    return min(_L2_GRID, key=lambda l2: data.val.loss(fit(data.train, mask, l2)))


def judge(slope: float, equal_data: bool, equal_tuning: bool, n_seeds: int = 5) -> list[dict[str, object]]:
    """Test error against bytes for DNIS and for uniform tables.

    DNIS is always retrained on train + validation with a tuned penalty; the switches say whether uniform tables are.

    Args:
        slope: How strongly the planted dimensions follow popularity.
        equal_data: Whether uniform tables also learn from the validation part.
        equal_tuning: Whether uniform tables also get a tuned penalty.
        n_seeds: Number of planted data sets, each with its own search.

    Returns:
        Rows as ``figures.frontier`` draws them.
    """
    found: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for seed in range(n_seeds):
        data = plant(seed, slope)
        course = search(data, seed=seed)
        size = np.sort(np.abs(course.weighted), axis=None)
        for width in range(1, EMBEDDING_DIM + 1):
            kept = N_FEATURES * width
            dnis = cut(course, float(size[len(size) - kept]))
            uniform = DimensionScheme.from_block_dims(np.full(1, width), np.zeros(N_FEATURES, int), EMBEDDING_DIM)
            cases = (("dnis", dnis, True, True), ("uniform", uniform, equal_data, equal_tuning))
            for name, scheme, all_data, tuned in cases:
                found.setdefault((name, width), []).append((scheme.n_bytes, _score(data, scheme.mask, all_data, tuned)))
    return [
        {
            "method": name, "n_bytes": float(np.mean([b for b, _ in cells])), "seeds": n_seeds,
            "mean": float(np.mean([e for _, e in cells])), "sd": float(np.std([e for _, e in cells], ddof=1)),
            "on_frontier": True, "embedding_dim": width,
        }
        for (name, width), cells in found.items()
    ]  # fmt: skip


def _score(data: Planted, mask: np.ndarray, all_data: bool, tuned: bool) -> float:
    part = data.train + data.val if all_data else data.train
    return data.test_loss(fit(part, mask, tuned_l2(data, mask) if tuned else UNTUNED_L2))
