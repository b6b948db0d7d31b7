"""Every figure of the engine's speed beside its bar, made by one command on one machine; writes SPEED.md.

``python -m benchmarks.limits [--data DIR] [--python PYTHON] [--only NAME ...] [--write benchmarks/SPEED.md]``

DIR holds ml-1m/ratings.parquet; PYTHON is the interpreter of an environment of its own with torch-rechub (see
``benchmarks/elsewhere/rechub_epochs.py``); without it that column is left out. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
NOTES = """A search takes one step of alpha on a validation batch for every training batch: it sees two samples for
each that plain training sees. Both readings are given: per training sample, and per sample seen. Per training sample a
search of the first order repeats the forward and backward pass, only without the update; the exact second order takes,
by count, thirteen matrix products per layer of a perceptron (three for the step ahead, three behind it, four for the
mixed derivative, three for the weights) where plain training takes three.

A step touches the same number of rows whatever the table's size; in a large table they lie in memory that no cache
holds. From 300,000 rows of at most 16 dimensions on, a row, its bias and their moments lie side by side, so that
each is one place, taken and put part by part, which is how the optimiser wants it. Nearly all of the growth is in
taking and putting these records. `rows_alone_ms` is what that takes at least: every record written right after it was
read, without any arithmetic. In the smallest table a batch touches four rows of five, which memory
delivers as a stream."""

Row = tuple[str, str, str, bool]
"""What is measured, its bar, what came, and whether that is within the bar."""


def json_of(*words: object) -> dict[str, Any]:
    """The JSON line that a module prints last."""
    done = subprocess.run([sys.executable, "-m", *map(str, words)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def wall_s(*words: object) -> float:
    """Time of a command of the package, its start included [s]."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
    return time.perf_counter() - started


def timed(*words: object) -> dict[str, float]:
    """The same beside what the processor worked for it, which a busy machine changes less [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = wall_s(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"seconds": round(taken, 1), "processor_seconds": round(worked, 1)}


def at_most(what: str, value: float, bar: float, unit: str = "") -> Row:
    """A row whose value must not exceed its bar."""
    return what, f"<= {bar:g}{unit}", f"{value:.3g}{unit}", value <= bar


def at_least(what: str, value: float, bar: float, unit: str = "") -> Row:
    """A row whose value must reach its bar."""
    return what, f">= {bar:g}{unit}", f"{value:.3g}{unit}", value >= bar


def speed(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """Training and searching, model by model."""
    words = ["--python", options.python] if options.python else []
    found["speed"] = json_of("benchmarks.speed", "--profile", *words)
    rows: list[Row] = []
    for model, facts in found["speed"]["models"].items():
        ratio, seen = facts["epoch_ratio_to_train"], facts["ratio_per_sample_seen"]
        rows.append(at_least(f"{model}: speed of training to that of a minimal loop", ratio["minimal_loop"], 0.8, "x"))
        if "library_ratio_to_train" in facts:
            rows.append(
                at_least(f"{model}: speed of training to torch-rechub's", facts["library_ratio_to_train"], 3, "x")
            )
        for order, bar in ((1, 1.5), (2, 3.0)):
            name = f"search_order_{order}"
            rows.append(at_most(f"{model}: search of order {order} per training sample", ratio[name], bar, "x"))
            rows.append(at_most(f"{model}: search of order {order} per sample seen", seen[name], bar, "x"))
    return rows


def growth(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """Steps and memory as the table grows."""
    found["growth"] = facts = json_of("benchmarks.growth", "--interactions", "10000", "100000", "1000000")
    memory = list(facts["memory_by_features"].values())[-1]["ratio"]
    return [
        at_most("step with 10^7 features to one with 10^4", facts["step_ratio_last_to_first"], 1.3, "x"),
        at_most("memory to parameters and optimiser state, 10^7 features", memory, 1.1, "x"),
    ]


def sweep(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """200 thresholds on validation and test of MovieLens-1M."""
    source = options.data / "ml-1m" / "ratings.parquet"
    if not source.is_file():
        return []
    found["sweep"] = facts = json_of("benchmarks.sweep", "--source", source, "--item", "movie_id")
    return [at_most("200 thresholds on ml-1m", facts["seconds"], 1, " s")]


def reading(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """A million rows of CSV."""
    found["reading"] = facts = json_of("benchmarks.reading", "--log-rows", 0)
    return [at_most("a CSV of 10^6 rows read, checked, encoded", facts["seconds"], 2, " s")]


def searching(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """A whole search of MovieLens-1M by the command line."""
    source = options.data / "ml-1m" / "ratings.parquet"
    if not source.is_file():
        return []
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "--item",
            "movie_id",
            "--model",
            "MF",
            "--embedding-dim",
            64,
            "--no-controls",
            "--out",
            f"{folder}/run",
        ]
        found["searching"] = timed("-m", "dnis", "search", source, *words)
    return [at_most("search of ml-1m, MF, K 64", found["searching"]["seconds"], 30, " s")]


def starting(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """Imports, and a worker that is sent a search."""
    bare, whole = (min(wall_s("-c", words) for _ in range(5)) for words in ("pass", "import dnis"))
    light = "import dnis, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", light], check=True)
    with tempfile.TemporaryDirectory() as folder:
        config = {"epochs": 1, "warm_epochs": 0, "embedding_dim": 16}
        job = {"kind": "search", "data": {}, "config": config, "out": f"{folder}/run", "controls": False}
        taken = [_first_events(job) for _ in range(3)]
    found["starting"] = {"import_s": whole - bare, "started_s": min(s for s, _ in taken)}
    found["starting"]["first_epoch_s"] = min(e for _, e in taken)
    return [
        at_most("import dnis, without torch", whole - bare, 0.5, " s"),
        at_most("worker's start to its first event", found["starting"]["started_s"], 1.5, " s"),
        at_most("worker's start to its first epoch, engine loaded", found["starting"]["first_epoch_s"], 1.5, " s"),
    ]


def _first_events(job: dict[str, Any]) -> tuple[float, float]:
    """From a worker's start to its first event, and to its first epoch [s]."""
    started = time.perf_counter()
    words = [sys.executable, "-m", "dnis.worker"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(job) + "\n")
        worker.stdin.flush()
        worker.stdout.readline()
        first = time.perf_counter() - started
        worker.stdout.readline()
        epoch = time.perf_counter() - started
        worker.stdin.close()
        worker.stdout.read()
    return first, epoch


