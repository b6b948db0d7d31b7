"""Cells of a comparison, computed by several processes of this machine at once; the bits stay the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dnis.baselines import BASELINES
from dnis.cells import CellStore
from dnis.contests import Choice, Contest, best_trials
from dnis.settings import CompareConfig

if TYPE_CHECKING:
    from dnis.splits import Split

_OWN: dict[str, Contest] = {}
"""The contest that a process of the crew works on, under the name ``contest``."""

Task = tuple[str, int, list[int]]
"""A method and one of its trials, or a method, a seed and the budgets of a final cell."""


def fill(contest: Contest, folder: Path, n_processes: int) -> None:
    """Compute every cell of a contest that is not kept yet; a method's final cells begin when its trials are over.

    Args:
        contest: What is to be computed; told of every finished cell.
        folder: Where its cells are kept.
        n_processes: How many processes work.

    Raises:
        ValueError: If a process ends in mid-work, killed for instance; finished cells are kept.
    """
    before = set(multiprocessing.active_children())
    handed = (contest.split, contest.config, folder, torch.get_num_threads())
    crew = ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn"), _begin, handed)
    try:
        _hand_out(contest, crew)
    except BrokenProcessPool as error:
        why = "for lack of memory perhaps; finished cells are kept, so that the same command goes on"
        raise ValueError(f"one of the {n_processes} processes of the comparison was ended, {why}") from error
    except BaseException:
        # who stops a comparison does not wait for the cells that are under way
        crew.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    crew.shutdown()


def _hand_out(contest: Contest, crew: ProcessPoolExecutor) -> None:
    n_trials = len(contest.trials)
    tuned: dict[str, dict[int, list[dict[str, Any]]]] = {method: {} for method in contest.config.methods}
    waiting: dict[Future[Any], Task] = {crew.submit(_tune, *task): (*task, []) for task in trials_in_turn(contest)}
    while waiting:
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            method, number, places = waiting.pop(future)
            found = future.result()
            for _ in places:
                contest.tell(method, "final", seed=number)
            if places:
                continue
            contest.tell(method, "tune", trial=number)
            tuned[method][number] = found
            if len(tuned[method]) == n_trials:
                chosen = best_trials([tuned[method][t] for t in range(n_trials)])
                for seed, those in contest.shares(chosen):
                    waiting[crew.submit(_final, method, seed, those, chosen)] = (method, seed, those)


def trials_in_turn(contest: Contest) -> list[tuple[str, int]]:
    """Methods and trials, first those that probably take longest: what is begun last is what the others wait for.

    Args:
        contest: What is to be computed.

    Returns:
        Every method with every trial, the costliest methods first, of each the smallest learning rates, which take more
        epochs.
    """
    n_budgets, rates = len(contest.budgets), [trial.lr for trial in contest.trials]
    every = [(method, trial) for method in contest.config.methods for trial in range(len(rates))]
    return sorted(every, key=lambda task: (-BASELINES[task[0]].cost(n_budgets), rates[task[1]]))


def _begin(split: Split, config: CompareConfig, folder: Path, n_threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(n_threads)
    _OWN["contest"] = Contest(split, config, CellStore(folder, split), None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # whoever was killed gives no order to end


def _tune(method: str, trial: int) -> list[dict[str, Any]]:
    return _OWN["contest"].tune(method, trial)


def _final(method: str, seed: int, places: list[int], chosen: list[Choice | None]) -> None:
    _OWN["contest"].final(method, seed, places, chosen)  # its outcomes stay where they are kept
