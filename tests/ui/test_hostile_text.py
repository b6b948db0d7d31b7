"""Hostile names, titles and ids in every page: shown letter by letter, or not at all."""

import re

import pytest

from dnis.files import read_json, write_json
from dnis.ui import desk, shell, store, unfinished
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]

HOSTILE = (
    "![x](http://beacon.example/x.png)",
    "[click](javascript:alert(1))",
    "<img src=http://beacon.example/x onerror=alert(1)>",
    "$\\href{http://beacon.example}{x}$ :red[x]",
    "http://beacon.example www.beacon.example",
)

PAGES = [file for file, _, _ in shell.PAGES]

LIVE = re.compile(r"(?<!\\)[<$]|(?<!\\)\]\(|(?i:http://beacon|www\.beacon)")
"""What Markdown would act upon: a tag, a formula, a link, a bare address."""


def read_as_markdown(app):
    """Every text of a page that Streamlit reads as Markdown."""
    kinds = [app.markdown, app.caption, app.error, app.info, app.warning, app.success, app.title, app.header]
    texts = [str(element.value) for kind in [*kinds, app.subheader] for element in kind]
    widgets = [app.button, app.selectbox, app.radio, app.number_input, app.text_input, app.toggle, app.multiselect]
    texts += [str(widget.label) for kind in widgets for widget in kind]
    texts += [str(text) for metric in app.metric for text in (metric.label, metric.value)]
    return texts


def acted_upon(app, hostile):
    """Texts with a piece of the hostile one that is not defused."""
    word = "beacon" if "beacon" in hostile else "javascript"
    return [text for text in read_as_markdown(app) if word in text and LIVE.search(text)]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_name_of_a_run_and_its_warnings_stay_text(app, hand_run, page, hostile):
    record = read_json(hand_run / "run.json")
    write_json(hand_run / "run.json", {**record, "name": hostile, "warnings": [hostile]})
    app.run()
    app.switch_page(page).run()
    assert not app.exception
    assert acted_upon(app, hostile) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_columns_and_values_of_an_upload_stay_text(open_page, hostile):
    page = open_page("1_data")
    rows = "".join(f'{i % 5},{i % 7},{i % 3},"{hostile}{i % 2}"\n' for i in range(80))
    page.radio(key="data_kind").set_value("upload").run()
    page.file_uploader(key="data_file").upload(f"{hostile}.csv", f'user,item,rating,"{hostile}"\n{rows}'.encode()).run()
    assert not page.exception
    assert acted_upon(page, hostile) == []


IDS = (
    "../hand-run", "..%2fhand-run", "hand-run/../hand-run", "/etc/passwd", "hand-run\0", "hand-run\n", ".", "..", "",
    "uploads", "deleted", "~root", "a" * 65, "hand\u2013run", "HAND-RUN/", "<script>", "\u202ehand-run",
)  # fmt: skip


@pytest.mark.parametrize("run_id", IDS)
def test_an_id_that_is_no_plain_name_opens_nothing(hand_run, run_id):
    (store.runs_folder() / "uploads").mkdir(exist_ok=True)
    assert store.run_folder(run_id) is None
    assert store.new_folder(run_id) is None or run_id in ("uploads", "deleted")
    assert unfinished.find(run_id) is None
    assert store.find(run_id) is None


@pytest.mark.parametrize("where", ["run", "job"])
@pytest.mark.parametrize("run_id", ["../hand-run", "<b>", "guessed-1", "a" * 500])
def test_a_guessed_or_forged_address_shows_no_run_of_others(app, where, run_id):
    del app.query_params["run"]
    app.query_params[where] = run_id
    app.run()
    app.switch_page("pages/2_search.py").run()
    assert not app.exception
    assert "By hand" not in app.sidebar.selectbox[0].options


def test_a_session_sees_nothing_of_the_uploads_and_runs_of_another(app, hand_run):
    store.keep_upload("mine.csv", b"user,item\n1,2\n")
    del app.query_params["run"]
    app.run()
    shown = [*(t.value for t in app.text), *(c.value for c in app.caption), *app.sidebar.selectbox[0].options]
    assert not any("mine" in text or "By hand" in text for text in shown)


def test_ids_cannot_be_guessed(runs_folder):
    """22 letters of 64 kinds: 132 bits, of which token_urlsafe(16) fills 128."""
    first, second = (desk.runner().submit(name, {"kind": "search", "seed": name}) for name in ("ann", "bob"))
    assert first != second
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", job_id) for job_id in (first, second))
