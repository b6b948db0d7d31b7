"""Interactions dealt into four roles, checked against rows dealt by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dnis.interactions import DataError, Interactions
from dnis.preparation import dealt
from dnis.settings import DataSpec
from dnis.splits import PARTS, default_strategy


def log(users, times=None, items=None, **columns):
    """Interactions whose target is the row number, so that a part tells which rows it got."""
    n = len(users)
    items = np.arange(n) % 5 if items is None else items
    frame = pd.DataFrame({"user": users, "item": items, "rating": np.arange(n), **columns})
    return Interactions.from_frame(frame if times is None else frame.assign(timestamp=times))


def rows(split):
    return {name: part.target.astype(int).tolist() for name, part in split.parts.items()}


def test_time_cuts_every_user_at_70_80_and_90_percent_of_his_own_time():
    # User 1 has the even rows, backwards in time; user 2 the odd rows, forwards and much later.
    times = [t for i in range(10) for t in (100 - i, 1000 + i)]
    split = log([1, 2] * 10, times).split("time")
    assert rows(split) == {
        "train": [1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18],
        "search_val": [4, 15],
        "select_val": [2, 17],
        "test": [0, 19],
    }


def test_time_keeps_the_order_of_the_file_among_equal_times():
    split = log([1] * 10 + [2] * 10, [5] * 20).split("time")
    assert rows(split)["test"] == [9, 19]


def test_time_gives_small_users_their_turn_so_that_all_rows_are_shared_70_10_10_10():
    for size in (2, 3, 5, 8):
        users = np.repeat(np.arange(1000), size)
        split = log(users, np.arange(len(users))).split("time")
        shares = [len(part) / len(users) for part in split.parts.values()]
        assert shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.002)


@pytest.mark.parametrize("seed", range(5))
def test_time_leaves_everyone_a_training_row_and_never_looks_ahead(seed):
    rng = np.random.default_rng(seed)
    users, times = rng.geometric(0.02, 2000), rng.integers(0, 50, 2000)
    data = log(users, times)
    split = data.split("time")
    assert sorted(r for part in rows(split).values() for r in part) == list(range(2000))
    assert all(hits["user"] == 0 for hits in split.unknown.values())
    stage = np.empty(2000, dtype=int)
    for number, part in enumerate(rows(split).values()):
        stage[part] = number
    for user in np.unique(users):
        mine = np.flatnonzero(users == user)
        assert stage[mine].min() == 0
        assert (np.diff(stage[mine[np.argsort(times[mine], kind="stable")]]) >= 0).all()


def test_time_global_cuts_all_rows_at_three_moments():
    split = log([1, 2] * 10, np.arange(20)[::-1]).split("time_global")
    assert rows(split) == {
        "train": list(range(6, 20)),
        "search_val": [4, 5],
        "select_val": [2, 3],
        "test": [0, 1],
    }


def test_random_deals_all_rows_by_seed():
    data = log([1, 2] * 500)
    first, again, other = (rows(data.split("random", seed=s)) for s in (3, 3, 4))
    assert first == again != other
    assert [len(first[p]) for p in PARTS] == [700, 100, 100, 100]
    assert sorted(r for part in first.values() for r in part) == list(range(1000))


def test_leave_last_out_gives_the_last_three_rows_of_users_with_four_and_more():
    #       user 1 has rows 0-4 (times fall), user 2 rows 5-8 (times rise), user 3 rows 9-11: too few
    users = [1] * 5 + [2] * 4 + [3] * 3
    times = [9, 8, 7, 6, 5, 1, 2, 3, 4, 1, 2, 3]
    split = log(users, times).split("leave_last_out")
    assert rows(split) == {
        "train": [3, 4, 5, 9, 10, 11],
        "search_val": [2, 6],
        "select_val": [1, 7],
        "test": [0, 8],
    }


def test_leave_last_out_without_times_draws_by_seed():
    data = log(np.repeat([1, 2, 3], 20))
    first, other = (rows(data.split("leave_last_out", seed=s)) for s in (0, 1))
    assert first != other
    assert [len(part) for part in first.values()] == [51, 3, 3, 3]
    assert [sum(20 * u <= r < 20 * u + 20 for r in first["test"]) for u in range(3)] == [1, 1, 1]


def test_column_follows_the_data_and_halves_valid():
    parts = ["train"] * 6 + ["valid"] * 4 + ["test"] * 2
    split = log([1, 2] * 6, part=parts).split("column", seed=5)
    dealt = rows(split)
    assert (dealt["train"], dealt["test"]) == ([0, 1, 2, 3, 4, 5], [10, 11])
    assert sorted(dealt["search_val"] + dealt["select_val"]) == [6, 7, 8, 9]
    assert len(dealt["search_val"]) == 2


def test_column_without_valid_takes_a_fifth_of_all_rows_from_train():
    split = log([1, 2] * 10, part=["train"] * 15 + ["test"] * 5).split("column")
    assert [len(p) for p in split.parts.values()] == [11, 2, 2, 5]
    assert rows(split)["test"] == [15, 16, 17, 18, 19]


def test_the_default_follows_the_data():
    assert default_strategy(log([1, 2] * 6, part=["train", "test"] * 6, times=range(12))) == "column"
    assert default_strategy(log([1, 2] * 6, times=range(12))) == "time"
    assert default_strategy(log([1, 2] * 6)) == "random"


def test_the_vocabulary_is_that_of_the_training_part():
    # By time the rows are 0 ... 9; item x is met in row 9 (test) alone, y in row 0 and row 7 (search_val).
    items = ["y", "a", "b", "a", "b", "a", "b", "y", "z", "x"]
    split = log([1, 2] * 5, range(10), items).split("time_global")
    assert split.vocabulary.fields == ("user", "item")
    assert split.vocabulary.values[1].tolist() == ["(unknown)", "a", "b", "y"]
    assert {p.vocabulary for p in split.parts.values()} == {split.vocabulary}
    assert split.counts.tolist() == [0, 4, 3, 0, 3, 3, 1]
    assert split.unknown == {
        "train": {"user": 0, "item": 0},
        "search_val": {"user": 0, "item": 0},
        "select_val": {"user": 0, "item": 1},
        "test": {"user": 0, "item": 1},
    }
    assert split.search_val.ids.tolist() == [[2, 6]]
    assert split.test.ids.tolist() == [[2, 3]]


def test_new_ids_decode_to_the_same_raw_values():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 50, 500), rng.zipf(1.5, 500)
    split = log(users, np.arange(500), items).split("random")
    for part in split.parts.values():
        for target, (user, item) in zip(part.target.astype(int), part.ids, strict=True):
            assert split.vocabulary.decode(int(user)) == ("user", str(users[target]))
            assert split.vocabulary.decode(int(item))[1] in (str(items[target]), "(unknown)")


def test_development_is_everything_but_test():
    split = log([1, 2] * 10, range(20)).split("time")
    assert sorted(split.development.target.tolist() + split.test.target.tolist()) == list(range(20))
    assert len(split.development.timestamp) == len(split.development) == 18
    assert split.development.vocabulary is split.vocabulary


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("time", "the split 'time' needs a timestamp column; the data have none"),
        ("time_global", "the split 'time_global' needs a timestamp column; the data have none"),
        ("column", "the split 'column' needs a column of the words train, valid and test; the data have none"),
    ],
)
def test_a_strategy_that_the_data_cannot_follow_is_refused(strategy, message):
    with pytest.raises(DataError, match=message):
        log([1, 2] * 10).split(strategy)


def test_strategies_by_user_need_users():
    table = Interactions.from_frame(pd.DataFrame({"label": [0, 1] * 10, "color": [1, 2, 3, 4] * 5}))
    for strategy in ("time", "leave_last_out"):
        with pytest.raises(DataError, match=f"the split '{strategy}' needs a user column; the data have none"):
            table.split(strategy)


def test_an_empty_part_is_refused():
    with pytest.raises(DataError, match="'random' of 4 interactions leaves no row for search_val: they are too few"):
        log([1, 2] * 2).split("random")
    with pytest.raises(DataError, match="'column' of 8 interactions leaves no row for test$"):
        log([1, 2] * 4, part=["train", "valid"] * 4).split()


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="strategy must be one of time, time_global, random"):
        log([1, 2] * 10).split("by_moon")


def test_users_of_the_test_part_are_told_apart_though_training_knows_none_of_them():
    users = [0] * 12 + [7, 7, 8, 9]
    part = ["train"] * 10 + ["test"] * 6
    split = log(users, split=part).split("column")
    assert split.test.ids[2:, 0].tolist() == [split.vocabulary.offsets[0]] * 4
    assert split.test_units.tolist() == [0, 0, 1, 1, 2, 3]
    nameless = replace(split, test_users=None)
    assert nameless.test_units.tolist() == [0, 0, 1, 2, 3, 4]


def test_a_log_without_a_target_is_dealt_by_default_as_a_ranking_deals_it():
    frame = pd.DataFrame({"user": np.repeat(np.arange(6), 8), "item": np.arange(48) % 7})
    clicks = Interactions.from_frame(frame)
    assert default_strategy(clicks) == "leave_last_out"
    assert clicks.split().digest == dealt(clicks, DataSpec("clicks.csv")).digest
