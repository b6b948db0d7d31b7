"""The k-core of a log, against logs worked out by hand and a double loop."""

import numpy as np
import pandas as pd
import pytest

from dnis.cores import k_core
from dnis.datasets import load
from dnis.interactions import DataError, Interactions


def log(pairs, **more):
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"]).assign(rating=np.arange(len(pairs)) % 5, **more)
    return Interactions.from_frame(frame)


def pairs_of(data):
    return [tuple(data.vocabulary.decode(int(i))[1] for i in row[:2]) for row in data.ids]


SQUARE = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
"""Two users and two items, each met twice: a 2-core as it stands."""


def test_a_chain_that_hangs_on_a_core_goes_link_by_link():
    # d has one item only; without d, z has one user only; without z, c has one item only; the square stays
    chain = [("c", "x"), ("c", "z"), ("d", "z")]
    kept = k_core(log(SQUARE + chain), 2)
    assert pairs_of(kept) == SQUARE
    assert kept.target.tolist() == [0, 1, 2, 3]
    assert kept.notes[-1] == "The 2-core keeps 4 of 7 rows."


def test_values_that_are_gone_leave_the_vocabulary_and_the_titles():
    data = log([*SQUARE, ("c", "z")], title=["X", "Y", "X", "Y", "Z"])
    kept = k_core(data, 2)
    assert [list(v) for v in kept.vocabulary.values] == [["(unknown)", "a", "b"], ["(unknown)", "x", "y"]]
    assert kept.vocabulary.titles == {"x": "X", "y": "Y"}
    assert (kept.n_users, kept.n_items, kept.n_features) == (2, 2, 6)


@pytest.mark.parametrize("k", [0, 1])
def test_no_filter_leaves_the_data_as_they_are(k):
    data = log(SQUARE)
    assert k_core(data, k) is data


def test_a_core_of_nothing_is_said():
    with pytest.raises(DataError, match="have 3 interactions with each other: the 3-core is empty"):
        k_core(log(SQUARE), 3)


def test_a_table_without_items_has_no_core():
    frame = pd.DataFrame({"user_id": list("abab"), "word": list("xxyy"), "rating": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="needs a user and an item column, the fields are user_id, word"):
        k_core(Interactions.from_frame(frame), 2)


@pytest.mark.parametrize("k", [-1, 101, 2.5])
def test_a_k_outside_its_range_is_refused(k):
    with pytest.raises(ValueError, match="core must be"):
        k_core(log(SQUARE), k)


@pytest.mark.parametrize("seed", range(5))
def test_the_core_is_what_a_double_loop_leaves(seed):
    rng = np.random.default_rng(seed)
    pairs = [(f"u{u}", f"i{i}") for u, i in zip(rng.integers(0, 12, 70), rng.integers(0, 15, 70), strict=True)]
    kept, before = list(pairs), []
    while kept != before:
        before = kept
        kept = [
            (u, i) for u, i in before
            if sum(v == u for v, _ in before) >= 4 and sum(j == i for _, j in before) >= 4
        ]  # fmt: skip
    assert 0 < len(kept) < 70
    assert pairs_of(k_core(log(pairs), 4)) == kept


def test_a_sample_is_loaded_through_the_filter():
    data = load("sample:movielens-small", core=20)
    known = np.setdiff1d(np.arange(data.n_features), data.vocabulary.offsets[:-1])
    assert data.counts[known].min() >= 20
