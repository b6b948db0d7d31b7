"""Facts and problems of a table's columns, against tables read by eye."""

import numpy as np
import pandas as pd
import pytest

from dnis.interactions import Interactions, Roles
from dnis.problems import facts_of, problems_of

LOG = {"user": [1, 1, 2, 2], "item": [1, 2, 2, 1], "rating": [3, 4, 5, 3]}


def found(more, columns=()):
    frame = pd.DataFrame({**LOG, **more})
    return problems_of(frame, Roles.guess(frame).override(tuple(columns)))


def test_facts_count_what_is_missing_and_distinct():
    frame = pd.DataFrame({"user_id": [1, 1, 2], "score": [0.5, None, 0.5], "word": ["a", "c", None]})
    facts = {fact.name: fact for fact in facts_of(frame)}
    assert (facts["score"].n_missing, facts["score"].n_distinct, facts["score"].kind) == (1, 1, "number")
    assert facts["word"].samples == ("a", "c")
    assert facts["user_id"].guess == "user"


def test_days_written_as_text_are_times_and_other_texts_are_not():
    days = {"day": [f"2024-01-0{i}" for i in range(1, 5)], "when": [f"{i}.12.2024 10:30" for i in (30, 29, 28, 31)]}
    others = {"word": list("abcd"), "code": ["0001", "0002", "0003", "2024"], "few": ["2024-01-01", "soon", "", None]}
    kinds = {fact.name: fact.kind for fact in facts_of(pd.DataFrame({**LOG, **days, **others}))}
    assert {kinds[name] for name in days} == {"time"}
    assert {kinds[name] for name in others} == {"text"}


def test_a_sound_log_has_no_problems():
    assert found({}) == ()


def test_cells_that_are_no_numbers_are_told_by_their_rows():
    (problem,) = found({"rating": ["3", "good", "4", "bad"]})
    assert (problem.column, problem.kind, problem.n_rows, problem.rows) == ("rating", "not_rating", 2, (2, 4))
    assert (problem.value, problem.remedies) == ("good", ("clean", "ignore"))


def test_days_that_could_be_months_are_told_so_and_rows_are_not_dropped_to_the_last():
    (problem,) = found({"date": ["03/04/2024", "05/06/2024", None, "01/02/2024"]}, [("timestamp", "date")])
    assert (problem.kind, problem.n_rows, problem.value) == ("twofold", 4, "03/04/2024")
    assert problem.remedies == ("ignore",)
    (problem,) = found({"date": ["31.01.2024", "soon", "01.02.2024", "02.02.2024"]}, [("timestamp", "date")])
    assert (problem.kind, problem.rows, problem.remedies) == ("not_timestamp", (2,), ("clean", "ignore"))


def test_a_number_of_words_may_become_a_category():
    (problem,) = found({"age": ["31", "old", "7", "9"]}, [("numeric", "age")])
    assert (problem.kind, problem.rows, problem.remedies) == ("not_numeric", (2,), ("clean", "feature", "ignore"))


def test_empty_ids_need_no_remedy():
    (problem,) = found({"user": [1, None, 2, 2]})
    assert (problem.kind, problem.rows, problem.remedies) == ("missing", (2,), ())


def test_a_label_of_five_values_may_be_a_rating():
    (problem,) = found({"rating": [1, 2, 3, 3]}, [("label", "rating")])
    assert (problem.kind, problem.n_rows, problem.remedies) == ("not_two", 3, ("rating", "ignore"))


@pytest.mark.parametrize(
    ("cells", "role", "kind", "remedies"),
    [
        (["a", "a", "a", "a"], "feature", "one_value", ("ignore",)),
        (["a", None, None, None], "feature", "one_value", ("ignore",)),
        (["a", None, None, None, "b", None], "feature", "mostly_missing", ("ignore",)),
        (np.linspace(0, 1, 200), "feature", "many_values", ("numeric", "ignore")),
        ([f"text {i}" for i in range(200)], "feature", "many_values", ("ignore",)),
    ],
)
def test_columns_that_teach_nothing_are_named(cells, role, kind, remedies):
    frame = pd.DataFrame({"user": np.arange(len(cells)) % 2, "item": np.arange(len(cells)) % 3, "x": cells})
    (problem,) = problems_of(frame, Roles(user="user", item="item").override(((role, "x"),)))
    assert (problem.column, problem.kind, problem.remedies) == ("x", kind, remedies)


@pytest.mark.parametrize(
    ("more", "columns"),
    [
        ({"rating": ["3", "good", "4", "bad"]}, []),
        ({"rating": [3, None, 4, 5]}, []),
        ({"age": ["31", "old", "7", "9"]}, [("numeric", "age")]),
        ({"time": [10, 20, None, 30]}, []),
        ({"part": ["train", "exam", "test", "valid"]}, [("split", "part")]),
    ],
)
def test_every_remedy_that_is_offered_makes_the_table_usable(more, columns):
    frame = pd.DataFrame({**LOG, **more})
    (problem,) = found(more, columns)
    for remedy in problem.remedies:
        roles = Roles.guess(frame).override((*columns, (remedy, problem.column)))
        assert problem.column not in {p.column for p in problems_of(frame, roles)}
        assert len(Interactions.from_frame(frame, roles)) >= 2
