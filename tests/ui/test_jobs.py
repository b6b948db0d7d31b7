"""The queue of worker processes, against a worker that does as its job says."""

import errno
import sys
import tempfile
import threading
import time

import pytest

from dnis.ui import process
from dnis.ui.jobs import JobRunner, Limits, QueueFullError

WORKER = """
import json, os, sys, time
job = json.loads(sys.stdin.readline())
say = lambda **event: print(json.dumps(event), flush=True)
say(event="started", word=sys.stdin.readline().strip())
if job.get("die"):
    os.kill(os.getpid(), job["die"])
if job.get("vanish"):
    sys.stderr.write("a traceback that nobody should see")
    sys.exit(3)
if job.get("fail"):
    say(event="failed", message=job["fail"])
    sys.exit(1)
if job.get("greedy"):
    filled = bytearray(b"x" * job["greedy"])
if job.get("keeps"):
    say(event="saved", run=job["out"])
    time.sleep(60)
if job.get("deaf"):
    time.sleep(60)
if job.get("waits"):
    for line in sys.stdin:
        say(event="epoch", epoch=1, phase=line.strip(), losses={}, alpha=[[0.5, 1.0]])
        if line.strip() == job.get("held_at"):
            say(event="held")
    say(event="stopped", run=job["out"])
else:
    print("this line is no event")
    say(event="epoch", epoch=1, phase="search", losses={}, alpha=[[0.5, 1.0]])
    say(event="finished", run=job["out"])
"""


@pytest.fixture
def worker(tmp_path):
    path = tmp_path / "worker.py"
    path.write_text(WORKER)
    return (sys.executable, str(path))


@pytest.fixture
def open_runner(tmp_path, worker):
    opened = []

    def make(command=worker, **limits):
        opened.append(JobRunner(tmp_path, command, Limits(**{"n_workers": 1, "kill_s": 5.0, **limits})))
        return opened[-1]

    yield make
    for runner in opened:
        runner.close()


