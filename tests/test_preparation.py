"""Data, settings and a cut, before any errand starts."""

from dataclasses import replace

import numpy as np
import pytest

from dnis.interactions import Interactions
from dnis.preparation import cut, split_of, with_defaults
from dnis.settings import DEFAULTS_BY_TASK, CompareConfig, DataSpec, SearchConfig


def test_the_task_follows_from_the_data_and_the_rest_from_the_task(small_split):
    given = {"batch_size": 512}
    assert with_defaults(SearchConfig, given | {"embedding_dim": 8}, small_split) == SearchConfig(
        embedding_dim=8, batch_size=512
    )
    ranking = with_defaults(SearchConfig, given | {"task": "topk", "epochs": 3}, small_split)
    assert ranking == SearchConfig(**{**DEFAULTS_BY_TASK["topk"], "task": "topk", "epochs": 3, "batch_size": 512})


def test_ratings_with_further_columns_take_a_model_that_reads_them(ratings_frame):
    split = Interactions.from_frame(ratings_frame.assign(genre=ratings_frame["item_id"] % 3)).split()
    assert with_defaults(SearchConfig, {}, split).model == "FM"
    assert with_defaults(SearchConfig, {"model": "MLP"}, split).model == "MLP"


def test_a_comparison_takes_the_same_defaults_for_what_its_methods_share(small_split):
    found = with_defaults(
        CompareConfig, {"search": {"task": "topk", "lr": 0.1, "batch_size": 32}, "seeds": [4, 5]}, small_split
    )
    assert found == CompareConfig(search=SearchConfig.for_task("topk", lr=0.1, batch_size=32), seeds=(4, 5))


@pytest.mark.parametrize(("n_train", "batch_size"), [(100, 64), (7_000, 128), (70_000, 1024), (700_000, 4096)])
def test_an_epoch_has_about_seventy_steps_within_bounds(small_split, n_train, batch_size):
    train = small_split.train.take(np.zeros(n_train, dtype=int))
    assert with_defaults(SearchConfig, {}, replace(small_split, train=train)).batch_size == batch_size


def test_an_unknown_task_is_refused(small_split):
    with pytest.raises(ValueError, match="task must be one of rating, ctr, topk; got 'sing'"):
        with_defaults(SearchConfig, {"task": "sing"}, small_split)


def test_a_ranking_leaves_the_last_ones_out_unless_told_otherwise(ratings_csv):
    assert split_of(DataSpec(str(ratings_csv)), "topk").strategy == "leave_last_out"
    assert split_of(DataSpec(str(ratings_csv), strategy="random"), "topk").strategy == "random"
    assert split_of(DataSpec(str(ratings_csv))).strategy == "time"


@pytest.mark.parametrize(
    ("source", "task", "sentence"),
    [
        (
            "sample:adult",
            "rating",
            "task 'rating' needs a rating column, these data allow 'ctr'; name it with --rating",
        ),
        ("sample:planted", "ctr", "task 'ctr' needs a label column, these data allow 'rating'; name it with --label"),
        ("sample:adult", "topk", "task 'topk' needs a user and an item column; name them with --user and --item"),
    ],
)
def test_a_task_that_the_data_do_not_allow_is_refused(source, task, sentence):
    with pytest.raises(ValueError, match=sentence):
        split_of(DataSpec(source), task)


@pytest.mark.parametrize(
    ("wanted", "mask"),
    [
        ({"threshold": 0.09}, [[True, False], [True, True]]),
        ({"n_values": 1}, [[True, False], [False, False]]),
        ({"compression": 4}, [[True, False], [False, False]]),
        ({"compression": 1.0}, [[True, True], [True, True]]),
        ({"threshold": None}, [[True, False], [True, False]]),
    ],
)
def test_a_table_is_cut_as_asked_and_to_half_otherwise(tiny_search, wanted, mask):
    # alpha * e: [[0.5, 0.05], [0.2, 0.09]]
    assert cut(tiny_search, wanted).mask.tolist() == mask


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"threshold": 1.0, "n_values": 2}, "give one of .*; got threshold, n_values"),
        ({"compression": 0.5}, "compression must be at least 1, got 0.5"),
        ({"compression": float("nan")}, "compression must be at least 1, got nan"),
        ({"threshold": -1.0}, "threshold must be finite and at least 0"),
    ],
)
def test_a_cut_that_makes_no_sense_is_refused(tiny_search, wanted, sentence):
    with pytest.raises(ValueError, match=sentence):
        cut(tiny_search, wanted)
