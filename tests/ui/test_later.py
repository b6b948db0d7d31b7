"""Later: below the first screen nothing is drawn before the reader comes near, and its place is kept."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dnis.ui import later
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
    assert len([place for place in app.get("bidi_component") if place.proto.component_name == "dnis_nearness"]) == 6


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


def test_a_page_that_takes_another_ones_place_gives_its_heading_a_head_start(browser, open_page, monkeypatch):
    breaths = []
    monkeypatch.setattr(later, "time", SimpleNamespace(sleep=breaths.append))
    app = open_page("7_learn")
    first = len(breaths)
    app.switch_page("pages/4_tradeoff.py").run()
    assert len(breaths) == first + 1
    app.run()
    assert len(breaths) == first + 1
    app.switch_page("pages/7_learn.py").run()
    assert breaths == [later.BREATH_S] * (first + 2)


def test_the_overviews_runs_wait_for_the_picture(browser, runs, monkeypatch):
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert [title.value for title in app.title] == ["How many dimensions does every feature deserve?"]
    assert len(app.dataframe) == 0
    app.session_state["_reached"] = frozenset({"runs"})
    app.run()
    assert len(app.dataframe) == 1
