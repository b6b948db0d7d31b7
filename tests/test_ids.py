"""Ids of a file stay as many as they are written."""

import numpy as np
import pandas as pd
import pytest

from dnis.ids import EXACT_BELOW, are_whole, as_written
from dnis.interactions import Interactions
from dnis.reading import read_frame
from dnis.roles import Roles
from dnis.trial import checked
from dnis.vocabulary import MISSING, UNKNOWN


@pytest.fixture
def saved(tmp_path):
    def save(users, items):
        """A row per item; the users take turns."""
        rows = [f"{users[i % len(users)]},{item},{1 + i % 5}" for i, item in enumerate(items)]
        path = tmp_path / "log.csv"
        path.write_text("\n".join(["user,item,rating", *rows]) + "\n")
        return path

    return save


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        ([12.0, -3.0, np.nan], True),
        ([2.0**53 - 1], True),
        ([2.0**53], False),
        ([-(2.0**53)], False),
        ([12.0, 0.5], False),
        ([12.0, np.inf], False),
        ([np.nan], True),
    ],
)
def test_floats_are_exact_where_each_is_one_whole_number(values, exact):
    assert are_whole(pd.Series(values), EXACT_BELOW) == exact


def test_numbers_that_are_as_many_as_their_texts_stay_numbers(saved):
    prices = ["0.99", "19.99", "1.99", "4.99"]  # as texts, 19.99 would come before 4.99
    data = Interactions.from_csv(saved(["u", "v"], prices * 3))
    assert data.vocabulary.values[1].tolist() == [UNKNOWN, "0.99", "1.99", "4.99", "19.99"]


def test_what_is_missing_as_a_number_is_missing_as_a_text(saved):
    data = Interactions.from_csv(saved(["1.1", "1.10", "NAN", "2.5"], ["a", "b"] * 6))
    assert data.vocabulary.values[0].tolist() == [UNKNOWN, "1.1", "1.10", "2.5"]
    assert len(data) == 9


def test_large_whole_floats_of_parquet_are_written_as_whole_numbers(tmp_path):
    users = np.array([76561198000000016, 76561198000000032, 12], dtype=np.float64)
    frame = pd.DataFrame({"user": np.tile(users, 4), "item": list("ab") * 6, "rating": [1.0, 2, 3, 4] * 3})
    frame.to_parquet(tmp_path / "log.parquet")
    data = Interactions.from_csv(tmp_path / "log.parquet")
    assert data.vocabulary.values[0].tolist() == [UNKNOWN, "12", "76561198000000016", "76561198000000032"]


def test_codes_with_a_point_are_as_many_as_they_are_written(saved):
    codes = ["1.1", "1.10", "1.2", "1.20", "2.5", "2.50"]
    data = Interactions.from_csv(saved(["u", "v"], codes * 2))
    assert data.vocabulary.values[1].tolist() == [UNKNOWN, *codes]
    assert data.column("item").tolist() == [*range(4, 10)] * 2  # after UNKNOWN, u, v and UNKNOWN


def test_users_beyond_what_a_float_tells_apart_stay_two_beside_a_cell_with_a_point(saved):
    users = ["9007199254740992", "9007199254740993", "12.0"]
    data = Interactions.from_csv(saved(users, ["a", "b"] * 6))
    assert sorted(data.vocabulary.values[0][1:]) == sorted(users)


def test_whole_floats_of_an_export_are_the_ids_that_they_were(saved):
    data = Interactions.from_csv(saved(["12.0", "7", "13.0"], ["5.0", "", "6.0", "5"] * 3))
    assert data.vocabulary.values[0].tolist() == [UNKNOWN, "7", "12", "13"]
    assert data.vocabulary.values[1].tolist() == [UNKNOWN, "5", "6"]


def test_ids_with_an_exponent_are_read_as_they_are_written(saved):
    data = Interactions.from_csv(saved(["1e20", "2e20", "3"], ["a", "b"] * 6))
    assert data.vocabulary.values[0].tolist() == [UNKNOWN, "1e20", "2e20", "3"]


def test_a_category_given_by_hand_is_kept_as_written_and_a_number_is_not(saved):
    path = saved(["u", "v"], ["1.1", "1.10", "", "2.5"] * 3)
    roles = (("ignore", "item"), ("user", "user"))
    as_feature = Interactions.from_csv(path, columns=(*roles, ("feature", "item")))
    assert as_feature.vocabulary.values[1].tolist() == [UNKNOWN, "1.1", "1.10", "2.5", MISSING]
    as_number = Interactions.from_csv(path, columns=(*roles, ("numeric", "item")))
    assert as_number.vocabulary.values[1].tolist() == [UNKNOWN, "1.1", "2.5", MISSING]


def test_a_table_of_which_nothing_is_lost_is_not_read_again(saved):
    path = saved(["12.0", "7"], ["0.5", "1.10", "1.1"] * 2)
    frame = read_frame(path)
    path.unlink()
    numbers = Roles(user="user", numeric=("item", "rating"))
    assert as_written(frame, path, numbers) is frame


def test_a_trial_counts_the_ids_as_the_reading_after_it_does(saved):
    path = saved(["u", "v"], ["1.1", "1.10"] * 4)
    assert checked(path) == path  # one item alone would be refused
