"""Data: a sample or a file, roles by hand, faults in one sentence, and the split that is used."""

import json

import numpy as np
import pandas as pd
import pytest

from dnis.interactions import Interactions
from dnis.settings import DataSpec
from dnis.trial import examine
from dnis.ui import data_panel, store, texts, uploads
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]


def chosen_data(path):
    return DataSpec(str(path), (("feature", "title"),), "random", 5)


def upload(app, content, name="mine.csv"):
    app.radio(key="data_kind").set_value("upload").run()
    app.file_uploader(key="data_file").upload(name, content).run()
    return app


def metrics(app):
    return {m.label: m.value for m in app.metric}


def roles(app):
    return [b for b in app.selectbox if b.label.startswith("Role of column")]


@pytest.fixture
def page(open_page):
    return open_page("1_data")


@pytest.fixture
def content(titled_csv):
    return titled_csv.read_bytes()


def test_an_uploaded_file_is_kept_and_put_to_use(page, content, runs):
    upload(page, content)
    assert not page.exception
    assert metrics(page)["Interactions"] == "600"
    assert metrics(page)["Users"] == "30"
    next(b for b in page.button if b.label == "Use this data").click().run()
    used = page.session_state["_data"]
    assert used.source == store.keep_upload("mine.csv", content)
    assert used.columns == ()
    assert any("in use" in s.value for s in page.success)


def test_a_role_changed_by_hand_reaches_the_data(page, content):
    upload(page, content)
    title = next(b for b in roles(page) if "title" in b.label)
    assert title.value == "title"
    title.select("feature").run()
    assert not page.exception
    next(b for b in page.button if b.label == "Use this data").click().run()
    assert page.session_state["_data"].columns == (("feature", "title"),)


def test_roles_given_to_one_file_do_not_stick_to_another_of_the_same_name(page, content):
    upload(page, content)
    next(b for b in roles(page) if "title" in b.label).select("feature").run()
    upload(page, content.replace(b"title", b"name", 1))
    assert not page.exception
    assert next(b for b in roles(page) if "name" in b.label).value == "title"


def test_the_page_starts_with_the_data_in_use(open_page, titled_csv):
    app = open_page("1_data", before=lambda a: a.session_state.__setitem__("_data", chosen_data(titled_csv)))
    assert next(b for b in roles(app) if "title" in b.label).value == "feature"
    assert any("in use" in s.value for s in app.success)


def test_a_table_without_user_and_item_is_asked_whether_it_has_none(page, content):
    upload(page, content.replace(b"user_id", b"whoever", 1))
    assert [i.value for i in page.info] == [texts.page("data")["no_pair"]]
    next(b for b in roles(page) if "whoever" in b.label).select("user").run()
    assert not page.info
    assert metrics(page)["Users"] == "30"


def test_two_columns_of_one_role_are_said_in_a_sentence(page, content):
    upload(page, content)
    next(b for b in roles(page) if "title" in b.label).select("user").run()
    assert not page.exception
    assert len(page.error) == 1
    assert "Two columns are given the role user" in page.error[0].value
    assert not any(b.label == "Use this data" for b in page.button)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"user_id,item_id,rating\n", "no rows"),
        (b"user_id,item_id,rating\n1,2,3\n1,3,3\n2,2,3\n", "nothing to learn"),
        (b"user_id,item_id,rating\n1,2,good\n1,3,3\n2,2,4\n", "is not a number"),
        (b"user_id,item_id,rating\n1,2,3\n1,3,4\n", "at least two are needed"),
        ("user_id,item_id,rating,title\n1,2,3,Пушкин\n".encode("cp1251"), "is not UTF"),
        (b"PK\x03\x04 and so on", "Excel"),
        (b"a,b\n1,2\n3,4\n", "are needed"),
    ],
)
def test_a_bad_file_gets_one_sentence_and_no_traceback(page, content, said):
    upload(page, content)
    assert not page.exception
    assert [said in e.value for e in page.error] == [True]
    assert not any(b.label == "Use this data" for b in page.button)


def test_a_fault_never_tells_where_the_server_keeps_the_file(page, runs):
    upload(page, b"user_id,item_id,rating\n1,2,good\n1,3,3\n2,2,4\n")
    assert str(runs) not in page.error[0].value


def test_a_file_that_is_too_large_is_refused_with_its_size(page, content, monkeypatch):
    monkeypatch.setenv("DNIS_MAX_UPLOAD_MB", "1")
    upload(page, content + b"\n" * 1_000_000)
    assert "at most 1 MB" in page.error[0].value


def test_column_names_and_values_stay_literal(page):
    hostile = "![n](http://x.example/n.png)"
    rows = "".join(f"{i % 5},{i % 7},{i % 3},{hostile}{i % 2}\n" for i in range(80))
    upload(page, f"user,item,rating,{hostile}\n{rows}".encode())
    assert not page.exception
    assert any(hostile in t.value for t in page.text)
    read_as_markdown = [m.value for m in [*page.markdown, *page.caption, *page.error]] + [b.label for b in roles(page)]
    assert not any("](http" in text for text in read_as_markdown)


def test_without_a_file_the_page_says_what_to_do(page):
    page.radio(key="data_kind").set_value("upload")
    page.session_state["_data"] = DataSpec("sample:planted")
    page.run()
    assert not page.exception
    assert "Choose a file" in page.info[0].value


def test_split_strategy_and_seed_become_part_of_the_data(page):
    page.selectbox(key=next(b.key for b in page.selectbox if b.label == "How rows are dealt out")).select("random")
    page.number_input(key="data_split_seed").set_value(7).run()
    next(b for b in page.button if b.label == "Use this data").click().run()
    used = page.session_state["_data"]
    assert (used.strategy, used.seed) == ("random", 7)


