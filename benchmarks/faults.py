"""Whether a search survives ``kill -9`` of its worker, of its server, or of both, at random moments.

``python -m benchmarks.faults [--kills 9] [--seconds 300] [--seed 0]``

Every search is killed once, taken up again, and compared with one that nobody killed: at most one epoch may be lost,
and the numbers must be the same, bit for bit. Kills only processes that it started. Prints one JSON line; exit code 1
if a run was lost or differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dnis.checkpoints import read_record
from dnis.runs import load_run

CONFIG = {"embedding_dim": 16, "epochs": 6, "warm_epochs": 1, "n_blocks": 5, "patience": 9, "batch_size": 512}
JOB = {"kind": "search", "data": {"source": "sample:movielens-small"}, "config": CONFIG, "controls": False}
WHOM = ("worker", "server", "both")


def serve(folder: str) -> None:
    """Be a server with one search, and tell the number of its worker's process and its epochs."""
    from dnis.ui.jobs import JobRunner  # noqa: PLC0415  only this process is a server

    runner, told = JobRunner(Path(folder)), 0
    job_id = runner.submit("benchmark", JOB)
    while True:
        seen = runner.status(job_id)
        workers = runner.workers()
        if seen is None or not workers:
            time.sleep(0.01)
            continue
        epochs = [event["epoch"] for event in seen.events if event["event"] == "epoch"]
        for epoch in epochs[told:] or ([0] if not told else []):
            print(json.dumps({"id": job_id, "pid": workers[0], "epoch": epoch}), flush=True)
        told = max(told, len(epochs))
        time.sleep(0.02)


def end(pid: int) -> None:
    """Kill one process that this benchmark has started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def broken(folder: Path, whom: str, chance: random.Random) -> tuple[str, int]:
    """Start a search and kill at a random moment after a random epoch; the run's id, and the epochs seen until then."""
    command = [sys.executable, "-m", "benchmarks.faults", "--serve", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    last, seen = chance.randint(1, CONFIG["epochs"] - 1), {}
    try:
        for line in server.stdout or ():
            seen = json.loads(line)
            if seen["epoch"] >= last:
                break
        time.sleep(chance.uniform(0.0, 0.4))
        if whom in ("worker", "both"):
            end(seen["pid"])
    finally:
        end(server.pid)
        server.wait()
    return seen["id"], seen["epoch"]


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job in a worker; its last event."""
    done = subprocess.Popen(
        [sys.executable, "-m", "dnis.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if done.stdin is None or done.stdout is None:
        return {}
    done.stdin.write(json.dumps(job) + "\n")
    done.stdin.flush()
    last = [json.loads(line) for line in done.stdout][-1]  # its input stays open: the end of it would mean stop
    done.stdin.close()
    done.wait()
    return last


def same(one: Path, other: Path) -> bool:
    """Whether two runs hold the same numbers."""
    left, right = load_run(one).result, load_run(other).result
    return all(np.array_equal(getattr(left, n), getattr(right, n)) for n in ("alpha", "embeddings", "biases"))


def judged(folder: Path, run_id: str, seen: int, whole: Path) -> dict[str, Any]:
    """Take a broken search up again: how many epochs were lost, and whether it ends as it should."""
    record = read_record(folder / run_id)
    if record is None:  # it may have come to its end before the kill
        finished = (folder / run_id / "run.json").is_file()
        return {"lost": 0, "back": finished, "same": finished and same(folder / run_id, whole)}
    work({**JOB, **record["job"], "out": str(folder / run_id), "resume": True})
    back = (folder / run_id / "run.json").is_file()
    lost = max(0, seen - len(record["history"]))
    return {"lost": lost, "back": back, "same": back and same(folder / run_id, whole)}


def main() -> int:
    """Kill, take up, compare, again and again."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--kills", type=int, default=9)
    ask.add_argument("--seconds", type=float, default=300.0)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--serve", help=argparse.SUPPRESS)
    options = ask.parse_args()
    if options.serve:
        serve(options.serve)
    chance, found, started_s = random.Random(options.seed), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work({**JOB, "out": f"{folder}/whole"})
        while len(found) < options.kills and time.monotonic() - started_s < options.seconds:
            run_id, seen = broken(Path(folder), WHOM[len(found) % len(WHOM)], chance)
            found.append(judged(Path(folder), run_id, seen, Path(folder) / "whole"))
    facts = {
        "kills": len(found),
        "came_back": sum(f["back"] for f in found),
        "same_bits": sum(f["same"] for f in found),
        "most_epochs_lost": max(f["lost"] for f in found),
        "seconds": round(time.monotonic() - started_s, 1),
    }
    print(json.dumps({"benchmark": "faults", "seed": options.seed, **facts}))
    return 0 if facts["same_bits"] == facts["kills"] and facts["most_epochs_lost"] <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
