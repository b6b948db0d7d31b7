"""What a link leaves out, and that every name of a panel means something."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dnis.files import read_json, write_json
from dnis.runs import load_run
from dnis.settings import DataSpec
from dnis.ui import panels, shell, texts

ROOT = Path(__file__).resolve().parents[2]
WORDS = texts.page("panels")


def headers(app):
    return [header.value for header in app.header]


def test_a_link_leaves_out_panels_on_every_page_until_somebody_wants_them_back(app):
    app.query_params["hide"] = "runs,twins,no-such-panel,<b>"
    app.run()
    assert "Runs" not in headers(app)
    assert "The road" in headers(app)
    assert app.query_params["hide"] == "runs,twins"
    app.switch_page("pages/2_search.py").run()
    assert not [button for button in app.button if button.label.startswith("Same search")]
    app.button(key="show_all_panels").click().run()
    assert [button for button in app.button if button.label.startswith("Same search")]
    assert "hide" not in app.query_params
    assert not app.exception


def test_without_such_a_link_nothing_is_left_out_and_nothing_said(app):
    app.run()
    assert "Runs" in headers(app)
    assert WORDS["left_out"] not in [caption.value for caption in app.caption]


def test_a_page_that_is_left_out_has_no_card_on_the_road_but_still_opens(app):
    app.query_params["hide"] = "compare"
    app.run()
    assert "not compared yet" not in [text.value for text in app.text]
    app.switch_page("pages/5_compare.py").run()
    assert not app.exception
    assert app.title


def test_settings_out_of_sight_still_count(app):
    app.query_params["hide"] = "settings"
    app.query_params["embedding_dim"] = "24"
    app.run()
    app.switch_page("pages/2_search.py").run()
    assert app.number_input(key="embedding_dim").value == 24
    assert not app.exception


def test_the_link_holds_the_run_the_threshold_and_what_is_left_out(app):
    app.query_params["threshold"] = "0.25"
    app.session_state["share"] = True
    app.run()
    app.multiselect(key="link_leaves_out").set_value(["runs", "sidebar"]).run()
    link = next(code.value for code in app.sidebar.code if "hide=" in code.value)
    assert link.endswith("?run=hand-run&threshold=0.25&hide=runs,sidebar")


def test_the_sidebar_can_be_left_out(app):
    app.query_params["hide"] = "sidebar"
    app.run()
    assert not app.exception
    assert not app.sidebar.selectbox


def test_every_panel_is_asked_for_somewhere_and_every_page_is_one():
    source = "".join(path.read_text() for path in (*(ROOT / "pages").glob("*.py"), ROOT / "app.py"))
    source += "".join(path.read_text() for path in (ROOT / "dnis/ui").glob("*.py"))
    asked = set(re.findall(r'panels\.(?:shown|beside)\("(\w+)"', source))
    steps = {"tail", "blocks", "soft", "losses", "prune", "size", "fair"}
    pages = {panels.address(file) for file, _, _ in shell.PAGES}
    assert asked | steps | pages == set(WORDS["panels"])


def test_an_unknown_panel_is_a_fault_of_the_page():
    with pytest.raises(KeyError, match="no panel 'nothing'"):
        panels.shown("nothing")


def test_the_link_brings_a_sample_along_as_it_is_dealt(app):
    spec = DataSpec("sample:movielens-small", (("feature", "genres"),), "random", 7, 5)
    app.session_state["_data"] = spec
    app.session_state["share"] = True
    app.run()
    said = {key: app.query_params[key] for key in ("data", "features", "core", "dealt", "dealt_seed")}
    assert said == {
        "data": "movielens-small", "features": "genres", "core": "5", "dealt": "random", "dealt_seed": "7",
    }  # fmt: skip
    assert any("data=movielens-small&features=genres&core=5&dealt=random&dealt_seed=7" in c.value for c in app.code)
    assert WORDS["own_data"] not in [caption.value for caption in app.caption]
    # the one who opens it
    del app.session_state["_data"]
    del app.session_state["_link_of_data_was_read"]
    app.run()
    assert app.session_state["_data"] == spec


def test_a_table_of_ones_own_stays_at_home_and_that_is_said(app, ratings_csv):
    app.session_state["_data"] = DataSpec(str(ratings_csv), (("feature", "timestamp"),))
    app.session_state["share"] = True
    app.run()
    assert "data" not in app.query_params
    assert WORDS["own_data"] in [caption.value for caption in app.caption]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"data": "netflix"}, "asks for the data netflix"),
        ({"data": "adult", "dealt": "by hand"}, "by hand"),
        ({"data": "adult", "dealt": "time"}, "time"),
        ({"data": "adult", "core": "many"}, "many"),
    ],
)
def test_data_that_are_not_to_be_had_are_named(app, asked, told):
    for key, word in asked.items():
        app.query_params[key] = word
    app.run()
    assert told in app.toast[0].value
    assert "_data" not in app.session_state
    assert "data" not in app.query_params
    assert not app.exception


def test_a_table_of_the_run_on_show_travels_with_the_run_however_the_split_is_called(app, hand_run):
    data = load_run(hand_run).data
    app.session_state["_data"], app.session_state["share"] = replace(data, strategy=None), True
    record = read_json(hand_run / "run.json")
    write_json(hand_run / "run.json", {**record, "data": {**record["data"], "strategy": "time"}})
    app.run()
    assert WORDS["own_data"] not in [caption.value for caption in app.caption]