def test_the_long_tail_and_the_roles_are_drawn(page):
    drawn = [json.loads(c.proto.spec) for c in page.get("plotly_chart")]
    assert [[trace["type"] for trace in d["data"]] for d in drawn] == [["scatter"], ["bar"] * 4]
    assert texts.page("data")["strip_about"] in [c.value for c in page.caption]


def test_tail_numbers_are_shares_of_the_training_part():
    counts = np.array([50, 20, *[5] * 4, *[1] * 14])
    numbers = data_panel.tail_numbers(counts)
    assert numbers == {"top": "2", "features": "20", "share": "67 %", "rare": "14", "few": "5"}


def test_density_counts_each_pair_once():
    frame = pd.DataFrame({"user_id": ["a", "a", "b", "a"], "item_id": ["x", "y", "x", "x"], "rating": [1, 2, 3, 4]})
    assert data_panel.density(Interactions.from_frame(frame)) == 0.75


def test_unknown_features_are_listed_with_their_share():
    rows = [("u1", "i1")] * 4 + [("u1", "i2")] * 4 + [("u2", "i1")] * 2
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(
        rating=range(10), split=["train"] * 4 + ["valid"] * 2 + ["test"] * 4
    )
    table = data_panel.unknown_table(Interactions.from_frame(frame).split())
    assert table.to_dict("records") == [
        {"part": "search validation", "field": "item_id", "interactions": 1, "share": "100.0 %"},
        {"part": "selection validation", "field": "item_id", "interactions": 1, "share": "100.0 %"},
        {"part": "test", "field": "user_id", "interactions": 2, "share": "50.0 %"},
        {"part": "test", "field": "item_id", "interactions": 2, "share": "50.0 %"},
    ]


def test_only_strategies_that_the_data_allow_are_offered(titled_csv):
    timed = Interactions.from_csv(titled_csv)
    assert data_panel.possible_strategies(timed) == ["time", "time_global", "random", "leave_last_out"]
    untimed = Interactions.from_csv(titled_csv, columns=(("ignore", "timestamp"),))
    assert data_panel.possible_strategies(untimed) == ["random", "leave_last_out"]


def click(page, label):
    next(b for b in page.button if b.label == label).click().run()
    assert not page.exception


BROKEN = b"user_id,item_id,rating,age\n" + b"".join(
    b"%d,%d,%s,%s\n"
    % (i % 5, i % 7, b"good" if i in (4, 9) else b"%d" % (i % 4), b"old" if i == 2 else b"%d" % (i % 9))
    for i in range(70)
)
"""Ratings of words in data rows 5 and 10."""


def test_a_problem_is_told_with_its_rows_and_solved_by_a_click(page):
    upload(page, BROKEN)
    assert "“rating” holds no number in 2 rows, such as “good”: data rows 5, 10." in [t.value for t in page.text]
    assert page.error[0].value.startswith("These data cannot be used yet")
    click(page, "Drop these rows")
    assert not page.error
    assert metrics(page)["Interactions"] == "68"
    click(page, "Use this data")
    assert page.session_state["_data"].columns == (("clean", "rating"),)
    click(page, "Do not drop them")
    assert len(page.error) == 1


def test_a_remedy_may_give_the_column_another_role(page):
    upload(page, BROKEN)
    click(page, "Leave the column out")
    assert next(b for b in roles(page) if "rating" in b.label).value == "ignore"
    assert not page.error


def test_a_number_with_words_in_it_becomes_a_category_by_a_click(page):
    upload(page, BROKEN)
    click(page, "Drop these rows")
    next(b for b in roles(page) if "age" in b.label).select("numeric").run()
    told = next(t.value for t in page.text if "“age” is to be put into bins" in t.value)
    assert "in 1 row, such as" in told
    assert told.endswith(": data row 3.")
    click(page, "Treat as a category")
    assert next(b for b in roles(page) if "age" in b.label).value == "feature"
    assert not page.error


def test_a_core_filter_shows_what_it_leaves_and_becomes_part_of_the_data(page):
    rows = [(u, i) for u in range(6) for i in range(6)] + [(9, 0), (9, 1)]
    upload(page, b"user_id,item_id,rating\n" + b"".join(b"%d,%d,%d\n" % (u, i, (u + i) % 5) for u, i in rows))
    page.number_input(key=next(n.key for n in page.number_input if n.label.startswith("Fewest"))).set_value(3).run()
    assert not page.exception
    table = page.dataframe[0].value
    assert table.to_numpy().tolist() == [
        ["Interactions", "38", "36", "94.7 %"], ["Users", "7", "6", "85.7 %"], ["Items", "6", "6", "100.0 %"],
    ]  # fmt: skip
    assert metrics(page)["Interactions"] == "36"
    click(page, "Use this data")
    assert page.session_state["_data"].core == 3


def test_a_file_to_try_is_used_at_a_click_and_its_faults_are_mended_by_another(page):
    page.session_state["_data"] = DataSpec("sample:planted")
    page.radio(key="data_kind").set_value("upload").run()
    click(page, "From a spreadsheet, with faults")
    told = [t.value for t in page.text]
    assert "“user_id” is empty in 2 rows: data rows 31, 32." in told
    assert "“rating” holds no number in 3 rows, such as “n. b.”: data rows 5, 18, 91." in told
    click(page, "Drop these rows")
    assert not page.error
    assert metrics(page)["Interactions"] == "295"


@pytest.mark.parametrize("name", ["ratings.csv", "clicks.csv.gz"])
def test_the_other_files_to_try_are_read_as_they_stand(name):
    seen = examine(uploads.TO_TRY / name)
    assert (seen.problems, seen.refusal) == ((), None)
