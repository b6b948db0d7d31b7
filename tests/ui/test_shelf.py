"""A finished search on bundled data is found again by its content, and given out as a copy."""

import json
import sys

import pytest

from dnis.ui import shelf
from dnis.ui.jobs import JobRunner, Limits
from dnis.ui.shelf import COPIED, RECORD, Shelf, copy_search
from tests.ui.test_jobs import over

DATA = {"source": "sample:planted", "columns": (), "strategy": "time", "seed": 0}

WORKER = """
import json, pathlib, sys
job = json.loads(sys.stdin.readline())
out = pathlib.Path(job["out"])
out.mkdir()
record = {"config": {"model": "MF"}, "data": {"source": "sample:planted"}, "name": "of ann"}
for name in ("model.safetensors", "retrained-1.json", "run.json"):
    (out / name).write_text(json.dumps(record) if name != "model.safetensors" else job["out"])
print(json.dumps({"event": "finished", "run": job["out"]}), flush=True)
"""


def job(seed=0, **more):
    return {"kind": "search", "data": DATA, "config": {"seed": seed, "hidden": (64, 32)}, **more}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "made"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    return folder


def test_a_search_is_found_by_data_and_settings_after_a_restart_too(run):
    Shelf(run.parent).put(job(), run)
    again = Shelf(run.parent)
    assert again.find(job()) == run
    assert again.find({**job(), "name": "called otherwise", "out": "elsewhere"}) == run
    assert again.find(job(seed=1)) is None
    assert again.find({**job(), "data": {**DATA, "seed": 1}}) is None


def test_what_is_gone_or_made_by_other_code_is_not_found(run, monkeypatch):
    Shelf(run.parent).put(job(), run)
    with monkeypatch.context() as later:
        later.setattr(shelf, "engine_digest", lambda: "the engine of tomorrow")
        assert Shelf(run.parent).find(job()) is None
    (run / "run.json").unlink()
    assert Shelf(run.parent).find(job()) is None


@pytest.mark.parametrize(
    "other",
    [
        {**job(), "data": {**DATA, "source": "uploads/0123/mine.csv"}},
        {**job(), "kind": "compare"},
        {**job(), "resume": True},
    ],
)
def test_searches_of_uploaded_tables_and_other_jobs_are_never_kept_for_others(run, other):
    Shelf(run.parent).put(other, run)
    assert not (run.parent / "shelf").exists()
    assert Shelf(run.parent).find(other) is None


@pytest.mark.parametrize("entry", ["../../elsewhere", "", "/", "made/.."])
def test_an_entry_that_was_tampered_with_leads_nowhere(run, entry):
    Shelf(run.parent).put(job(), run)
    next((run.parent / "shelf").iterdir()).write_text(entry)
    (run.parent.parent / "run.json").write_text("{}")
    assert Shelf(run.parent).find(job()) is None


def test_a_recorded_run_answers_the_search_that_it_records_and_no_other(run, tmp_path):
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    (recorded / "run.json").write_text(json.dumps({"data": {**DATA, "columns": []}, "config": {"lr": 0.001}}))
    asked = {**job(), "config": {**job()["config"], "lr": 0.001}}
    assert Shelf(run.parent, (recorded,)).find(asked) == recorded
    assert Shelf(run.parent, (recorded,)).find({**asked, "config": {"lr": 0.002}}) is None
    assert Shelf(run.parent, (recorded, tmp_path / "missing")).find(job(seed=1)) is None


def test_a_copy_holds_what_the_search_made_and_nothing_that_was_added(run, tmp_path):
    for name in (*COPIED, "retrained-1.json", "comparison.json", ".lock"):
        (run / name).write_text(name)
    record = {"config": {"model": "MF"}, "data": {"source": "sample:planted"}, "name": "thesis of Ann", "created_s": 1}
    (run / RECORD).write_text(json.dumps(record))
    copy_search(run, tmp_path / "copy")
    kept = {p.name: p.read_text() for p in (tmp_path / "copy").iterdir()}
    assert json.loads(kept.pop(RECORD)) == {**record, "name": "MF on planted"}
    assert kept == {name: name for name in COPIED}


def test_two_sessions_that_ask_for_the_same_one_after_the_other_have_a_run_each(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    folder = tmp_path / "runs"
    folder.mkdir()
    command = (sys.executable, str(tmp_path / "worker.py"))
    runner = JobRunner(folder, command, Limits(n_workers=1))
    first = runner.submit("ann", job())
    assert over(runner, first).state == "finished"
    second = runner.submit("bob", job())
    view = runner.status(second)
    assert (view.state, view.run, view.events) == ("finished", folder / second, ())
    assert second != first
    assert (folder / second / "model.safetensors").read_text() == str(folder / first)
    assert not (folder / second / "retrained-1.json").exists()
    assert runner.submit("bob", job()) == second
    runner.close()


def test_a_recorded_run_is_handed_over_under_its_own_name(tmp_path):
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "run.json").write_text(json.dumps({"data": DATA, "config": job()["config"]}))
    runner = JobRunner(tmp_path / "runs", ("no-such-program",), recorded=(tmp_path / "recorded",))
    for owner in ("ann", "bob"):
        assert runner.submit(owner, job()) == "recorded"
    view = runner.status("recorded")
    assert (view.state, view.run, view.active) == ("finished", tmp_path / "recorded", False)
    runner.close()
