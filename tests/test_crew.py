"""A comparison that several processes compute: the same numbers, every cell told, and no process left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnis.cells import CellStore
from dnis.comparison import compare
from dnis.contests import Contest
from dnis.crew import trials_in_turn
from dnis.settings import CompareConfig
from tests.judging_data import judging_config, planted_split

CONFIG = CompareConfig(
    judging_config(epochs=4, batch_size=1024, lr=0.05),
    ("uniform", "dnis"),
    (1.0, 4.0),
    (0, 1),
    n_trials=2,
    n_bootstrap=20,
)
N_CELLS = 12


def told(found):
    return [{k: v for k, v in row.items() if k not in ("elapsed_s", "peak_bytes")} for row in found.rows], found.verdict


class StopError(Exception):
    """Somebody pressed stop."""


def test_what_takes_longest_is_begun_first():
    config = replace(CONFIG, methods=("uniform", "magnitude", "dnis", "dnis-nested"), n_trials=3)
    contest = Contest(planted_split(), config, CellStore(None, planted_split()), None)
    turns = trials_in_turn(contest)
    assert [method for method, _ in turns] == [m for m in reversed(config.methods) for _ in range(3)]
    rates = [contest.trials[trial].lr for _, trial in turns]
    for first in range(0, 12, 3):
        assert rates[first] < rates[first + 1] < rates[first + 2]


def test_two_processes_give_the_numbers_of_one_and_tell_of_every_cell(tmp_path):
    alone, events = compare(planted_split(), CONFIG), []
    together = compare(planted_split(), CONFIG, events.append, tmp_path, n_processes=2)
    assert told(together) == told(alone)
    assert [e["done"] for e in events] == list(range(1, N_CELLS + 1))
    by_kind = {kind: [e for e in events if e["kind"] == kind] for kind in ("tune", "final")}
    assert sorted((e["method"], e["trial"]) for e in by_kind["tune"]) == [
        ("DNIS", 0), ("DNIS", 1), ("Uniform", 0), ("Uniform", 1),
    ]  # fmt: skip
    assert sorted((e["method"], e["seed"]) for e in by_kind["final"]) == sorted(
        (method, seed) for method in ("DNIS", "Uniform") for seed in (0, 1) for _ in (1.0, 4.0)
    )
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.cell")}
    assert told(compare(planted_split(), CONFIG, folder=tmp_path, n_processes=2)) == told(alone)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.cell")} == times  # nothing was computed again


def test_budgets_that_lost_every_trial_are_told_by_a_crew_too(tmp_path):
    # steps so large that the full table diverges at once and one of a single dimension does not
    config = CompareConfig(
        judging_config(epochs=4, lr=1.0, l2=0.0), ("uniform",), (1.0, 8.0), (0, 1), n_trials=1, n_bootstrap=20
    )
    events = []
    together = compare(planted_split(), config, events.append, tmp_path, n_processes=2)
    assert told(together) == told(compare(planted_split(), config))
    assert [row["compression"] for row in together.rows] == [8.0]
    assert [e["done"] for e in events] == [1, 2, 3, 4, 5]


def test_a_crew_needs_no_folder():
    found = compare(planted_split(), CONFIG, n_processes=2)
    assert np.isfinite([row["mean"] for row in found.rows]).all()


def test_a_stop_ends_every_process_and_keeps_what_is_finished(tmp_path):
    def stop(cell):
        raise StopError

    with pytest.raises(StopError):
        compare(planted_split(), CONFIG, stop, tmp_path, n_processes=2)
    until = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []
    assert list(tmp_path.rglob("*.cell"))
    assert told(compare(planted_split(), CONFIG, folder=tmp_path)) == told(compare(planted_split(), CONFIG))


def test_a_killed_process_is_said_in_one_sentence(tmp_path):
    def kill(cell):
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    with pytest.raises(ValueError, match="one of the 2 processes of the comparison was ended"):
        compare(planted_split(), CONFIG, kill, tmp_path, n_processes=2)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc to find the processes of a crew")
def test_no_process_outlives_a_killed_parent(tmp_path):
    words = ["-m", "dnis", "compare", "sample:movielens-small", "--processes", "2", "--methods", "uniform"]
    words += ["--batch-size", "4096", "--epochs", "4", "--n-trials", "1"]
    parent = subprocess.Popen([sys.executable, *words, "--out", str(tmp_path / "run")], stderr=subprocess.DEVNULL)
    children, until = set(), time.monotonic() + 60
    while not list(tmp_path.rglob("*.cell")) and time.monotonic() < until:
        time.sleep(0.1)
        children |= {int(pid) for pid in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()}
    assert len(children) >= 2
    parent.kill()
    parent.wait(30)
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
