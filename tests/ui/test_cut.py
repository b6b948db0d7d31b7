"""A run as data for the threshold slider; ``prune`` is the oracle."""

import dataclasses

import numpy as np
import pytest

from dnis.pruning import prune
from dnis.ui import cut


def test_every_fourth_step_is_a_measured_threshold_and_the_others_lie_between():
    grid = cut.grid(np.array([0.0, 0.4, 2.0]))
    assert grid[:: cut.BETWEEN].tolist() == [0.0, 0.4, 2.0]
    assert grid[1:4] == pytest.approx([0.1, 0.2, 0.3])
    assert np.all(np.diff(grid) > 0)


def search_of(tiny_search, n, k, n_blocks, seed):
    rng = np.random.default_rng(seed)
    alpha = rng.random((n_blocks, k)).astype(np.float32)
    alpha[rng.random(alpha.shape) < 0.3] = 0
    return dataclasses.replace(
        tiny_search, embeddings=rng.normal(size=(n, k)).astype(np.float32), alpha=alpha,
        block_of=np.sort(rng.integers(0, n_blocks, n)).astype(np.int32), counts=np.arange(n)[::-1] + 1,
    )  # fmt: skip


@pytest.mark.parametrize(("n", "k", "n_blocks"), [(50, 8, 3), (7, 300, 2), (400, 17, 20), (5, 1, 1)])
def test_sizes_over_many_thresholds_are_those_of_pruning_at_each(tiny_search, n, k, n_blocks):
    result = search_of(tiny_search, n, k, n_blocks, seed=n)
    result = dataclasses.replace(result, block_of=np.unique(result.block_of, return_inverse=True)[1].astype(np.int32))
    thresholds = cut.grid(
        np.quantile(np.abs(result.weighted), [0, 0.3, 0.6, 0.9, 1.0]).astype(np.float32).astype(float)
    )
    sizes = cut.sizes_over(result, thresholds)
    for i, threshold in enumerate(thresholds):
        scheme = prune(result, threshold=float(threshold))
        assert (sizes["n_values"][i], sizes["n_bytes"][i]) == (scheme.n_values, scheme.n_bytes)
        assert sizes["sparsity"][i] == pytest.approx(scheme.sparsity)
        assert sizes["dims"][i] == pytest.approx(scheme.mean_dims_by_block)


def test_rows_of_the_picture_run_from_the_most_to_the_least_counted():
    members = np.array([4, 5, 6, 7, 8])
    counts = np.array([0, 0, 0, 0, 10, 50, 30, 20, 40])
    assert cut._spread(members, counts, 3).tolist() == [5, 6, 4]
    assert cut._spread(members, counts, 99).tolist() == [5, 8, 6, 7, 4]
