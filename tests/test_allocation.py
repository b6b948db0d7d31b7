import numpy as np
import pytest

from dnis.allocation import fit_dims, fit_pairs
from dnis.schemes import DimensionScheme

INDEX = 2  # bytes: two blocks of at most eight dimensions


def blocks(*sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def block_dims(scheme):
    return scheme.block_dims.tolist()


def test_dimensions_are_dealt_in_proportion_to_the_weights():
    # 2 * 4 + 2 * 2 = 12 values
    scheme = fit_dims(np.array([2.0, 1.0]), blocks(2, 2), embedding_dim=8, n_bytes=4 * 12 + INDEX)
    assert block_dims(scheme) == [4, 2]
    assert scheme.n_bytes == 4 * 12 + INDEX


def test_what_is_left_goes_to_a_block_that_it_fits():
    # one dimension each is 5 values; a second one costs block 0 four more and block 1 one more
    scheme = fit_dims(np.array([1.0, 1.0]), blocks(4, 1), embedding_dim=4, n_bytes=4 * 6 + INDEX)
    assert block_dims(scheme) == [1, 2]


def test_no_block_gets_more_than_all_dimensions():
    scheme = fit_dims(np.array([100.0, 1.0]), blocks(3, 3), embedding_dim=4, n_bytes=4 * (12 + 6) + INDEX)
    assert block_dims(scheme) == [4, 2]


def test_the_full_table_is_dealt_where_it_fits():
    scheme = fit_dims(np.array([0.3, 7.0]), blocks(5, 4), embedding_dim=6, n_bytes=4 * 9 * 6)
    assert scheme.mask.all()


def test_the_scheme_is_nested_and_its_blocks_are_the_given_ones():
    scheme = fit_dims(np.array([2.0, 1.0]), blocks(2, 2), embedding_dim=8, n_bytes=50)
    assert scheme.mask.tolist() == [[True] * 4 + [False] * 4] * 2 + [[True] * 2 + [False] * 6] * 2
    assert scheme.block_of.tolist() == [0, 0, 1, 1]


def test_the_projections_of_narrower_rows_count():
    # ten rows of two dimensions and a 2 x 4 projection: 28 values, and one byte of index
    one_block = np.ones(1), blocks(10), 4
    assert block_dims(fit_dims(*one_block, n_bytes=4 * 28 + 1, projected=True)) == [2]
    assert block_dims(fit_dims(*one_block, n_bytes=4 * 28, projected=True)) == [1]
    assert block_dims(fit_dims(*one_block, n_bytes=4 * 28 + 1)) == [2]
    assert fit_dims(*one_block, n_bytes=4 * 28 + 1, projected=True).n_values == 28


def test_bytes_that_hold_no_empty_table_are_refused():
    with pytest.raises(ValueError, match="n_bytes must hold at least an empty table, got 1"):
        fit_dims(np.ones(2), blocks(3, 3), embedding_dim=4, n_bytes=1, projected=True)


def largest_scale(weights, block_of, k, n_bytes):
    """Dimensions at the largest common factor that fits, by trying every factor at which one block gets one more."""
    best = np.zeros(len(weights), dtype=int)
    for scale in np.unique([d / w for w in weights for d in range(1, k + 1)]):
        dims = np.clip(np.floor(scale * weights * (1 + 1e-9)), 0, k).astype(int)
        if DimensionScheme.from_block_dims(dims, block_of, k).n_bytes <= n_bytes:
            best = dims
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_common_factor_is_the_largest_that_fits_and_the_rest_is_one_dimension_each(seed):
    rng = np.random.default_rng(seed)
    n_blocks, k = int(rng.integers(1, 6)), int(rng.integers(2, 12))
    block_of = blocks(*rng.integers(1, 30, n_blocks))
    weights = rng.uniform(0.1, 3.0, n_blocks)
    n_bytes = int(4 * k * len(block_of) / rng.choice([1.5, 2, 4]))
    scheme = fit_dims(weights, block_of, k, n_bytes)
    more = scheme.block_dims - largest_scale(weights, block_of, k, n_bytes)
    assert scheme.n_bytes <= n_bytes
    assert set(more.tolist()) <= {0, 1}


# pairs of block 0 cost two values, those of block 1 one
GAIN = np.array([[3.0, 1.0], [2.0, 0.0]])
BLOCK_OF = blocks(2, 1)


@pytest.mark.parametrize(
    ("n_values", "wanted"),
    [
        (0, [[False, False], [False, False]]),
        (1, [[False, False], [True, False]]),  # 3 is worth more but does not fit
        (2, [[True, False], [False, False]]),
        (3, [[True, False], [True, False]]),
        (4, [[True, False], [True, False]]),
        (5, [[True, True], [True, False]]),
        (6, [[True, True], [True, False]]),  # a pair that gains nothing never stays
    ],
)
def test_pairs_stay_in_the_order_of_their_gain_as_long_as_they_fit(n_values, wanted):
    scheme = fit_pairs(GAIN, BLOCK_OF, n_bytes=4 * n_values + INDEX)
    assert scheme.mask[[0, 2]].tolist() == wanted
    assert scheme.bytes_by_layout["block"] <= 4 * n_values + INDEX


def test_the_index_of_the_blocks_counts():
    # two blocks of 40 dimensions need five bytes of index each
    for n_bytes, n_pairs in ((4 * 3 + 10, 3), (4 * 3 + 9, 2)):
        assert fit_pairs(np.ones((2, 40)), blocks(1, 1), n_bytes).mask.sum() == n_pairs


def test_features_of_a_block_share_their_pairs_and_keep_their_alpha():
    alpha = np.array([[0.5, 0.25], [1.0, 0.75]])
    scheme = fit_pairs(GAIN, BLOCK_OF, n_bytes=4 * 3 + INDEX, alpha=alpha)
    assert scheme.mask.tolist() == [[True, False], [True, False], [True, False]]
    assert scheme.alpha is alpha
    assert scheme.block_of is BLOCK_OF


def test_what_a_single_block_keeps_needs_no_index():
    scheme = fit_pairs(np.arange(8.0, 0.0, -1.0)[None], blocks(10), n_bytes=4 * 10 * 3)
    assert block_dims(scheme) == [3]
    assert scheme.n_bytes == 4 * 10 * 3
