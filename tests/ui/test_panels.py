"""What a link leaves out, and that every name of a panel means something."""

import re
from pathlib import Path

import pytest

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
