"""The commands of a study: plan its cells, work through them on any number of machines, show what became of them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dnis.commands import Answer, say
from dnis.control import Control
from dnis.files import plain
from dnis.plans import read_plan
from dnis.progress import Progress, stop_on_interrupt
from dnis.ranges import check_range
from dnis.study import Study
from dnis.sweeps import work as work_through

WORDS = {"WAITING": "waiting", "RUNNING": "running", "COMPLETE": "done", "FAIL": "failed"}
"""What the states of a cell are called."""


def add_study(made: Mapping[str, argparse.ArgumentParser]) -> None:
    """Add the options of the commands that work on a study: many runs, on any number of machines.

    Args:
        made: Parsers by command.
    """
    for name in ("plan", "work", "show"):
        made[f"sweep {name}"].add_argument("study", type=Path, metavar="STUDY", help="folder that all workers see")
    plan, work = made["sweep plan"], made["sweep work"]
    plan.add_argument("specs", nargs="+", type=Path, metavar="SPEC", help="JSON file: kind, data, config, grid")
    work.add_argument("--threads", type=int, default=1, metavar="int", help="threads of torch (default 1)")
    meaning = "silence after which another worker's cell is taken from it [s] (default 60)"
    work.add_argument("--patience-s", type=float, default=60.0, metavar="float", help=meaning)


def plan(options: argparse.Namespace) -> Answer:
    """Put the cells of specs in a study's queue; what is there already stays, what failed is tried again."""
    cells = read_plan(options.specs)
    n_new = Study(options.study, make=True).plan(cells)
    record = plain({"study": options.study, "n_cells": len(cells), "n_new": n_new})
    return record, f"{len(cells)} cells planned, {n_new} of them new; now: python -m dnis sweep work {options.study}"


def work(options: argparse.Namespace) -> Answer:
    """Work through a study's queue until it is empty; start as many of these as there are machines and cores."""
    check_range("threads", options.threads, 1, 256)
    check_range("patience_s", options.patience_s, 0.1, 1e6)
    control = Control()
    with stop_on_interrupt(control), Progress() as progress:
        n_done = work_through(options.study, options.threads, options.patience_s, say, progress, control)
    record, text = show(options)
    return {**record, "n_done_here": n_done}, text


def show(options: argparse.Namespace) -> Answer:
    """Say what became of a study's cells."""
    rows = [_shown(row) for row in Study(options.study).rows()]
    counts = Counter(row["state"] for row in rows)
    record = {"study": options.study, **{word: counts[word] for word in WORDS.values()}, "cells": rows}
    frame = pd.DataFrame(rows).drop(columns=["worker"]) if rows else pd.DataFrame()
    counted = ", ".join(f"{counts[word]} {word}" for word in WORDS.values())
    return plain(record), "\n".join([*([frame.to_string(index=False, na_rep="")] if rows else []), counted])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("label", "value", "attempts", "seconds", "worker", "reason")}
    return {"state": WORDS[row["state"]], **kept, "folder": row["cell"].folder}
