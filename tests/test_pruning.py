from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dnis.pruning import MANY, SWEEP_COMPRESSIONS, largest_within, prune, sweep, sweep_thresholds
from dnis.results import SearchResult
from dnis.settings import SearchConfig
from dnis.tasks import evaluate
from tests.engine_data import small_split


def search_of(embeddings, alpha=None, block_of=None, **more):
    embeddings = np.asarray(embeddings, dtype=np.float32)
    n, k = embeddings.shape
    block_of = np.zeros(n, dtype=np.int32) if block_of is None else block_of
    alpha = np.ones((block_of.max() + 1, k)) if alpha is None else np.asarray(alpha)
    dense = {"global_bias": np.array(3.0, dtype=np.float32)}
    config = SearchConfig(embedding_dim=k, **more)
    biases = np.zeros(n, dtype=np.float32)
    return SearchResult(config, embeddings, biases, dense, alpha.astype(np.float32), block_of, np.ones(n, dtype=int))


@pytest.fixture
def drawn():
    """37 features of 16 dimensions in three blocks, with one value that occurs many times."""
    rng = np.random.default_rng(0)
    embeddings = np.round(rng.normal(0, 1, (37, 16)), 1)
    return search_of(embeddings, np.round(rng.random((3, 16)), 1) + 0.1, (np.arange(37) % 3).astype(np.int32))


@pytest.fixture
def whole():
    """A finished search on the small ratings, with random weights."""
    rng = np.random.default_rng(0)
    return search_of(rng.normal(0, 0.4, (37, 4)), rng.random((3, 4)), (np.arange(37) % 3).astype(np.int32))


def test_prune_keeps_entries_that_reach_the_threshold(tiny_search):
    # alpha * e, by hand: [[0.5, 0.05], [0.2, 0.09]]
    assert prune(tiny_search, threshold=0.1).mask.tolist() == [[True, False], [True, False]]
    assert prune(tiny_search, threshold=0.06).mask.tolist() == [[True, False], [True, True]]


def test_an_entry_at_the_threshold_stays(tiny_search):
    assert prune(tiny_search, threshold=0.5).mask.tolist() == [[True, False], [False, False]]


def test_the_sign_of_an_entry_does_not_matter():
    assert prune(search_of([[-0.5, 0.1]]), threshold=0.3).mask.tolist() == [[True, False]]


def test_threshold_zero_keeps_all_but_what_alpha_gave_up():
    result = search_of([[0.5, 0.1], [0.0, 0.2]], [[1.0, 0.0]])
    assert prune(result, threshold=0.0).mask.tolist() == [[True, False], [True, False]]


def test_a_scheme_carries_blocks_alpha_and_threshold(tiny_search):
    scheme = prune(tiny_search, threshold=0.1)
    assert scheme.block_of is tiny_search.block_of
    assert scheme.alpha is tiny_search.alpha
    assert scheme.threshold == 0.1


def test_a_higher_threshold_keeps_a_subset(drawn):
    masks = [prune(drawn, threshold=t).mask for t in np.linspace(0, 2.5, 40)]
    assert all((tighter <= looser).all() for looser, tighter in pairwise(masks))
    assert masks[0].sum() > masks[20].sum() > masks[-1].sum()


@pytest.mark.parametrize("n_values", [0, 1, 3, 4])
def test_exactly_the_wanted_number_of_largest_values_stays(tiny_search, n_values):
    largest_first = [(0, 0), (1, 0), (1, 1), (0, 1)]  # 0.5, 0.2, 0.09, 0.05
    mask = prune(tiny_search, n_values=n_values).mask
    assert sorted(zip(*np.nonzero(mask), strict=True)) == sorted(largest_first[:n_values])


def test_every_number_of_distinct_values_is_met():
    values = np.random.default_rng(1).permutation(np.arange(1, 61)).reshape(12, 5)
    assert [prune(search_of(values), n_values=n).n_values for n in range(61)] == list(range(61))


def test_equal_values_stay_or_go_together_and_never_exceed_the_number():
    result = search_of([[3.0, 2.0], [2.0, 1.0]])
    assert [prune(result, n_values=n).n_values for n in range(5)] == [0, 1, 1, 3, 4]


def test_the_threshold_of_a_scheme_gives_the_same_scheme_again(drawn):
    for n_values in (1, 100, 333, 591):
        scheme = prune(drawn, n_values=n_values)
        assert (prune(drawn, threshold=scheme.threshold).mask == scheme.mask).all()


def test_no_more_bytes_than_given_are_used_and_the_next_entry_would_not_fit(drawn):
    distinct = np.unique(np.abs(drawn.weighted))
    sizes = {t: prune(drawn, threshold=t).n_bytes for t in (*distinct, np.inf) if np.isfinite(t)}
    for n_bytes in (0, 1, 73, 74, 75, 79, 200, 555, 1111, 2000, 2367):
        scheme = prune(drawn, n_bytes=n_bytes)
        assert scheme.n_bytes <= n_bytes
        # every looser cut is too big
        looser = [size for t, size in sizes.items() if prune(drawn, threshold=t).n_values > scheme.n_values]
        assert looser
        assert min(looser) > n_bytes


