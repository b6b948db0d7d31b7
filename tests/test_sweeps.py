"""Sweeps: every cell is worked once, whoever dies; workers are real processes of this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dnis.__main__ import main
from dnis.additions import load_comparison
from dnis.bilevel import search
from dnis.checkpoints import read_record
from dnis.comparison import compare
from dnis.plans import read_plan
from dnis.preparation import split_of, with_defaults
from dnis.pulse import Pulse
from dnis.runs import load_run
from dnis.settings import CompareConfig, DataSpec, SearchConfig

pytest.importorskip("optuna", reason="python -m pip install -r requirements-sweep.txt")

from dnis.study import Study

ROOT = Path(__file__).resolve().parents[1]
CONFIG = {"embedding_dim": 4, "epochs": 12, "warm_epochs": 1, "patience": 12, "batch_size": 64, "n_blocks": 3}


def spec_file(folder, data, **content):
    path = folder / "spec.json"
    path.write_text(json.dumps({"data": str(data), "config": CONFIG, **content}))
    return path


@pytest.fixture
def planned(ratings_csv, tmp_path):
    """Four searches in a study that nobody works on yet."""
    study = tmp_path / "study"
    spec = spec_file(tmp_path, ratings_csv, grid={"lr": [0.01, 0.02], "seed": [0, 1]})
    assert main(["sweep", "plan", str(study), str(spec)]) == 0
    return study


def worker(study):
    command = [sys.executable, "-m", "dnis", "sweep", "work", str(study), "--patience-s", "2"]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def epochs_of(study, row):
    return len((read_record(study / row["cell"].folder) or {"history": []})["history"])


def running(study):
    return [row for row in Study(study).rows() if row["state"] == "RUNNING"]


def test_every_cell_is_done_once_though_a_worker_is_killed(planned, tmp_path, capsys):
    workers = [worker(planned), worker(planned)]
    until = time.monotonic() + 120
    while not (begun := [row for row in running(planned) if epochs_of(planned, row)]) and time.monotonic() < until:
        time.sleep(0.02)
    workers[0].kill()
    workers[0].communicate()
    _, err = workers[1].communicate(timeout=240)
    assert workers[1].returncode == 0, err
    assert begun

    rows = Study(planned).rows()
    assert [row["state"] for row in rows] == ["COMPLETE"] * 4
    assert len({row["key"] for row in rows}) == 4
    taken_again = [row for row in rows if row["attempts"] > 1]
    assert len(taken_again) <= 1
    for row in rows:
        run = load_run(planned / row["cell"].folder)
        assert run.name == row["label"]
        assert row["value"] == run.result.metrics["val"]["loss"]
    assert main(["sweep", "show", str(planned), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["done"], shown["waiting"], shown["running"], shown["failed"]) == (4, 0, 0, 0)
    assert sum(cell["attempts"] for cell in shown["cells"]) == 4 + len(taken_again)


def test_a_cell_of_a_killed_worker_goes_on_from_its_checkpoint_to_the_same_bits(planned, tmp_path):
    first = worker(planned)
    until = time.monotonic() + 120
    while not (begun := [row for row in running(planned) if epochs_of(planned, row) > 1]) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    (row,) = begun
    kept = read_record(planned / row["cell"].folder)["history"]
    assert 1 < len(kept) < 12
    assert main(["sweep", "work", str(planned), "--patience-s", "1"]) == 0
    (again,) = [r for r in Study(planned).rows() if r["attempts"] == 2]
    assert again["key"] == row["key"]
    job = again["cell"].job
    split = split_of(DataSpec(job["data"]["source"]))
    whole = search(split, with_defaults(SearchConfig, job["config"], split))
    found = load_run(planned / again["cell"].folder).result
    assert found.history[0].seconds == kept[0]["seconds"]  # what was done was not done again
    assert np.array_equal(found.alpha, whole.alpha)
    assert np.array_equal(found.embeddings, whole.embeddings)


def test_of_two_that_reach_for_cells_each_gets_its_own(planned, monkeypatch):
    one, other = Study(planned), Study(planned)
    seen = other._trials(other._state.WAITING)  # before the first one takes a cell
    with monkeypatch.context() as patch:
        patch.setattr(other, "_trials", lambda *states: seen)
        assert one.take("a").cell != other.take("b").cell
        one.give_back(one.take("a"))
        assert {row["state"] for row in one.rows()} == {"RUNNING", "WAITING"}


def test_cells_are_taken_until_none_is_left(planned):
    one, other = Study(planned), Study(planned)
    taken = [one.take("a"), other.take("b"), other.take("b"), one.take("a")]
    assert len({t.cell.key for t in taken}) == 4
    assert one.take("a") is None
    assert other.take("b") is None


def test_a_silent_workers_cell_is_put_back_by_one_of_those_who_notice(planned):
    study, other = Study(planned), Study(planned)
    with Pulse(planned, 100) as living, Pulse(planned, 100) as dead:
        study.take(living.worker)
        lost = study.take(dead.worker)
        os.utime(dead.path, (time.time() - 60, time.time() - 60))
        assert [study.put_back_lost(living, 30), other.put_back_lost(living, 30)] == [1, 0]
    states = {row["key"]: (row["state"], row["attempts"]) for row in study.rows()}
    assert states.pop(lost.cell.key) == ("WAITING", 2)
    assert sorted(states.values()) == [("RUNNING", 1), ("WAITING", 1), ("WAITING", 1)]
    study.finish(lost, 1.0)  # it was not dead: its word comes too late and changes nothing
    assert {row["key"]: row["state"] for row in study.rows()}[lost.cell.key] == "WAITING"


def test_a_cell_that_cannot_be_done_is_told_and_tried_again_when_planned_again(tmp_path, capsys):
    study, data = tmp_path / "study", tmp_path / "gone.csv"
    spec = spec_file(tmp_path, data, grid={"seed": [0, 1]})
    assert main(["sweep", "plan", str(study), str(spec)]) == 0
    assert main(["sweep", "work", str(study), "--json"]) == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["failed"], found["n_done_here"]) == (2, 0)
    assert "gone.csv" in found["cells"][0]["reason"]
    assert main(["sweep", "show", str(study)]) == 0
    capsys.readouterr()
    assert main(["sweep", "plan", str(study), str(spec), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_new"] == 2
    assert main(["sweep", "plan", str(study), str(spec), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_new"] == 0


def test_shares_of_a_comparison_are_put_together_to_what_one_process_finds(ratings_csv, tmp_path):
    search = {**CONFIG, "epochs": 3}
    config = {"methods": ["uniform", "magnitude"], "compressions": [1.0, 2.0], "seeds": [0], "n_trials": 1}
    study = tmp_path / "study"
    spec = spec_file(tmp_path, ratings_csv, kind="compare", config={**config, "search": search})
    assert main(["sweep", "plan", str(study), str(spec)]) == 0
    assert main(["sweep", "work", str(study)]) == 0
    cells = read_plan([spec])
    found = load_comparison(study / cells[0].folder)
    split = split_of(DataSpec(str(ratings_csv)))
    wanted = compare(split, with_defaults(CompareConfig, {**config, "search": search}, split))
    assert found.verdict == wanted.verdict
    assert [(r["method"], r["mean"], r["n_bytes"]) for r in found.rows] == [
        (r["method"], r["mean"], r["n_bytes"]) for r in wanted.rows
    ]


def test_without_optuna_one_sentence_says_what_to_install(planned, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["sweep", "show", str(planned)]) == 2
    assert capsys.readouterr().err == "sweep needs Optuna: python -m pip install -r requirements-sweep.txt\n"


def test_a_worker_without_threads_is_refused_before_it_takes_a_cell(planned, capsys):
    assert main(["sweep", "work", str(planned), "--threads", "0"]) == 2
    assert "threads must be in [1, 256], got 0" in capsys.readouterr().err
    assert {row["state"] for row in Study(planned).rows()} == {"WAITING"}


def test_a_folder_that_is_no_study_is_refused(tmp_path, capsys):
    assert main(["sweep", "work", str(tmp_path)]) == 2
    assert "is not a study" in capsys.readouterr().err
