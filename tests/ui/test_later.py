"""Later: below the first screen nothing is drawn before the reader comes near, and its place is kept."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dnis.ui import texts
from dnis.ui.jobs import JobRunner
from tests.ui.small_run import made_run, open_page, runs, titled_csv

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["made_run", "open_page", "runs", "titled_csv"]


@pytest.fixture
def browser(monkeypatch):
    """A browser that listens, but says nothing."""
    monkeypatch.setattr(type(st.context), "headers", {"Host": "localhost"})


def figures(app):
    return [chart.proto.id.rpartition("-")[2] for chart in app.get("plotly_chart")]


def test_only_the_first_screen_is_drawn_until_the_reader_comes_near(browser, open_page):
    app = open_page("7_learn")
    assert figures(app) == ["learn_tail_figure"]
    assert len(app.header) == 8
    assert len([place for place in app.get("bidi_component") if place.proto.component_name == "dnis_nearness"]) == 7


def test_the_words_of_the_glossary_come_into_their_closed_box_when_the_rest_is_there(browser, open_page):
    app = open_page("7_learn")
    box = next(one for one in app.expander if one.label == texts.page("learn")["words"])
    assert not box.markdown
    app.session_state["_reached"] = frozenset({"glossary"})
    app.run()
    box = next(one for one in app.expander if one.label == texts.page("learn")["words"])
    assert all(f": {meaning}" in box.markdown[0].value for meaning in texts.glossary().values())


def test_what_the_reader_has_come_near_to_is_drawn_and_stays(browser, open_page):
    app = open_page("7_learn")
    app.session_state["_reached"] = frozenset({"learn_soft"})
    app.run()
    assert figures(app) == ["learn_tail_figure", "learn_soft_figure"]
    app.slider(key="learn_late").set_value(0.5).run()
    assert figures(app) == ["learn_tail_figure", "learn_soft_figure"]


def test_a_page_that_is_opened_again_has_not_been_read_yet(browser, open_page):
    app = open_page("7_learn")
    app.session_state["_reached"] = frozenset({"learn_soft"})
    app.switch_page("pages/4_tradeoff.py").run()
    app.switch_page("pages/7_learn.py").run()
    assert figures(app) == ["learn_tail_figure"]


def test_searches_rest_while_a_page_is_opened_and_at_no_other_time(open_page, monkeypatch):
    rests = []
    monkeypatch.setattr(JobRunner, "rest", lambda runner: rests.append(runner))
    app = open_page("7_learn")
    first = len(rests)
    app.run()
    assert len(rests) == first > 0
    app.switch_page("pages/4_tradeoff.py").run()
    assert len(rests) == first + 1


def test_the_overviews_runs_wait_for_the_picture(browser, runs, monkeypatch):
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert [title.value for title in app.title] == ["How many dimensions does every feature deserve?"]
    assert len(app.dataframe) == 0
    app.session_state["_reached"] = frozenset({"runs"})
    app.run()
    assert len(app.dataframe) == 1


def settings_drawn(app):
    return {widget.key for widget in app.number_input if widget.key in ("embedding_dim", "epochs", "data_seed")}


def test_closed_boxes_of_settings_wait_and_say_what_their_settings_would(browser, open_page):
    app = open_page("2_search", before=lambda app: app.session_state.__setitem__("epochs", 7))
    assert not settings_drawn(app)
    assert "7 epochs at most" in next(note.value for note in app.caption if note.value.startswith("Next, on"))
    app.session_state["_reached"] = frozenset({"settings"})
    app.run()
    assert settings_drawn(app) == {"embedding_dim", "epochs", "data_seed"}
    assert app.number_input(key="epochs").value == 7
    app.number_input(key="epochs").set_value(9).run()
    app.switch_page("pages/1_data.py").run()
    app.query_params.clear()  # as a browser does that turns to another page
    app.switch_page("pages/2_search.py").run()
    assert not settings_drawn(app)
    assert "9 epochs at most" in next(note.value for note in app.caption if note.value.startswith("Next, on"))


def test_a_link_with_a_setting_draws_the_boxes_at_once(browser, open_page):
    app = open_page("2_search", before=lambda app: app.query_params.__setitem__("embedding_dim", "24"))
    assert settings_drawn(app) == {"embedding_dim", "epochs", "data_seed"}
    assert app.number_input(key="embedding_dim").value == 24
    app.number_input(key="embedding_dim").set_value(64).run()  # the default, which leaves the address
    app.query_params.clear()
    app.run()
    assert settings_drawn(app) == {"embedding_dim", "epochs", "data_seed"}


def test_who_takes_the_address_along_has_the_page_drawn_whole(browser, open_page):
    app = open_page("2_search")
    assert not settings_drawn(app)
    app.session_state["share"] = True  # the box of the link is open
    app.run()
    assert settings_drawn(app) == {"embedding_dim", "epochs", "data_seed"}
    app.session_state["share"] = False
    app.switch_page("pages/1_data.py").run()
    app.switch_page("pages/2_search.py").run()
    assert not settings_drawn(app)
