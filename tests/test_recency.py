from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis.feeds import Feed
from dnis.preparation import split_of
from dnis.reading import DataError
from dnis.recency import recency_weights
from dnis.settings import DataSpec, TrainConfig
from dnis.splits import joined
from dnis.training import train
from tests.engine_data import interactions, small_config, small_split, timed


def log(ids, times):
    """Clicks at given seconds."""
    return replace(interactions(ids, sizes=(4, 6), task="topk"), timestamp=np.array(times, dtype=np.int64))


def test_a_click_counts_half_of_one_that_came_a_half_life_of_clicks_later():
    # user 1 clicks at 10, 20, 30, 40 and user 2 at 5 and 1000, in a mixed order
    part = log([[1, 4], [2, 4], [1, 5], [1, 6], [2, 7], [1, 7]], [30, 5, 10, 40, 1000, 20])
    weights = recency_weights(part, 2.0)
    assert weights.dtype == np.float32
    assert weights / weights[3] == pytest.approx([2**-0.5, 2**-0.5, 2**-1.5, 1, 1, 2**-1])
    assert weights.mean() == pytest.approx(1.0)


def test_of_clicks_in_one_second_the_one_that_stands_later_counts_more():
    weights = recency_weights(log([[1, 4], [1, 5], [1, 6]], [7, 7, 7]), 1.0)
    assert weights / weights[2] == pytest.approx([0.25, 0.5, 1.0])


def test_users_whom_training_does_not_know_count_as_much_as_the_known_do_on_average():
    # feature 0 stands for several people
    part = log([[0, 4], [1, 4], [0, 5], [1, 5], [0, 6]], [1, 2, 3, 4, 5])
    assert recency_weights(part, 1.0) == pytest.approx([1, 2 / 3, 1, 4 / 3, 1])
    assert (recency_weights(part.take([0, 2, 4]), 1.0) == 1).all()


def test_rows_at_other_times_are_other_data():
    split = timed(small_split("topk"))
    later = replace(split, train=replace(split.train, timestamp=split.train.timestamp[::-1]))
    assert split.digest == timed(small_split("topk")).digest
    assert split.digest != later.digest


def test_a_last_batch_of_one_heavy_row_is_no_divergence():
    # 205 clicks of each of 10 users, the last of which weighs about a hundred others; a batch leaves one row over
    rng = np.random.default_rng(0)
    ids = np.column_stack([np.repeat(np.arange(1, 11), 205), rng.integers(12, 27, 2050)])
    part = replace(interactions(ids, sizes=(11, 16), task="topk"), timestamp=np.arange(2050))
    split = replace(small_split("topk"), train=part, search_val=part, select_val=part, test=part)
    for seed in range(30):
        config = small_config("topk", batch_size=2049, recency_half_life=0.5, lr=1e-6, epochs=1, seed=seed)
        assert np.isfinite(train(split, config).history[0].losses["train"])


def test_a_joined_part_counts_from_its_own_last_click():
    split = timed(small_split("topk"))
    whole = recency_weights(joined([split.train, split.select_val]), 5.0)
    users = np.concatenate([split.train.ids[:, 0], split.select_val.ids[:, 0]])
    for user in np.unique(users):
        own = whole[users == user]
        assert (np.diff(own) > 0).all()
        assert own[-1] == whole.max()


def test_without_times_nothing_is_recent():
    message = "recency_half_life 3 needs a timestamp column; the data have none"
    with pytest.raises(DataError, match=message):
        train(small_split("topk"), small_config("topk", recency_half_life=3.0))


def test_prepared_data_hold_no_times(prepared_ratings):
    config = small_config("topk", recency_half_life=3.0, topk_loss="full_softmax")
    with pytest.raises(DataError, match="recency_half_life 3 needs times, which prepared data do not keep"):
        train(split_of(DataSpec(str(prepared_ratings))), config)


@pytest.mark.parametrize("topk_loss", ["bce", "full_softmax"])
def test_a_batch_carries_what_its_clicks_count(topk_loss):
    part, config = (
        timed(small_split("topk")).train,
        small_config("topk", topk_loss=topk_loss, recency_half_life=4.0, batch_size=50),
    )
    known = {tuple(pair): [] for pair in part.ids.tolist()}
    for pair, weight in zip(part.ids.tolist(), recency_weights(part, 4.0), strict=True):
        known[tuple(pair)].append(weight)
    n_seen = 0
    for ids, target in Feed(part, config).batches(1):
        grouped = target.view(-1, 1 if topk_loss == "full_softmax" else 1 + config.n_negatives)
        assert not grouped[:, 1:].any()
        n_seen += len(grouped)
        pairs = ids.view(*grouped.shape, 2)[:, 0].tolist()
        assert all(np.float32(w) in known[tuple(pair)] for pair, w in zip(pairs, grouped[:, 0], strict=True))
    assert n_seen == len(part)


def test_outcomes_of_the_data_count_for_nothing_in_a_ranking():
    # ratings of 5 are no heavier clicks than those of 1
    plain, rated = small_split("topk"), small_split("topk")
    rated = replace(rated, train=replace(rated.train, target=rated.train.target * 5))
    found = [train(split, small_config("topk")).model.embeddings for split in (plain, rated)]
    assert (found[0] == found[1]).all()


def test_a_ranking_follows_a_taste_that_has_changed():
    # everybody took items of the first half ten times, then one of the second half once
    rng = np.random.default_rng(0)
    early = np.column_stack([np.repeat(np.arange(1, 41), 10), rng.integers(42, 50, 400)])
    late = np.column_stack([np.arange(1, 41), rng.integers(50, 58, 40)])
    ids, times = np.concatenate([early, late]), np.repeat([0, 1], [400, 40])
    part = replace(interactions(ids, sizes=(41, 18), task="topk"), timestamp=times)
    split = replace(small_split("topk"), train=part, search_val=part, select_val=part, test=part)
    shares = []
    for half_life in (0.0, 1.0):
        config = small_config("topk", topk_loss="full_softmax", recency_half_life=half_life, epochs=40)
        model = train(split, config).model
        scores = model.embeddings[1:41] @ model.embeddings[42:58].T + model.biases[42:58]
        chance = torch.from_numpy(scores).softmax(1)
        shares.append(float(chance[:, 8:].sum(1).mean()))
    # 1 of 11 by count; with a half-life of one click the last counts as much as all before it
    assert shares[0] == pytest.approx(1 / 11, abs=0.05)
    assert shares[1] == pytest.approx(1 / 2, abs=0.1)


def test_a_rating_forgets_nothing():
    with pytest.raises(ValueError, match="recency_half_life is for task topk, got 1 with rating"):
        TrainConfig(recency_half_life=1.0)
