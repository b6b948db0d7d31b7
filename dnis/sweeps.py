"""A worker of a sweep: takes one cell after another until none is left, and puts comparisons together.

A search is taken up from its checkpoint and a share of a comparison from its finished cells, whoever began them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from dnis.additions import COMPARISON
from dnis.checkpoints import read_record
from dnis.control import Control
from dnis.errands import Emit, perform
from dnis.pulse import Pulse
from dnis.study import Study, Taken

POLL_S = 1.0
"""How often a worker without a cell looks whether another one has left something to do."""

BEATS = 4
"""Signs of life within the time after which a silent worker is given up."""


def work(
    folder: Path, threads: int, patience_s: float, tell: Callable[[str], object], emit: Emit, control: Control
) -> int:
    """Work until every cell of a study is done, by this worker or by another.

    Args:
        folder: The study's folder.
        threads: Threads of torch.
        patience_s: How long another worker may be silent before its cell is taken from it.
        tell: Told of every cell, in a sentence.
        emit: Told of the course of each.
        control: Asked before every cell and every epoch.

    Returns:
        How many cells this worker did.
    """
    study, n_done = Study(folder), 0
    with Pulse(folder, patience_s / BEATS) as pulse:
        while control.may_go_on():
            taken = study.take(pulse.worker)
            if taken is not None:
                tell(f"{taken.cell.label}: begun")
                n_done += _worked(study, taken, threads, tell, emit, control)
            elif not study.put_back_lost(pulse, patience_s):
                if not any(row["state"] == "RUNNING" for row in study.rows()):
                    break
                time.sleep(POLL_S)
        else:
            return n_done
        _put_together(study, threads, tell, control)
    return n_done


def _worked(
    study: Study, taken: Taken, threads: int, tell: Callable[[str], object], emit: Emit, control: Control
) -> bool:
    """Do one cell and say in the journal what became of it; whether it is done."""
    cell, done = taken.cell, False
    job = {**cell.job, "out": str(study.folder / cell.folder), "threads": threads}
    try:
        value = _share(job, cell.method, emit, control) if cell.method else _searched(job, emit, control)
    except (ValueError, OSError) as error:
        study.fail(taken, str(error))
        tell(f"{cell.label}: {error}")
    except BaseException:  # a second Ctrl-C, too, leaves the cell to somebody else
        study.give_back(taken)
        raise
    else:
        done = value is not None
        if value is None:
            study.give_back(taken)
        else:
            study.finish(taken, value)
        tell(f"{cell.label}: {'given back' if value is None else f'loss on select_val {value:.6g}'}")
    return done


def _searched(job: dict[str, Any], emit: Emit, control: Control) -> float | None:
    """Loss on select_val of a search; None if it was stopped."""
    found = perform({**job, "resume": read_record(job["out"]) is not None}, emit, control)
    return found["metrics"]["val"]["loss"] if found["event"] == "finished" else None


def _share(job: dict[str, Any], method: str, emit: Emit, control: Control) -> float | None:
    """Mean over the budgets of a method's loss on select_val, its cells now on disk; None if it was stopped."""
    found = perform({**job, "method": method}, emit, control)
    return fmean(found["losses"]) if found["event"] == "finished" else None


def _put_together(study: Study, threads: int, tell: Callable[[str], object], control: Control) -> None:
    """Write every comparison whose shares are all there; two workers that do so at once write the same."""
    shares: dict[str, list[dict[str, Any]]] = {}
    for row in study.rows():
        if row["cell"].method:
            shares.setdefault(row["cell"].folder, []).append(row)
    for name, rows in shares.items():
        out = study.folder / name
        if all(row["state"] == "COMPLETE" for row in rows) and not (out / COMPARISON).is_file():
            perform({**rows[0]["cell"].job, "out": str(out), "threads": threads}, lambda event: None, control)
            tell(f"comparison: {out}")