def comparing(options: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    """Six uniform tables and DNIS at six sizes, three seeds, on the bundled MovieLens sample."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--methods", "uniform", "dnis", "--out", f"{folder}/run"]
        found["comparing"] = timed("-m", "dnis", "compare", "sample:movielens-small", *words)
    what = "uniform and DNIS at six sizes, three seeds, movielens-small"
    return [at_most(what, found["comparing"]["seconds"], 60, " s")]


PARTS: dict[str, Callable[[argparse.Namespace, dict[str, Any]], list[Row]]] = {
    "starting": starting,
    "sweep": sweep,
    "reading": reading,
    "searching": searching,
    "growth": growth,
    "speed": speed,
    "comparing": comparing,
}


def machine() -> str:
    """What this was measured on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    named = re.search(r"model name\s*: (.*)", text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{named.group(1) if named else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, one thread; "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def page(rows: list[Row], found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Speed", "", "Made by `python -m benchmarks.limits`; " + machine() + ".", "",
        NOTES, "",
        "| what | bar | measured | met |", "|---|---|---|---|",
        *(f"| {what} | {bar} | {value} | {'yes' if met else 'no'} |" for what, bar, value, met in rows),
    ]  # fmt: skip
    for name, part in found.items():
        lines += ["", f"## {name}", "", "```json", json.dumps(part, indent=1), "```"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is asked for, and write it down."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--python", help="interpreter that has torch-rechub")
    ask.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    ask.add_argument("--write", type=Path, help="Markdown file for the figures")
    options = ask.parse_args()
    found: dict[str, Any] = {}
    rows = [row for name in options.only for row in PARTS[name](options, found)]
    if options.write:
        options.write.write_text(page(rows, found))
    table = [dict(zip(("what", "bar", "measured", "met"), row, strict=True)) for row in rows]
    print(json.dumps({"benchmark": "limits", "machine": machine(), "figures": table}))


if __name__ == "__main__":
    main()
