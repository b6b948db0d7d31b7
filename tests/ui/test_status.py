"""The host's page: only with the host's word, and with counts and sizes only."""

import pytest
from streamlit.testing.v1 import AppTest

from dnis.ui import desk, gate, shell, status, texts
from tests.ui.test_jobs import WORKER, until

WORD = "battery staple"
WORDS = texts.page("status")


@pytest.fixture
def page(runs_folder, monkeypatch):
    monkeypatch.setenv("DNIS_STATUS_WORD", WORD)
    monkeypatch.setenv("DNIS_WORKERS", "1")
    monkeypatch.setattr(gate, "PAUSE_S", 0.0)
    return AppTest.from_string("from dnis.ui import status\nstatus.draw()", default_timeout=30)


@pytest.fixture
def opened(page):
    page.run()
    page.text_input(key="status").set_value(WORD)
    page.button[0].click().run()
    assert not page.exception
    return page


def figures(page):
    return {metric.label: metric.value for metric in page.metric}


@pytest.mark.parametrize(("word", "registered"), [("", False), ("short", False), (WORD, True)])
def test_the_page_exists_only_where_the_host_has_set_a_word(monkeypatch, word, registered):
    monkeypatch.setenv("DNIS_STATUS_WORD", word)
    seen = []
    monkeypatch.setattr(shell.st, "Page", lambda *args, url_path="", **kwargs: url_path)
    monkeypatch.setattr(shell.st, "navigation", lambda pages, position: seen.extend(pages))
    shell.navigation()
    assert seen.count("status") == registered
    assert len(seen) == 1 + len(shell.PAGES) + registered


@pytest.mark.parametrize("given", ["", "battery", WORD.upper()])
def test_nothing_is_shown_without_the_word(page, given):
    page.run()
    page.text_input(key="status").set_value(given)
    page.button[0].click().run()
    assert not page.metric
    assert page.error[0].value == texts.page("shell")["wrong_password"]


def test_the_password_of_the_class_does_not_open_it(page, monkeypatch):
    monkeypatch.setenv("DNIS_PASSWORD", WORD)
    page.session_state["_entered"] = {"password": gate._digest("password", WORD)}
    page.run()
    assert not page.metric


def test_an_idle_server_shows_no_jobs_and_the_size_of_what_lies_there(opened, runs_folder):
    shown = figures(opened)
    assert (shown[WORDS["running"]], shown[WORDS["waiting"]]) == ("0 of 1", "0 of 40")
    assert shown[WORDS["runs"]] == "0 in 0 B"
    assert opened.caption[0].value == WORDS["none"]


def test_jobs_are_counted_and_say_nothing_of_who_does_what(opened, tmp_path):
    runner = desk.runner()
    (tmp_path / "worker.py").write_text(WORKER)
    runner.command = (runner.command[0], str(tmp_path / "worker.py"))
    secret = {"kind": "search", "waits": True, "data": {"source": "uploads/0123/diary-of-ann.csv"}}
    ids = [runner.submit("ann-token", secret), runner.submit("bob-token", {**secret, "seed": 1})]
    until(lambda: runner.status(ids[0]).events)
    opened.run()
    shown = figures(opened)
    assert (shown[WORDS["running"]], shown[WORDS["waiting"]]) == ("1 of 1", "1 of 40")
    table = opened.dataframe[0].value
    assert table[WORDS["table"]["state"]].tolist() == ["running", "queued"]
    assert table[WORDS["table"]["position"]].tolist() == ["", "1"]
    text = " ".join([*map(str, shown.values()), *(c.value for c in opened.caption), table.to_csv()])
    for secret_text in ("ann", "diary", "0123", *ids):
        assert secret_text not in text


def test_the_disk_is_measured(runs_folder):
    for folder, size in (("one", 1000), ("deleted/two", 500), ("uploads/three", 300)):
        (runs_folder / folder).mkdir(parents=True)
        (runs_folder / folder / "file").write_bytes(b"x" * size)
    found = status.usage.disk_use(runs_folder)
    assert (found.n_runs, found.runs_bytes, found.n_uploads, found.uploads_bytes) == (2, 1500, 1, 300)
    assert found.free_bytes > 0


def test_memory_of_a_process_that_is_not_there_is_none():
    assert status.usage.resident_bytes(None) == status.usage.resident_bytes(2**30) == 0
    assert status.usage.resident_bytes(status.os.getpid()) > 10_000_000
