"""Roles guessed from names and values, and changed by hand."""

import numpy as np
import pandas as pd
import pytest

from dnis.reading import DataError
from dnis.roles import Roles


@pytest.mark.parametrize("user", ["user_id", "userId", "UID", "customer", "User ID"])
@pytest.mark.parametrize("item", ["item_id", "movieId", "asin", "Product"])
def test_user_item_rating_and_time_are_known_by_many_names(user, item):
    frame = pd.DataFrame({item: [1, 2], user: [3, 4], "Stars": [1, 5], "ts": [10, 11]})
    roles = Roles.guess(frame)
    assert (roles.user, roles.item, roles.target, roles.target_kind) == (user, item, "Stars", "rating")
    assert (roles.timestamp, roles.fields) == ("ts", (user, item))


def test_the_names_of_a_german_shop_are_known():
    frame = pd.DataFrame({"Kunden-Nr": [1, 2], "Artikel": [3, 4], "Bewertung": [1, 5], "Datum": [10, 11]})
    roles = Roles.guess(frame)
    assert (roles.user, roles.item, roles.target, roles.timestamp) == ("Kunden-Nr", "Artikel", "Bewertung", "Datum")


def test_further_columns_of_a_rating_log_are_features_but_titles_are_not():
    frame = pd.DataFrame(
        {
            "user_id": [1, 2, 1],
            "item_id": [1, 1, 2],
            "rating": [1, 2, 3],
            "title": ["x", "x", "y"],
            "genres": ["a", "a", "b"],
            "price": [0.5, 0.5, 0.7],
            "year": [1995, 1995, 1996],
        }
    )
    roles = Roles.guess(frame)
    assert roles.title == "title"
    assert roles.features == ("genres", "year")
    assert roles.numeric == ("price",)


def test_whole_numbers_with_gaps_are_codes_though_they_are_stored_as_floats():
    frame = pd.DataFrame({"user": [1, 2, 1], "item": [1, 1, 2], "rating": [1, 2, 3], "year": [1995.0, np.nan, 1996.0]})
    assert Roles.guess(frame).features == ("year",)


def test_a_two_valued_column_named_like_a_label_is_one():
    frame = pd.DataFrame({"user": [1, 2, 1], "item": [1, 2, 3], "Clicked": ["no", "yes", "no"]})
    assert (Roles.guess(frame).target, Roles.guess(frame).target_kind) == ("Clicked", "label")


def test_a_column_named_like_a_label_with_many_values_is_not_one():
    frame = pd.DataFrame({"user": [1, 2, 1], "item": [1, 2, 3], "income": [10, 20, 30]})
    roles = Roles.guess(frame)
    assert roles.target is None
    assert "income" in roles.features


def test_ratings_of_0_and_1_are_labels_but_two_other_ratings_are_ratings():
    assert Roles.guess(pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [0, 1]})).target_kind == "label"
    assert Roles.guess(pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [3, 4]})).target_kind == "rating"


def test_a_second_target_is_left_out_since_it_gives_the_answer_away():
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [3, 4], "liked": [0, 1]})
    assert Roles.guess(frame).role_of("liked") == "ignore"


def test_a_split_column_is_one_only_when_it_holds_the_words():
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "part": ["Train", "dev"], "x": [0, 1]})
    assert Roles.guess(frame).split == "part"
    assert Roles.guess(frame.assign(part=["engine", "wheel"])).features == ("part", "x")


def test_whole_numbers_are_codes_beside_users_and_numbers_without():
    codes = np.arange(200) % 100
    log = pd.DataFrame({"user": np.arange(200) % 7, "item": np.arange(200) % 9, "label": codes % 2, "city": codes})
    table = pd.DataFrame({"label": codes % 2, "age": codes, "level": codes % 16})
    assert Roles.guess(log).features == ("city",)
    assert Roles.guess(table).numeric == ("age",)
    assert Roles.guess(table).features == ("level",)


def test_criteo_columns_are_told_by_name():
    n = np.arange(100)
    frame = pd.DataFrame({"label": n % 2, "I12": n % 5, "C1": [f"{i % 9:08x}" for i in n]})
    roles = Roles.guess(frame)
    assert (roles.numeric, roles.features) == (("I12",), ("C1",))


def test_columns_that_cannot_teach_anything_are_left_out():
    n = np.arange(200)
    frame = pd.DataFrame({"label": n % 2, "row": n, "note": [f"text {i}" for i in n], "one": 1, "color": n % 3})
    assert Roles.guess(frame).fields == ("color",)


def test_a_pair_moves_a_column_to_its_new_role_and_out_of_the_old_one():
    roles = Roles(user="u", item="i", target="r", target_kind="rating", features=("a", "b"))
    changed = roles.override((("numeric", "a"), ("ignore", "b"), ("label", "c"), ("item", "r")))
    assert changed == Roles(user="u", item="r", target="c", target_kind="label", numeric=("a",))
    assert [changed.role_of(c) for c in "uracbi"] == ["user", "item", "numeric", "label", "ignore", "ignore"]


def test_giving_a_role_twice_does_not_list_a_column_twice():
    assert Roles(features=("a",)).override((("feature", "a"), ("feature", "a"))).features == ("a",)


def test_an_unknown_role_is_refused():
    with pytest.raises(DataError, match="column 'x' cannot be 'colour'; roles are user, item"):
        Roles().override((("colour", "x"),))


def test_roles_of_columns_that_are_not_there_are_refused():
    with pytest.raises(DataError, match="no column 'movie'; the columns are 'user', 'item'"):
        Roles(user="user", item="movie").check(["user", "item"])
    with pytest.raises(DataError, match="no column 'stars'; the columns are 'user', 'item'"):
        Roles(user="user", item="item", clean=("stars",)).check(["user", "item"])


def test_a_table_without_anything_to_embed_or_to_predict_is_refused():
    with pytest.raises(DataError, match="no user, item or feature among the columns 'rating'"):
        Roles(target="rating", target_kind="rating").check(["rating"])
    with pytest.raises(DataError, match="both a user and an item column are needed"):
        Roles(user="user").check(["user"])


def test_a_lone_column_of_days_is_the_time_whatever_its_name():
    frame = pd.DataFrame({"user": [1, 2, 1], "item": [3, 4, 4], "when": ["2021-03-15 23:16", None, "2021-04-15 01:00"]})
    assert Roles.guess(frame).timestamp == "when"
    assert Roles.guess(frame.assign(when=pd.to_datetime(frame["when"]))).timestamp == "when"
    assert Roles.guess(frame.assign(born=["31.01.2001", "30.12.2002", "01.01.2001"])).timestamp is None
    assert Roles.guess(frame.assign(when=["a", "b", "2021-03-15"])).timestamp is None
