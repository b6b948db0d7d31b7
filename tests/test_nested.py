from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from dnis.bilevel import Search, search
from dnis.datasets import planted
from dnis.nested import NestedDims
from dnis.pruning import prune
from dnis.settings import SearchConfig
from tests.engine_data import same_bits, small_config, small_split

BLOCK_OF = np.array([0, 0, 1, 1, 1, 1])
"""Blocks of two and of four features."""


def nested(compression=2.0, width=8, block_of=BLOCK_OF, field_of=None, loss_of_width=lambda width: 1.0):
    alpha = torch.nn.Parameter(torch.ones(int(block_of.max()) + 1, width))
    mover = NestedDims(alpha, block_of, np.zeros_like(block_of) if field_of is None else field_of, compression)
    mover.begin(lambda: loss_of_width(int(alpha[0].sum())))
    return mover


def test_it_begins_with_the_same_dimensions_for_all_that_the_budget_holds():
    mover = nested()
    # 6 rows x 8 / 2 values, less two bytes of index; six rows share them
    assert mover.dims == pytest.approx([(24 - 0.5) / 6] * 2)


def test_alpha_falls_from_one_to_zero_around_the_edge_of_a_block():
    mover = nested(compression=1.0, width=8)
    mover._move_to(np.array([1.0, 4.0]))
    mover.n_values = 22.0
    mover._move_to(np.array([1.0, 4.0]))  # 2 d + 4 * 4 d = 22
    assert mover.dims == pytest.approx([22 / 18, 44 / 9])
    width = [0.5, 0.12 * 44 / 9]
    wanted = [[1 / (1 + np.exp(-(d - k - 0.5) / w)) for k in range(8)] for d, w in zip(mover.dims, width, strict=True)]
    np.testing.assert_allclose(mover.alpha.detach().numpy(), wanted, rtol=1e-5)


def test_a_step_gives_to_the_block_whose_stored_values_are_worth_more_and_keeps_the_budget():
    mover = nested()
    before = mover.dims.copy()
    mover.step(torch.tensor([[-1.0] * 8, [-1.0] * 8]))  # the same for a block of two and one of four rows
    assert mover.dims[0] > before[0]
    assert mover.dims[1] < before[1]
    assert (mover.dims * [2, 4]).sum() == pytest.approx(23.5)


def test_a_step_has_the_length_worked_out_by_hand():
    mover = nested()
    d = mover.dims[0]
    edge = 1 / (1 + np.exp(-(d - np.arange(8) - 0.5) / 0.5))
    slope = (edge * (1 - edge) / 0.5).sum()
    per_value = np.array([-slope / 2, -slope / 4])
    per_value -= (2 * per_value[0] + 4 * per_value[1]) / 6
    scale = np.sqrt((2 * per_value[0] ** 2 + 4 * per_value[1] ** 2) / 6)
    moved = np.exp(-0.05 * per_value / scale)
    mover.step(torch.full((2, 8), -1.0))
    assert mover.dims[0] / mover.dims[1] == pytest.approx(moved[0] / moved[1])


def test_a_gradient_that_is_equal_per_stored_value_moves_nothing():
    mover = nested()
    mover.step(torch.tensor([[-2.0] * 8, [-4.0] * 8]))
    assert mover.dims == pytest.approx([23.5 / 6] * 2)


def test_a_gradient_that_wants_less_of_every_value_makes_the_whole_table_smaller():
    mover = nested()
    d = mover.dims[0]
    mover.step(torch.tensor([[2.0] * 8, [4.0] * 8]))  # equal per stored value: the first step has the full rate
    assert mover.dims == pytest.approx([d * np.exp(-0.05)] * 2)
    mover.step(torch.tensor([[-2.0] * 8, [-4.0] * 8]))
    assert mover.n_values > 23.5 * np.exp(-0.05)
    for _ in range(20):
        mover.step(torch.tensor([[-2.0] * 8, [-4.0] * 8]))
    assert mover.dims == pytest.approx([d] * 2)  # the budget is a ceiling


LESS = torch.tensor([[2.0] * 8, [4.0] * 8])
"""A gradient that wants less of every stored value."""


@pytest.mark.parametrize(
    ("loss_of_width", "least"),
    [
        (lambda width: 1 / width, 47.5),  # every dimension counts: all that the budget holds stays
        (lambda width: 1.0 + 1e-4 * (8 - width), 6.0),  # no dimension counts: one for each of six rows
        (lambda width: 1.0 if width > 3 else 1.1, 24.0),  # of the widths 7, 5, 4, 3, 2 and 1 four are enough
        (lambda width: width, 6.0),  # a narrower table is better
    ],
)
def test_the_sum_does_not_fall_below_what_an_untrained_cut_misses(loss_of_width, least):
    mover = nested(compression=1.0000001, loss_of_width=loss_of_width)
    for _ in range(2000):
        mover.step(LESS)
    assert mover.n_values == pytest.approx(least, rel=1e-4)


def test_rows_take_over_what_alpha_made_of_them_before_it_becomes_whole():
    split, config = small_split(), small_config(recipe="budget", embedding_dim=8, epochs=10, compression=2.0)
    running = Search(split, config)
    while len(running.history) < running.warm_epochs + 3:
        running.step()
    table, soft = running.trainer.network.embeddings, running.selection.alpha.detach().clone()
    ids = torch.arange(table.n_rows)
    before = table.pull(ids) * soft[torch.from_numpy(running.block_of)]
    assert ((soft > 0.01) & (soft < 0.99)).any()
    running.mover.after_epoch(4, 4, table)
    after = running.selection(table.pull(ids), ids).detach()
    kept = running.selection.alpha.detach()[torch.from_numpy(running.block_of)] == 1
    assert torch.equal(after, torch.where(kept, before, 0.0))