def until(found, seconds=20.0):
    """What ``found`` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def over(runner, job_id):
    return until(lambda: (v := runner.status(job_id)) and not v.active and v)


def search(**more):
    return {"kind": "search", **more}


def test_a_job_runs_and_its_events_arrive_in_order(open_runner, tmp_path):
    runner = open_runner()
    job_id = runner.submit("ann", search())
    view = over(runner, job_id)
    assert (view.state, view.run, view.position) == ("finished", tmp_path / job_id, 0)
    assert [e["event"] for e in view.events] == ["started", "epoch", "finished"]
    assert view.events[1]["alpha"].tolist() == [[0.5, 1.0]]


def test_an_unknown_job_is_none(open_runner):
    runner = open_runner()
    assert runner.status("../etc/passwd") is None
    assert runner.status(None) is None


def test_jobs_wait_in_the_order_in_which_they_came(open_runner):
    runner = open_runner()
    first, second, third = (
        runner.submit(name, search(waits=True, seed=i)) for i, name in enumerate(("ann", "bob", "cem"))
    )
    until(lambda: runner.status(first).state == "running")
    assert [runner.status(job).position for job in (first, second, third)] == [0, 1, 2]
    runner.stop(first)
    until(lambda: runner.status(second).state == "running")
    assert (runner.status(first).state, runner.status(third).position) == ("stopped", 1)


def test_two_workers_run_two_jobs_at_once(open_runner):
    runner = open_runner(n_workers=2)
    jobs = [runner.submit(name, search(waits=True, seed=i)) for i, name in enumerate(("ann", "bob"))]
    until(lambda: all(runner.status(job).state == "running" for job in jobs))


def test_a_session_has_one_search_at_a_time(open_runner):
    runner = open_runner()
    first = runner.submit("ann", search(waits=True, seed=1))
    assert runner.submit("ann", search(waits=True, seed=2)) == first
    assert runner.submit("ann", {"kind": "retrain"}) != first


def test_equal_searches_are_shared_and_other_seeds_are_not(open_runner):
    runner = open_runner()
    first = runner.submit("ann", search(waits=True, seed=1))
    assert runner.submit("bob", search(waits=True, seed=1)) == first
    assert runner.submit("cem", search(waits=True, seed=2)) != first
    assert runner.status(first).n_owners == 2


def test_a_session_is_given_its_own_equal_search_that_is_done_while_its_run_lies_there(open_runner, tmp_path):
    runner = open_runner()
    first = runner.submit("ann", search())
    over(runner, first)
    assert runner.submit("ann", search()) != first
    second = runner.submit("ann", search())
    over(runner, second)
    (tmp_path / second).mkdir()
    assert runner.submit("ann", search()) == second
    # the run of one's own table is nobody else's, even where the table is the same
    assert runner.submit("bob", search()) != second


def test_a_session_gets_no_second_worker_while_others_wait_for_their_first(open_runner):
    runner = open_runner(n_workers=2)
    first = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(first).state == "running")
    second = runner.submit("ann", {"kind": "retrain", "waits": True})
    third = runner.submit("bob", search(waits=True, seed=3))
    until(lambda: runner.status(third).state == "running")
    assert runner.status(second).position == 1
    runner.stop(first)
    until(lambda: runner.status(second).state == "running")


def test_a_waiting_job_knows_its_place_and_when_it_will_probably_start(open_runner):
    runner = open_runner()
    first, second, third = (runner.submit(name, search(waits=True, seed=name)) for name in ("ann", "bob", "cem"))
    until(lambda: runner.status(first).events)
    # by hand: a search is taken to need 30 s, and the first has just begun
    assert runner.status(first).wait_s is None
    assert runner.status(second).wait_s == pytest.approx(30, abs=20)
    assert runner.status(third).wait_s == pytest.approx(runner.status(second).wait_s + 30, abs=1)
    assert [view.position for view in runner.active()] == [0, 1, 2]


def test_one_of_two_watchers_can_leave_but_not_stop_or_pause_the_search(open_runner):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True))
    runner.submit("bob", search(waits=True))
    until(lambda: runner.status(job).events)  # its input is open
    assert not runner.send(job, "pause")
    runner.stop(job, "ann")
    assert runner.status(job).state == "running"
    assert runner.send(job, "pause")
    runner.stop(job, "bob")
    assert over(runner, job).state == "stopped"


def test_a_paused_search_goes_on_when_a_second_watcher_comes(open_runner):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).state == "running")
    assert runner.send(job, "pause")
    runner.submit("bob", search(waits=True))
    assert not runner.status(job).paused
    until(lambda: [e.get("phase") for e in runner.status(job).events[1:]] == ["pause", "play"])


def test_words_reach_the_worker_and_hold_is_remembered(open_runner):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).state == "running")
    for word, held in (("pause", True), ("step", True), ("play", False)):
        assert runner.send(job, word)
        assert runner.status(job).paused is held
    until(lambda: [e.get("phase") for e in runner.status(job).events[1:]] == ["pause", "step", "play"])


def test_every_search_that_runs_is_told_to_rest_whoever_watches_it(open_runner):
    runner = open_runner(n_workers=2)
    jobs = [runner.submit("ann", search(waits=True)), runner.submit("bob", search(waits=True, seed=2))]
    runner.submit("cem", search(waits=True, seed=3))
    until(lambda: [len(runner.status(job).events) for job in jobs] == [1, 1])
    runner.rest()
    for job in jobs:
        until(lambda job=job: [e.get("phase") for e in runner.status(job).events[1:]] == ["rest"])
        assert not runner.status(job).paused


def test_a_held_search_waits_only_once_its_worker_says_so(open_runner):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True, held_at="pause"))
    until(lambda: runner.status(job).state == "running")
    assert not runner.status(job).waiting
    runner.send(job, "pause")
    until(lambda: runner.status(job).waiting)
    runner.send(job, "step")
    assert not runner.status(job).waiting
    until(lambda: [e.get("phase") for e in runner.status(job).events[1:]] == ["pause", "step"])
    assert (runner.status(job).paused, runner.status(job).waiting) == (True, False)


def test_a_search_can_be_told_to_hold_after_its_first_epoch(open_runner):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True), "step")
    assert until(lambda: runner.status(job).events)[0]["word"] == "step"
    assert runner.status(job).paused


def test_a_stopped_search_keeps_the_run_that_it_wrote(open_runner, tmp_path):
    runner = open_runner()
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).events)
    runner.stop(job)
    assert runner.status(job).stopping
    view = over(runner, job)
    assert (view.state, view.run) == ("stopped", tmp_path / job)


def test_a_waiting_job_stops_at_once_and_never_starts(open_runner):
    runner = open_runner()
    first = runner.submit("ann", search(waits=True, seed=1))
    job = runner.submit("bob", search(seed=2))
    runner.stop(job, "bob")
    assert runner.status(job).state == "stopped"
    runner.stop(first)
    over(runner, runner.submit("cem", search(seed=3)))
    assert runner.status(job).events == ()


def test_a_worker_that_has_kept_its_run_may_measure_it_while_those_who_watch_go_on(open_runner, tmp_path):
    runner = open_runner(kill_s=0.3, save_s=2.0)
    job = runner.submit("ann", search(keeps=True))
    until(lambda: len(runner.status(job).events) == 2)
    runner.stop(job)
    view = over(runner, job)
    assert (view.state, view.run, len(runner.workers())) == ("stopped", tmp_path / job, 1)
    until(lambda: not runner.workers())  # it took too long over it


def test_a_worker_that_does_not_listen_is_ended(open_runner):
    runner = open_runner(kill_s=0.3, save_s=60.0)
    job = runner.submit("ann", search(deaf=True))
    until(lambda: runner.status(job).events)
    runner.stop(job)
    assert over(runner, job).state == "stopped"


def test_a_full_queue_refuses_with_a_sentence(open_runner):
    runner = open_runner(max_queue=1)
    first = runner.submit("ann", search(waits=True, seed=1))
    until(lambda: runner.status(first).state == "running")
    runner.submit("bob", search(seed=2))
    with pytest.raises(QueueFullError, match="1 jobs are waiting"):
        runner.submit("cem", search(seed=3))


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"fail": "rating must be a number, got 'x' in row 3"}, "rating must be a number, got 'x' in row 3"),
        ({"vanish": True}, "The worker ended without a result (code 3); the server's log says more."),
        ({"die": 9}, "The worker was ended by the system, most likely because memory ran out; try fewer dimensions."),
    ],
)
def test_a_failure_is_one_sentence_and_never_a_traceback(open_runner, job, message):
    runner = open_runner()
    view = over(runner, runner.submit("ann", search(**job)))
    assert (view.state, view.message) == ("failed", message)


def test_a_full_disk_fails_a_job_and_the_next_one_is_done(open_runner, monkeypatch):
    runner, make = open_runner(), tempfile.TemporaryFile
    full = iter([OSError(errno.ENOSPC, "No space left on device")])

    def opened(*args, **more):
        for fault in full:
            raise fault
        return make(*args, **more)

    monkeypatch.setattr(process.tempfile, "TemporaryFile", opened)
    view = over(runner, runner.submit("ann", search()))
    assert (view.state, view.message) == ("failed", "The worker could not be started: No space left on device.")
    assert over(runner, runner.submit("ann", search(seed=1))).state == "finished"


def test_a_worker_that_cannot_be_started_is_a_failure(open_runner):
    runner = open_runner(command=("no-such-program",))
    view = over(runner, runner.submit("ann", search()))
    assert (view.state, view.message) == ("failed", "The worker could not be started: No such file or directory.")


def test_a_job_that_nobody_watches_ends_after_the_grace_time(open_runner):
    runner = open_runner(grace_s=0.1)
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).events)
    runner.orphan("ann")
    view = over(runner, job)
    assert (view.state, view.message) == ("stopped", "It was stopped because nobody was watching any more.")


def test_who_comes_back_within_the_grace_time_keeps_the_job(open_runner):
    runner = open_runner(grace_s=1.5, kill_s=0.3)
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).events)
    runner.orphan("ann")
    time.sleep(0.5)
    runner.adopt("ann")
    time.sleep(1.5)
    assert runner.status(job).state == "running"


def test_a_reload_is_one_watcher_not_two(open_runner):
    runner = open_runner()
    job = runner.submit("old tab", search(waits=True))
    until(lambda: runner.status(job).state == "running")
    runner.adopt("new tab", job)
    runner.orphan("old tab")
    assert runner.status(job).n_owners == 1
    assert runner.send(job, "pause")


def test_a_job_ends_at_the_limit_of_time(open_runner):
    runner = open_runner(limit_s=0.2)
    view = over(runner, runner.submit("ann", search(waits=True)))
    assert (view.state, view.message) == ("stopped", "It was stopped at the limit of 0 minutes.")


def test_a_worker_that_fills_the_memory_is_ended_and_the_limit_is_said(open_runner):
    runner = open_runner(n_workers=2, max_bytes=150_000_000)
    small = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(small).events)
    view = over(runner, runner.submit("bob", search(waits=True, greedy=200_000_000)))
    assert (view.state, view.message) == (
        "failed",
        "It was ended at the limit of 150 MB of memory for one job; "
        "take fewer dimensions, smaller batches or fewer rows.",
    )
    assert runner.status(small).state == "running"


def test_old_jobs_are_forgotten(open_runner):
    runner = open_runner(keep=2)
    jobs = []
    for seed in range(4):
        jobs.append(runner.submit("ann", search(seed=seed)))
        over(runner, jobs[-1])
    runner.submit("ann", search(seed=9))
    assert [runner.status(job) is None for job in jobs] == [True, True, False, False]


def test_closing_ends_workers_and_threads(tmp_path, worker):
    runner = JobRunner(tmp_path, worker, Limits(n_workers=1))
    job = runner.submit("ann", search(waits=True))
    until(lambda: runner.status(job).state == "running")
    before = threading.active_count()
    runner.close()
    assert not runner.status(job).active
    assert threading.active_count() == before - 2