def test_a_table_that_fits_whole_stays_whole(drawn):
    assert prune(drawn, n_bytes=37 * 16 * 4).mask.all()
    assert prune(drawn, n_bytes=10**9).mask.all()
    assert not prune(drawn, n_bytes=37 * 16 * 4 - 1).mask.all()


def test_bytes_follow_by_hand_on_a_tiny_table(tiny_search):
    # full: 16 bytes dense; three values: 12 + 2 as a bitmask; two in one column: 8 dense; one: 4 + 2 (bitmask or block)
    cut = {n_bytes: prune(tiny_search, n_bytes=n_bytes) for n_bytes in (16, 15, 14, 13, 8, 7, 6, 5, 0)}
    assert {n: s.n_values for n, s in cut.items()} == {16: 4, 15: 3, 14: 3, 13: 2, 8: 2, 7: 1, 6: 1, 5: 0, 0: 0}


def test_the_largest_scheme_within_bytes_needs_no_search():
    size, block_of = np.array([[4.0, 3.0], [2.0, 1.0]]), np.array([0, 1])
    scheme = largest_within(size, block_of, 14)
    assert scheme.mask.tolist() == [[True, True], [True, False]]
    assert scheme.alpha is None


@pytest.mark.parametrize(
    "given", [{}, {"threshold": 0.1, "n_values": 2}, {"n_values": 1, "n_bytes": 4}, {"threshold": 0.0, "n_bytes": 0}]
)
def test_exactly_one_way_to_say_how_much_is_allowed(tiny_search, given):
    with pytest.raises(ValueError, match="give exactly one of threshold, n_values, n_bytes"):
        prune(tiny_search, **given)


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), float("inf")])
def test_a_threshold_that_is_no_size_is_refused(tiny_search, threshold):
    with pytest.raises(ValueError, match="threshold must be finite and at least 0, got"):
        prune(tiny_search, threshold=threshold)


@pytest.mark.parametrize("n_values", [-1, 5])
def test_a_number_of_values_that_the_table_does_not_have_is_refused(tiny_search, n_values):
    with pytest.raises(ValueError, match=rf"n_values must be in \[0, 4\], got {n_values}"):
        prune(tiny_search, n_values=n_values)


def test_negative_bytes_are_refused(tiny_search):
    with pytest.raises(ValueError, match="n_bytes must be at least 0, got -1"):
        prune(tiny_search, n_bytes=-1)


def test_a_sweep_starts_with_the_whole_table_and_meets_the_usual_compressions():
    values = np.random.default_rng(1).permutation(np.arange(1, 1921)).reshape(60, 32)
    result = search_of(values)
    thresholds = sweep_thresholds(result)
    assert thresholds[0] == 0.0
    assert (np.diff(thresholds) > 0).all()
    kept = [int((values >= t).sum()) for t in thresholds]
    assert {round(1920 / c) for c in SWEEP_COMPRESSIONS} <= set(kept)
    assert min(kept) == 1920 // 64
    assert len(sweep_thresholds(result, n_thresholds=5)) < len(thresholds)


def test_a_sweep_measures_sizes_and_metrics_of_each_cut(whole):
    split = small_split()
    table = sweep(whole, split, np.array([0.0, 0.1, 0.3]))
    assert list(table.columns) == ["threshold", "sparsity", "n_values", "n_bytes", "val", "test"]
    for row in table.itertuples():
        scheme = prune(whole, threshold=row.threshold)
        assert (row.sparsity, row.n_values, row.n_bytes) == (scheme.sparsity, scheme.n_values, scheme.n_bytes)
        cut = replace(whole, embeddings=whole.embeddings * scheme.mask)
        assert row.val == pytest.approx(evaluate(cut, split.select_val)["mse"])
        assert row.test == pytest.approx(evaluate(cut, split.test)["mse"])
    assert table.val.nunique() == table.test.nunique() == 3


def test_a_sweep_of_a_ranking_leaves_out_what_was_seen_in_training():
    rng = np.random.default_rng(0)
    result = search_of(rng.normal(0, 1, (37, 4)), task="topk")
    split = small_split("topk")
    row = sweep(result, split, np.array([0.0])).iloc[0]
    assert row.test == evaluate(result, split.test, split.train)["ndcg@10"]
    assert row.test != evaluate(result, split.test)["ndcg@10"]


def test_a_sweep_without_thresholds_spreads_them_evenly(whole):
    table = sweep(whole, small_split())
    assert table.threshold.tolist() == sweep_thresholds(whole, MANY).tolist()
    assert table.n_values.is_monotonic_decreasing
