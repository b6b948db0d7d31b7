"""Tables into interactions: ids, targets, notes, and data that are refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dnis.interactions import MISSING, UNKNOWN, DataError, Interactions, Roles
from dnis.splits import Split

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not on this machine")
    return path


@pytest.fixture
def ratings():
    return pd.DataFrame(
        {
            "movieId": ["b", "a", "a", "c"],
            "userId": [2, 10, 2, 10],
            "rating": [4.0, 3.5, 5.0, 1.0],
            "timestamp": [40, 30, 20, 10],
            "title": ["Bambi", "Alien", "Alien", None],
            "genres": ["Drama", "Horror", "Horror", None],
        }
    )


def test_every_cell_becomes_a_global_id_user_first_item_second(ratings):
    data = Interactions.from_frame(ratings)
    assert data.vocabulary.fields == ("userId", "movieId", "genres")
    # userId: (unknown) 2 10 | movieId: (unknown) a b c | genres: (unknown) Drama Horror (missing)
    assert data.ids.tolist() == [[1, 5, 8], [2, 4, 9], [1, 4, 9], [2, 6, 10]]
    assert data.ids.dtype == np.int32
    assert data.target.tolist() == [4.0, 3.5, 5.0, 1.0]
    assert data.timestamp.tolist() == [40, 30, 20, 10]
    assert data.part is None
    assert (len(data), data.n_users, data.n_items, data.n_features) == (4, 2, 3, 11)


def test_ids_decode_to_the_cells_they_came_from(ratings):
    data = Interactions.from_frame(ratings)
    cells = [[data.vocabulary.decode(int(i))[1] for i in row] for row in data.ids]
    assert cells == [["2", "b", "Drama"], ["10", "a", "Horror"], ["2", "a", "Horror"], ["10", "c", MISSING]]
    assert [values[0] for values in data.vocabulary.values] == [UNKNOWN] * 3


def test_items_are_called_by_their_title(ratings):
    data = Interactions.from_frame(ratings)
    assert [data.vocabulary.label(int(i)) for i in data.column("movieId")] == ["Bambi", "Alien", "Alien", "movieId c"]


def test_the_first_title_of_an_item_is_its_name(ratings):
    data = Interactions.from_frame(ratings.assign(title=["Bambi", "Alien", "Aliens", "Casablanca"]))
    assert data.vocabulary.titles == {"b": "Bambi", "a": "Alien", "c": "Casablanca"}


def test_counts_say_how_often_each_feature_occurs(ratings):
    assert Interactions.from_frame(ratings).counts.tolist() == [0, 2, 2, 0, 2, 1, 1, 0, 1, 2, 1]


def test_the_target_tells_the_task(ratings):
    plain = ratings[["userId", "movieId"]]
    assert Interactions.from_frame(ratings).task == "rating"
    assert Interactions.from_frame(plain.assign(click=[0, 1, 1, 0])).task == "ctr"
    seen = Interactions.from_frame(plain)
    assert (seen.task, seen.target.tolist()) == ("topk", [1.0] * 4)


def test_take_keeps_the_rows_asked_for_in_their_order(ratings):
    data = Interactions.from_frame(ratings)
    some = data.take(np.array([2, 0]))
    assert some.ids.tolist() == data.ids[[2, 0]].tolist()
    assert (some.target.tolist(), some.timestamp.tolist()) == ([5.0, 4.0], [20, 40])
    assert some.vocabulary is data.vocabulary
    assert data.take(data.target > 3).timestamp.tolist() == [40, 30, 20]


def test_rows_without_a_user_or_an_item_are_dropped_and_counted():
    frame = pd.DataFrame({"user": ["a", None, "b", "c"], "item": [1, 2, None, 4], "rating": [1, 2, 3, 4]})
    data = Interactions.from_frame(frame)
    assert data.target.tolist() == [1, 4]
    assert data.notes == (
        "Dropped 1 row without 'user', the first data row 2.",
        "Dropped 1 row without 'item', the first data row 3.",
    )


def test_a_fault_is_named_by_its_row_in_the_file_though_rows_were_dropped():
    frame = pd.DataFrame({"user": [None, "b", "c"], "item": [1, 2, 3], "rating": ["1", "2", "bad"]}, index=[30, 20, 10])
    with pytest.raises(DataError, match="column 'rating', data row 3: 'bad' is not a number"):
        Interactions.from_frame(frame)


def test_repeated_pairs_are_kept_and_counted():
    frame = pd.DataFrame({"user": [1, 1, 2, 1], "item": [5, 5, 5, 5], "when": [1, 1, 2, 2], "rating": [1, 2, 3, 4]})
    frame.loc[3, "item"] = 6
    data = Interactions.from_frame(frame, Roles("user", "item", target="rating", target_kind="rating"))
    assert len(data) == 4
    assert data.notes == (
        "Columns not used: 'when'.",
        "Kept 1 row whose user and item met before.",
    )


def test_what_counts_as_a_click_is_noted():
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "click": ["no", "yes"]})
    data = Interactions.from_frame(frame)
    assert data.target.tolist() == [0, 1]
    assert data.notes == ("In column 'click', 'yes' counts as 1, 'no' as 0.",)


def test_columns_forced_by_hand_become_categories_or_bins(tmp_path):
    path = tmp_path / "log.csv"
    rows = "".join(f"{i % 7},{i % 11},{1 + i % 5},{i % 60},{i % 60}\n" for i in range(300))
    path.write_text("user,item,rating,age,city\n" + rows)
    data = Interactions.from_csv(path, columns=(("numeric", "age"),))
    assert data.vocabulary.fields == ("user", "item", "city", "age")
    assert [len(v) - 1 for v in data.vocabulary.values] == [7, 11, 60, 20]
    assert data.vocabulary.label(int(data.ids[0, 3])) == "age 0 to 2"


def test_from_csv_takes_roles_by_name(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("who,what,how\n007,x,1\n7,y,5\n")
    roles = Roles("who", "what", target="how", target_kind="rating")
    assert Interactions.from_csv(path, roles).vocabulary.values[0].tolist() == [UNKNOWN, "007", "7"]


def test_split_deals_the_rows_into_four_parts(ratings):
    data = Interactions.from_frame(pd.concat([ratings] * 5))
    parts = data.split("random", seed=1)
    assert isinstance(parts, Split)
    assert sum(len(p) for p in parts.parts.values()) == 20


def refusal(frame, roles=None):
    with pytest.raises(DataError) as caught:
        Interactions.from_frame(pd.DataFrame(frame), roles)
    return str(caught.value)


def test_one_user_or_one_item_only_is_refused():
    assert refusal({"user": [7, 7], "item": [1, 2], "rating": [1, 2]}) == (
        "column 'user' holds one value only, '7': at least two are needed"
    )
    assert "column 'item' holds one value only, 'x'" in refusal({"user": [1, 2], "item": ["x", "x"], "rating": [1, 2]})


def test_a_user_column_without_any_value_is_refused():
    assert refusal({"user": [None, None], "item": [1, 2], "rating": [1, 2]}) == "column 'user' is empty in every row"


def test_a_table_without_rows_is_refused():
    assert refusal({"user": [], "item": []}) == "the table has 0 rows and 2 columns: nothing to learn"


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame([[1, 2, 3]], columns=["user", "item", "user"])
    assert refusal(frame) == "two columns are named 'user': columns 1 and 3"


def test_a_column_that_is_not_there_is_refused():
    assert refusal({"user": [1], "item": [2]}, Roles("user", "movie")) == (
        "no column 'movie'; the columns are 'user', 'item'"
    )


def test_columns_without_a_known_role_are_refused_with_their_names():
    assert "the columns are 'a', 'b'" in refusal({"a": [1, 2, 1], "b": [1, 2, 2]})


def test_a_log_with_its_own_split_is_read_as_one():
    data = Interactions.from_csv(shared("frappe/frappe.parquet"))
    assert (len(data), data.task, data.n_users, data.n_items) == (289_376, "ctr", 957, 4082)
    assert data.vocabulary.fields[-1] == "city"
    assert data.roles.numeric == ()
    assert set(data.part.tolist()) == {"train", "valid", "test"}


def test_the_wide_click_format_has_13_numbers_and_26_categories():
    data = Interactions.from_csv(shared("criteo-kaggle-10k/criteo.parquet"))
    assert data.task == "ctr"
    assert data.roles.numeric == tuple(f"I{i}" for i in range(1, 14))
    assert data.roles.features == tuple(f"C{i}" for i in range(1, 27))
    missing = {data.vocabulary.fields[f] for f, values in enumerate(data.vocabulary.values) if values[-1] == MISSING}
    assert {"I1", "C3", "C26"} <= missing
    assert not {"I2", "C1"} & missing


def test_a_million_ratings_are_read_without_loss():
    path = shared("ml-1m/ratings.parquet")
    data, raw = Interactions.from_csv(path), pd.read_parquet(path)
    assert (len(data), data.n_users, data.n_items, data.notes) == (1_000_209, 6040, 3706, ())
    names = data.vocabulary.values[1][data.column("movie_id") - data.vocabulary.offsets[1]]
    assert names.astype(int).tolist() == raw["movie_id"].tolist()


def test_reading_and_splitting_reach_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from dnis.datasets import load; load('sample:adult').split();"
        "sys.exit(int(any(m in sys.modules for m in ('torch', 'sklearn', 'streamlit'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[1], check=False)
    assert done.returncode == 0


def test_what_was_noted_while_reading_is_noted_of_the_interactions(tmp_path):
    rows = "".join(f"{i % 5};{i % 7};{i % 9},5\n" for i in range(60))
    (tmp_path / "log.csv").write_bytes(f"user;item;rating\n{rows}".encode())
    noted = Interactions.from_csv(tmp_path / "log.csv").notes
    assert noted[0] == "Column 'rating' was read with decimal commas."
