"""One job in its own process: JSON lines in and out, the end of standard input means stop."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from dnis import errands, worker
from dnis.runs import load_run

CONFIG = {"embedding_dim": 8, "epochs": 6, "warm_epochs": 1, "n_blocks": 3, "patience": 9}


class Process:
    """The worker as the server sees it."""

    def __init__(self, first_line):
        command = [sys.executable, "-m", "dnis.worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes, cwd=Path(worker.__file__).parents[1])
        # a worker that does not stop must fail its test, not keep it waiting
        self.watchdog = threading.Timer(60, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()
        self.say(first_line)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def hear_epochs(self):
        """All events up to the last one, which is returned apart."""
        events = []
        while (event := self.hear()) is not None:
            events.append(event)
        return [e["epoch"] for e in events[:-1] if e["event"] == "epoch"], events[-1]

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, errors


def job(ratings_csv, out, **config):
    return {"kind": "search", "data": {"source": str(ratings_csv)}, "config": {**CONFIG, **config}, "out": str(out)}


def test_a_search_runs_to_its_end_while_standard_input_stays_open(ratings_csv, tmp_path):
    process = Process(json.dumps(job(ratings_csv, tmp_path / "run")))
    assert process.hear() == {"event": "started", "kind": "search"}
    epochs, last = process.hear_epochs()
    assert process.process.wait(timeout=60) == 0
    assert process.end() == (0, "")
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert last["event"] == "finished"
    assert Path(last["run"]) == tmp_path / "run"
    assert len(load_run(tmp_path / "run").result.history) == 6


def test_words_pause_and_step_a_search_and_the_end_of_input_stops_it_with_its_best_kept(ratings_csv, tmp_path):
    process = Process(json.dumps(job(ratings_csv, tmp_path / "run", epochs=10_000, patience=10_000)) + "\npause")
    assert process.hear()["event"] == "started"
    epochs = []
    for _ in range(2):
        assert process.hear() == {"event": "held"}
        process.say("step")
        epochs.append(process.hear())
    assert process.hear() == {"event": "held"}
    first, second = epochs
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert np.array(second["alpha"]).shape == (3, 8)
    process.process.stdin.close()
    epochs, last = process.hear_epochs()
    assert process.process.wait(timeout=60) == 0
    assert epochs == []
    assert (last["event"], last["epochs"]) == ("stopped", 2)
    run = load_run(last["run"])
    assert run.result.warnings == ("stopped at epoch 2 of 10000",)
    process.process.stdout.close()
    process.process.stderr.close()


def test_a_bad_job_fails_in_one_sentence_with_nothing_on_standard_error(tmp_path):
    process = Process(json.dumps({"kind": "search", "data": {"source": "gone.csv"}, "out": str(tmp_path / "run")}))
    assert process.hear()["event"] == "started"
    assert process.hear() == {"event": "failed", "message": "no such file: gone.csv"}
    assert process.end() == (1, "")


def heard_from_main(lines):
    out = io.StringIO()
    code = worker.main(io.StringIO(lines), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "the job must be one line of JSON, got ''"),
        ("rubbish\n", "the job must be one line of JSON, got 'rubbish\\n'"),
        ("[1]\n", "the job must be a JSON object, got '[1]\\n'"),
    ],
)
def test_what_is_no_job_fails_before_anything_starts(line, sentence):
    assert heard_from_main(line) == (1, [{"event": "failed", "message": sentence}])


def test_an_unexpected_error_is_told_with_its_kind_and_logged(monkeypatch, capsys):
    def broken(job, emit, control):
        return {}["nothing"]

    monkeypatch.setattr(errands, "perform", broken)
    code, events = heard_from_main('{"kind": "search"}\n')
    assert (code, events[-1]) == (1, {"event": "failed", "message": "KeyError: 'nothing'"})
    logged = capsys.readouterr().err
    assert 'return {}["nothing"]' in logged  # where it happened, but not the message, which may quote the data
    assert "KeyError" not in logged


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")],
)
def test_a_job_that_needs_too_much_memory_says_so(monkeypatch, error):
    def broken(job, emit, control):
        raise error

    monkeypatch.setattr(errands, "perform", broken)
    monkeypatch.setenv("DNIS_JOB_MB", "1500")
    assert heard_from_main('{"kind": "search"}\n')[1][-1]["message"] == (
        "This needs more memory than the limit of 1,500 MB for one job; "
        "take fewer dimensions, smaller batches or fewer rows."
    )


def test_a_worker_cannot_take_more_than_its_bound():
    """Oracle: the same reservation with and without a bound, each in a process of its own."""
    code = "from dnis.limits import bound_memory\nbound_memory(%d)\nbytearray(600_000_000)\n"
    codes = [subprocess.run([sys.executable, "-c", code % n], capture_output=True, check=False).returncode
             for n in (0, 500_000_000)]  # fmt: skip
    assert codes == [0, 1]


def test_a_worker_ends_some_time_after_its_input_whatever_it_is_at(monkeypatch):
    ended, asked = threading.Event(), []

    def deaf(job, emit, control):
        asked.append(ended.wait(30))
        return {"event": "stopped"}

    monkeypatch.setattr(errands, "perform", deaf)
    monkeypatch.setattr(worker.os, "_exit", lambda code: (asked.append(code), ended.set()))
    worker.main(io.StringIO('{"kind": "search"}\n'), io.StringIO(), linger_s=0.05)
    assert asked == [1, True]


def test_an_unknown_word_is_logged_and_the_job_goes_on(monkeypatch, capsys):
    def patient(job, emit, control):
        while control.may_go_on():
            pass
        return {"event": "stopped"}

    monkeypatch.setattr(errands, "perform", patient)
    assert heard_from_main('{"kind": "search"}\ndance\n')[1][-1] == {"event": "stopped"}
    assert "got 'dance'" in capsys.readouterr().err
