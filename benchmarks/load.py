"""A class at one server: many sessions at once that change pages, drag, poll, search and reload.

``python -m benchmarks.load [--sessions 30] [--seconds 300] [--think 4] [--seed 0]``

Starts the app on a free port with the settings of ``make serve`` and with as many visitors as asked for, each with a
WebSocket of its own. Every third one starts searches, one after the other, each with a seed of its own; the two beside
it open its link in a new tab and watch. Prints one JSON line; exit code 1 if anything was said to be an error, a run
was lost, the 95th percentile of the waits is over 1 s, or the server's memory grew by more than a tenth from the second
to the last fifth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.screenshots import LOCAL, ROOT, free_port, wait_for
from benchmarks.visitor import Visitor

PAGES = ("", "data", "search", "importance", "tradeoff", "compare", "export", "learn")
SETTINGS = "embedding_dim=16&epochs=8&warm_epochs=1"
"""Of every search, so that a class's searches end within the time."""

DRAIN_S = 300.0
"""Longest wait for searches that are still under way when the time is over [s]."""

MAX_WAIT_MS, MAX_GROWTH = 1000.0, 1.1

SERVED = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What ``make serve`` sets."""


LETTERS = "abcdefghilmnoprstw"
"""Each begins a word of many titles."""


class Group:
    """Three visitors around one search after the other; ``jobs`` holds the ids of all that were started."""

    def __init__(self) -> None:
        self.jobs: list[str] = []


async def act(visitor: Visitor, chance: random.Random) -> None:
    """Do one thing that a visitor does."""
    wish = chance.random()
    if visitor.page == "tradeoff" and wish < 0.6 and await visitor.drag(chance.random()):
        return
    if visitor.page == "importance" and wish < 0.4 and await visitor.find(chance.choice(LETTERS), chance.random()):
        return
    await visitor.show(chance.choice([page for page in PAGES if page != visitor.page]))


async def search(visitor: Visitor, group: Group, seed: int) -> None:
    """Start a search of one's own."""
    await visitor.show("search")
    if await visitor.put("seed", "double_value", float(seed)) and await visitor.press("do_start"):
        job = visitor.address.get("job")
        if job is None:
            visitor.faults.append("a search was started, but the address does not name it")
        else:
            group.jobs.append(job)


async def visit(visitor: Visitor, group: Group, number: int, ends_s: float, options: argparse.Namespace) -> None:
    """Be one visitor until the time is over."""
    chance = random.Random(options.seed * 1000 + number)
    seed, watched, starts = number * 100, "", number % 3 == 0
    await asyncio.sleep(chance.random() * options.think)  # a class does not come through the door at once
    await visitor.enter(query=SETTINGS) if starts else await visitor.enter()
    while time.monotonic() < ends_s:
        await asyncio.sleep(options.think * chance.uniform(0.5, 1.5))
        if starts and "job" not in visitor.address:
            seed += 1
            await search(visitor, group, seed)
        elif not starts and group.jobs and group.jobs[-1] != watched:
            watched = group.jobs[-1]
            await visitor.leave()
            await visitor.enter("search", f"job={watched}")
        else:
            await act(visitor, chance)


async def drain(visitors: list[Visitor]) -> None:
    """Wait until nobody's address names a search that is under way; the pages' timers go on asking."""
    ends_s = time.monotonic() + DRAIN_S
    while any("job" in visitor.address for visitor in visitors) and time.monotonic() < ends_s:
        await asyncio.sleep(0.5)


async def weigh(pid: int, sizes: list[float]) -> None:
    """Note the memory of a process every second [MB]."""
    while True:
        text = Path(f"/proc/{pid}/status").read_text()
        sizes.append(int(text.partition("VmRSS:")[2].split()[0]) / 1000)
        await asyncio.sleep(1.0)