def test_settled_dimensions_are_whole_and_the_largest_remainder_that_fits_is_rounded_up():
    mover = nested(compression=1.0)
    mover.n_values, mover.dims = 24.5, np.array([3.6, 4.3])
    mover.settle()
    assert mover.dims.tolist() == [4.0, 4.0]  # 2 x 4 + 4 x 4 = 24
    assert mover.alpha.tolist() == [[1.0] * 4 + [0.0] * 4] * 2


@pytest.mark.parametrize(
    ("field_of", "wanted"),
    [
        ([0, 0, 0, 0, 0, 0], [6.0, 3.0, 3.0]),  # 2 x 2 and 3 x 3.5 pool to 14.5 / 5 = 2.9 each; one block fits a rest
        ([0, 0, 0, 1, 1, 1], [8.0, 2.0, 3.0]),  # the last is a field of its own; 6 + 4 + 9 leaves two for the first
    ],
)
def test_a_rarer_block_of_the_same_field_keeps_no_more_than_a_more_frequent_one(field_of, wanted):
    mover = nested(1.0, 8, np.array([0, 1, 1, 2, 2, 2]), np.array(field_of))
    mover.dims, mover.n_values = np.array([6.0, 2.0, 3.5]), 21.0
    mover.settle()
    assert mover.dims.tolist() == wanted


def test_no_block_gets_less_than_one_dimension_or_more_than_all():
    mover = nested(compression=4.0)
    for _ in range(300):
        mover.step(torch.tensor([[-5.0] * 8, [1.0] * 8]))
    assert mover.dims[1] == 1.0
    assert mover.dims[0] <= 8.0
    assert (mover.dims * [2, 4]).sum() <= mover.n_values + 1e-9


def searched(**changes):
    config = small_config(recipe="budget", embedding_dim=8, epochs=10, patience=3, **{"compression": 2.0, **changes})
    return search(small_split(), config)


@pytest.mark.parametrize("compression", [1.0, 2.0, 4.0, 8.0])
def test_a_budgeted_search_ends_with_a_nested_table_of_its_size(compression):
    result = searched(compression=compression)
    scheme = prune(result, threshold=0.0)
    assert set(np.unique(result.alpha)) <= {0.0, 1.0}
    assert (np.diff(result.alpha, axis=1) <= 0).all()
    assert scheme.n_bytes <= 37 * 8 * 4 / compression
    assert scheme.n_bytes > 0.8 * 37 * 8 * 4 / compression  # a dimension of a block of twelve rows is 16 % at 8x


def test_alpha_of_a_budgeted_search_rests_once_it_is_settled():
    result = searched()
    phases = [e.phase for e in result.history]
    first = phases.index("search")
    settled = [e.alpha for e in result.history[first + 3 :]]
    assert len(settled) > 1
    assert all(np.array_equal(a, settled[0]) for a in settled)
    assert not np.array_equal(result.history[first].alpha, settled[0])
    assert result.best_epoch >= first + 4


def test_its_table_is_trained_again_from_where_its_own_began():
    result = searched()
    warm = [e.losses["select_val"] for e in result.history if e.phase == "warm"]
    assert result.retraining.wide_epochs == 1 + int(np.argmin(warm))
    assert searched_by_paper().retraining.wide_epochs == 0


def searched_by_paper():
    return search(small_split(), small_config(epochs=3))


@pytest.mark.parametrize("after", [2, 5, 8])
def test_a_budgeted_search_goes_on_from_a_saved_state_bit_by_bit(after):
    config = small_config(recipe="budget", embedding_dim=8, compression=2.0, epochs=10, patience=50)
    whole = Search(small_split(), config)
    while not whole.done:
        whole.step()
    begun = Search(small_split(), config)
    for _ in range(after):
        begun.step()
    resumed = Search(small_split(), config, state=begun.state())
    while not resumed.done:
        resumed.step()
    assert same_bits(whole.state()[0], resumed.state()[0])


def test_planted_dimensions_are_found_in_their_order_at_the_size_asked_for():
    truth = planted(seed=0)
    split = truth.interactions.split(seed=0)
    config = replace(SearchConfig(), embedding_dim=16, batch_size=256, recipe="budget", compression=2.0)
    result = search(split, config)
    scheme = prune(result, threshold=0.0)
    true = truth.dims_in(split.vocabulary)
    planted_dims = [true[result.block_of == block].mean() for block in range(len(scheme.block_dims))]
    assert spearmanr(planted_dims, scheme.block_dims).statistic >= 0.95
    assert 0.98 <= scheme.n_bytes / (split.train.n_features * 16 * 4 / 2) <= 1.0


def test_a_single_block_shrinks_where_a_value_less_is_worth_more():
    mover = nested(block_of=np.zeros(6, dtype=np.int64))
    assert mover.dims == pytest.approx([24 / 6])  # a narrower table, without an index
    for _ in range(5):
        mover.step(torch.ones(1, 8))
    assert mover.dims[0] < 24 / 6
    assert mover.dims[0] * 6 == pytest.approx(mover.n_values)
