"""A search that broke off is found by its link and goes on, in the same folder and to the same numbers."""

import json
import os
import signal
import time

import numpy as np
import pytest

from dnis.checkpoints import CHECKPOINT, load_checkpoint, read_record, save_checkpoint
from dnis.control import Control
from dnis.errands import perform
from dnis.runs import load_run
from dnis.ui import desk, store, unfinished

CONFIG = {"embedding_dim": 8, "epochs": 5, "warm_epochs": 1, "n_blocks": 3, "patience": 9}


class Killed(BaseException):
    """Nothing catches it: the worker is gone."""


class KillAfter(Control):
    def __init__(self, n_epochs):
        super().__init__()
        self.left = n_epochs

    def may_go_on(self):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return True


def job_of(ratings_csv, out):
    return {
        "kind": "search",
        "data": {"source": str(ratings_csv)},
        "config": CONFIG,
        "out": str(out),
        "controls": False,
    }


@pytest.fixture
def broken(runs_folder, ratings_csv):
    """A search that was killed after two epochs."""
    with pytest.raises(Killed):
        perform(job_of(ratings_csv, runs_folder / "broken"), lambda event: None, KillAfter(2))
    return runs_folder / "broken"


def test_what_the_command_line_was_told_is_told_again(broken):
    assert unfinished.find("broken").job["controls"] is False


def until(found, seconds=60.0):
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def test_a_link_to_a_search_that_broke_off_offers_to_go_on(app, broken):
    app.query_params["run"] = "broken"
    app.run()
    assert not app.exception
    assert "after epoch 2 of 5" in app.info[0].value
    app.button(key="go_on").click().run()
    assert app.query_params["job"] == "broken"
    until(lambda: not desk.runner().status("broken").active)
    app.run()
    assert app.query_params["run"] == "broken"
    assert [e.epoch for e in load_run(broken).result.history] == [1, 2, 3, 4, 5]
    assert not app.info


def test_a_worker_that_is_killed_leaves_a_search_that_ends_as_if_nothing_had_been(runs_folder, ratings_csv, tmp_path):
    runner = desk.runner()
    job = {**job_of(ratings_csv, ""), "data": {"source": str(ratings_csv)}}
    del job["out"]
    job_id = runner.submit("ann", job, "step")
    until(lambda: [e for e in runner.status(job_id).events if e["event"] == "epoch"])
    assert unfinished.find(job_id) is None  # it is under way
    os.kill(runner.workers()[0], signal.SIGKILL)
    until(lambda: runner.status(job_id).state == "failed")
    found = unfinished.find(job_id)
    assert (found.epoch, found.epochs) == (1, 5)
    assert runner.submit("bob", found.job) == job_id
    until(lambda: not runner.status(job_id).active)
    perform(job_of(ratings_csv, tmp_path / "whole"), lambda event: None, Control())
    one, other = load_run(runs_folder / job_id).result, load_run(tmp_path / "whole").result
    np.testing.assert_array_equal(one.alpha, other.alpha)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)


def test_two_who_take_up_the_same_search_share_one_job(runs_folder, broken):
    job = unfinished.find("broken").job
    runner = desk.runner()
    first = runner.submit("ann", job, "step")
    assert runner.submit("bob", {**job, "name": "other words"}) == first == "broken"
    assert runner.status("broken").n_owners == 2


@pytest.mark.parametrize("run_id", ["../broken", "gone", "", None, "a" * 65, "uploads", "broken/../broken"])
def test_a_name_that_is_no_broken_search_finds_nothing(broken, run_id):
    (store.runs_folder() / "uploads").mkdir()
    assert unfinished.find(run_id) is None


@pytest.mark.parametrize("change", ["cut", "settings", "nothing"])
def test_a_damaged_checkpoint_is_no_offer(broken, change):
    arrays, meta = load_checkpoint(broken)
    if change == "cut":
        (broken / CHECKPOINT).write_bytes((broken / CHECKPOINT).read_bytes()[:100])
    if change == "settings":
        save_checkpoint(broken, arrays, {**meta, "job": {**meta["job"], "config": {"lr": 9}}})
    assert (unfinished.find("broken") is None) == (change != "nothing")


def test_a_checkpoint_says_nothing_of_who_made_it(broken):
    assert set(read_record(broken)["job"]) == {"data", "config", "name", "controls", "mixed_precision"}
    assert json.dumps(read_record(broken)).count("owner") == 0
