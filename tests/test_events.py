from dataclasses import replace

import numpy as np
import pytest

from dnis import events
from dnis.events import describe, dims_at_half
from dnis.results import EpochEvent


def event(epoch, phase="search", search_val=1.0, test=1.0, alpha=None, notes=()):
    losses = {"train": 1.0, "search_val": search_val, "select_val": 1.0, "test": test}
    return EpochEvent(epoch, phase, losses, None if alpha is None else np.array(alpha), notes=notes)


def test_half_of_the_weighted_values_would_stay():
    alpha = np.array([[1.0, 0.5], [0.1, 1.0]])
    embeddings = np.array([[4.0, 2.0], [-3.0, 0.2], [-9.0, -2.0]])
    # |alpha * e|: [[4, 1], [3, 0.1]] in block 0 and [[0.9, 2]] in block 1; the largest three are 4, 3 and 2
    assert dims_at_half(alpha, embeddings, np.array([0, 0, 1])).tolist() == [1.0, 1.0]


def test_a_popular_block_may_keep_more_than_half_and_a_rare_one_less():
    alpha, embeddings = np.ones((2, 2)), np.array([[5.0, 6.0], [7.0, 0.3], [0.2, 0.1]])
    # the largest three are 7, 6 and 5: two and one in block 0, none in block 1
    assert dims_at_half(alpha, embeddings, np.array([0, 0, 1])).tolist() == [1.5, 0.0]


def test_a_table_of_zeros_keeps_nothing():
    assert dims_at_half(np.zeros((1, 2)), np.ones((3, 2)), np.zeros(3, dtype=int)).tolist() == [0.0]


def test_a_block_without_features_keeps_nothing():
    found = dims_at_half(np.ones((3, 1)), np.array([[1.0], [2.0]]), np.array([0, 2]))
    assert found.tolist() == [0.0, 0.0, 1.0]
    assert found.dtype == np.float32


def test_a_huge_table_is_looked_at_in_an_even_sample(monkeypatch):
    rng = np.random.default_rng(0)
    embeddings, block_of = rng.normal(0, 1, (9000, 4)) * [[3, 2, 1, 1]], np.repeat([0, 1, 2], 3000)
    alpha = np.array([[1.0] * 4, [0.5] * 4, [0.25] * 4])
    whole = dims_at_half(alpha, embeddings, block_of)
    monkeypatch.setattr(events, "SAMPLED_FEATURES", 1500)
    sampled = dims_at_half(alpha, embeddings, block_of)
    assert not np.array_equal(whole, sampled)
    np.testing.assert_allclose(sampled, whole, rtol=0.1)


def test_the_first_epoch_has_nothing_to_be_measured_against():
    assert describe([], event(1)) == ()


def test_an_epoch_like_the_one_before_says_nothing():
    assert describe([event(1, "warm", alpha=[[1.0]])], event(2, "warm", alpha=[[1.0]])) == ()


def test_the_epoch_in_which_alpha_starts_to_move_is_named_once():
    warm, first, second = event(1, "warm"), replace(event(2), alpha_travel=0.1), replace(event(3), alpha_travel=0.2)
    assert describe([warm], first) == ("alpha starts to move in epoch 2",)
    assert describe([warm, first], second) == ()


def test_an_alpha_that_is_frozen_does_not_start_to_move():
    assert describe([event(1, "warm")], event(2)) == ()


def test_a_block_that_loses_its_last_dimension_is_named_once():
    full, gone = [[0.5, 0.0], [0.1, 0.2]], [[0.0, 0.0], [0.1, 0.0]]
    before, now, later = event(1, alpha=full), event(2, alpha=gone), event(3, alpha=gone)
    assert describe([before], now) == ("block 0 lost its last dimension in epoch 2",)
    assert describe([before, now], later) == ()


def test_validation_that_falls_twice_as_much_as_test_is_told_once():
    warm = event(4, "warm", search_val=1.0, test=1.0)
    now = event(7, search_val=0.5, test=0.8)  # fell by 0.5 and by 0.2
    sentence = (
        "the search's own validation fell 2.5 times as much as test since alpha began to move (epoch 7): "
        "alpha has seen that part"
    )
    assert describe([event(3, "warm"), warm, event(5)], now) == (sentence,)
    assert describe([warm, event(5, notes=(sentence,))], now) == ()


@pytest.mark.parametrize(
    ("search_val", "test"),
    [(0.7, 0.8), (0.995, 1.0), (1.1, 1.2)],
    ids=["only 1.5 times as much", "hardly at all", "both rise"],
)
def test_falls_that_are_alike_or_cannot_be_compared_are_not_told(search_val, test):
    assert describe([event(4, "warm"), event(5)], event(6, search_val=search_val, test=test)) == ()


@pytest.mark.parametrize("test", [1.0, 1.2])
def test_validation_that_falls_while_test_does_not_is_told_once(test):
    now = event(7, search_val=0.5, test=test)
    sentence = (
        "the search's own validation fell by 50 % since alpha began to move, and test did not fall (epoch 7): "
        "alpha has seen that part"
    )
    assert describe([event(4, "warm"), event(5)], now) == (sentence,)
    assert describe([event(4, "warm"), event(5, notes=(sentence,))], now) == ()


def test_falls_are_measured_from_the_last_warm_epoch():
    warm = [event(1, "warm", search_val=9.0, test=9.0), event(2, "warm")]
    assert len(describe([*warm, event(3)], event(4, search_val=0.5, test=0.8))) == 1


def test_a_search_without_warm_epochs_has_no_fall_to_tell():
    assert describe([event(1)], event(2, search_val=0.1, test=0.9)) == ()
