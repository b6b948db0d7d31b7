"""The frame around the pages: entering anywhere, the run on show, the threshold, and the texts."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from dnis.settings import SearchConfig
from dnis.ui import shell, store, texts

PAGES = [file for file, _, _ in shell.PAGES]


def captions(app):
    return [caption.value for caption in app.caption]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_its_frame(app, page):
    app.run()
    app.switch_page(page).run()
    assert not app.exception
    assert app.title
    assert "By hand" in app.sidebar.selectbox[0].options


def test_the_overview_opens_and_names_the_run_and_its_state(app):
    app.run()
    assert not app.exception
    assert "finished, 3 epochs" in [text.value for text in app.text]


@pytest.mark.parametrize("page", ["pages/2_search.py", "pages/4_tradeoff.py"])
def test_a_visitor_without_a_run_sees_the_bundled_one_and_is_told_so(app, page):
    del app.query_params["run"]
    app.run()
    app.switch_page(page).run()
    assert not app.exception
    assert texts.page("shell")["bundled"] in captions(app)


@pytest.mark.parametrize("name", ["gone", "../secret", "a" * 500, "<b>"])
def test_a_link_to_a_run_that_is_not_there_shows_the_bundled_one(app, name):
    app.query_params["run"] = name
    app.run()
    app.switch_page("pages/4_tradeoff.py").run()
    assert not app.exception
    assert texts.page("shell")["bundled_unknown"] in captions(app)


def test_a_run_is_found_by_its_folder_only(hand_run):
    assert store.run_folder("hand-run") == hand_run
    assert store.run_folder("hand-run/../hand-run") is None
    assert store.run_folder(None) is None


def test_the_run_on_show_can_be_changed_in_the_sidebar(app):
    app.run()
    box = app.sidebar.selectbox[0]
    other = next(option for option in box.options if option != "By hand")
    box.set_value(store.BUNDLED).run()
    assert app.sidebar.selectbox[0].value == store.BUNDLED
    assert other in app.sidebar.selectbox[0].options
    assert app.query_params["run"] == store.BUNDLED


def test_the_address_brings_the_threshold_and_all_pages_share_it(app):
    app.query_params["threshold"] = "0.25"
    app.run()
    assert "threshold 0.25" in [text.value for text in app.text]
    app.switch_page("pages/4_tradeoff.py").run()
    assert app.query_params["threshold"] == "0.25"


@pytest.mark.parametrize("nonsense", ["-1", "nan", "inf", "x", ""])
def test_a_threshold_that_is_no_threshold_is_left_aside(app, nonsense):
    app.query_params["threshold"] = nonsense
    app.run()
    assert not app.exception
    # half of the values: per block of 8 dimensions 7, 5 and 2 are not 0, the middle of 0 (10 of 24), .3 and more
    assert any(text.value.startswith("threshold 0.") for text in app.text)


def test_an_upload_is_stored_once_under_its_content_with_a_known_ending(runs_folder):
    first = store.keep_upload("My ratings (1).CSV.GZ", b"abc")
    assert first.endswith("/My-ratings-1.csv.gz")
    assert store.keep_upload("My ratings (1).CSV.GZ", b"abc") == first
    assert store.keep_upload("My ratings (1).CSV.GZ", b"abd") != first
    evil = Path(store.keep_upload("../../evil.sh", b"abc"))
    assert evil.name == "evil-sh.csv"
    assert evil.is_relative_to(runs_folder)


def test_every_text_file_can_be_read_and_every_setting_has_its_words():
    for path in texts.FOLDER.glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8"))
    fields = texts.page("settings")["fields"]
    named = {field.name for field in dataclasses.fields(SearchConfig)}
    assert named - set(fields) == set()
    assert set(fields) - named == {"budget", "strategy", "data_seed"}
    assert all(len(about["help"]) > 20 for about in fields.values())