async def measure(url: str, pid: int, options: argparse.Namespace) -> tuple[list[Visitor], list[str], list[float]]:
    """Let the class in; the visitors, the ids of all searches, and the server's memory over the time."""
    groups = [Group() for _ in range(-(-options.sessions // 3))]
    visitors = [Visitor(url) for _ in range(options.sessions)]
    sizes: list[float] = []
    scale = asyncio.create_task(weigh(pid, sizes))
    ends_s = time.monotonic() + options.seconds
    await asyncio.gather(*(visit(v, groups[i // 3], i, ends_s, options) for i, v in enumerate(visitors)))
    scale.cancel()
    await drain(visitors)
    await asyncio.gather(*(visitor.leave() for visitor in visitors))
    return visitors, [job for group in groups for job in group.jobs], sizes


def centiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and largest of some times, under the names that the JSON line has [ms]."""
    if not seconds:
        return {}
    values = np.array(seconds) * 1000
    found = {"p50": np.median(values), "p95": np.percentile(values, 95), "max": values.max()}
    return {f"{name}_{key}_ms": round(float(value), 1) for key, value in found.items()}


def _errors(log: str) -> list[str]:
    """What the server's log says of errors: the last line of each traceback, and lines of that level."""
    found, inside = [], False
    for line in log.splitlines():
        if inside and line and not line[0].isspace():
            found.append(line)
        inside = line.startswith("Traceback") or (inside and line[:1].isspace())
        if '"level": "error"' in line:
            found.append(line)
    return found


def judge(visitors: list[Visitor], jobs: list[str], sizes: list[float], runs: Path, log: str) -> dict[str, Any]:
    """The figures."""
    waits = [(kind, seconds) for visitor in visitors for kind, seconds in visitor.waits]
    faults = [fault for visitor in visitors for fault in visitor.faults]
    faults += [f"log: {line[:300]}" for line in _errors(log)]
    fifths = [round(float(np.mean(part)), 1) for part in np.array_split(sizes, 5)]
    figures: dict[str, Any] = {
        "interactions": len(waits),
        **centiles("wait", [seconds for _, seconds in waits]),
        **{
            f"{kind}_p95_ms": centiles("", [s for k, s in waits if k == kind])["_p95_ms"]
            for kind in sorted({k for k, _ in waits})
        },
        "polls": sum(len(visitor.polls) for visitor in visitors),
        **centiles("poll", [seconds for visitor in visitors for seconds in visitor.polls]),
        "searches": len(jobs),
        "lost_runs": sum(not (runs / job / "run.json").is_file() for job in jobs),
        "still_under_way": len({visitor.address["job"] for visitor in visitors if "job" in visitor.address}),
        "memory_by_fifths_mb": fifths,
        "memory_peak_mb": round(max(sizes), 1),
        "errors": len(faults),
        "first_errors": faults[:5],
    }
    sound = not faults and not figures["lost_runs"] and jobs and figures["wait_p95_ms"] <= MAX_WAIT_MS
    return {**figures, "passed": bool(sound and fifths[4] <= MAX_GROWTH * fifths[1])}


def main() -> int:
    """Start the app on a free port, let the class in, end the app."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--sessions", type=int, default=30)
    ask.add_argument("--seconds", type=float, default=300.0)
    ask.add_argument("--think", type=float, default=4.0, help="mean time between two actions of a visitor [s]")
    ask.add_argument("--seed", type=int, default=0)
    options = ask.parse_args()
    port = free_port()
    command = [
        sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", LOCAL, f"--server.port={port}",
        "--server.address=127.0.0.1", "--server.fileWatcherType=none", "--client.showErrorDetails=none",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        runs, log = Path(folder) / "runs", Path(folder) / "log"
        with log.open("w") as out:
            variables = {**os.environ, **SERVED, "DNIS_RUNS": str(runs)}
            server = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url)
            visitors, jobs, sizes = asyncio.run(measure(url, server.pid, options))
        finally:
            server.terminate()
            server.wait(20)
        found = judge(visitors, jobs, sizes, runs, log.read_text(errors="replace"))
    facts = {"sessions": options.sessions, "seconds": options.seconds, "think_s": options.think}
    print(json.dumps({"benchmark": "load", **facts, **found}))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
