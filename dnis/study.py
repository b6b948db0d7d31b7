"""A sweep's cells in Optuna's journal file: planned once, taken by one worker each, wherever the folder is seen.

There is no server: the journal is a file to which every worker appends under a lock that holds on network disks too. It
knows no heartbeat, so every worker keeps touching a file of its own; the cells of one that fell silent are put back.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dnis.limits import DataError
from dnis.plans import Cell
from dnis.pulse import Pulse

JOURNAL = "journal.log"
"""Name in the study's folder: what was planned, taken and done."""

NAME = "dnis"
"""The study's name in the journal."""

LOST = "its worker fell silent"
"""Why a trial failed whose worker was killed; its cell is planned anew."""

RETURNED = "its worker was told to stop"
"""The same of a worker that said goodbye."""


@dataclass(frozen=True)
class Taken:
    """A cell that this worker has taken, and the trial that stands for it."""

    trial: int
    cell: Cell


class Study:
    """The cells of a sweep and what became of them; every change is in the journal at once.

    Args:
        folder: The study's folder.
        make: Whether to begin one where there is none.

    Raises:
        ValueError: If Optuna is not installed.
        DataError: If there is no study.
    """

    def __init__(self, folder: Path, make: bool = False) -> None:
        try:
            optuna = importlib.import_module("optuna")  # needed for sweeps only, and not always installed
        except ImportError as error:
            raise ValueError("sweep needs Optuna: python -m pip install -r requirements-sweep.txt") from error
        if not make and not (folder / JOURNAL).is_file():
            raise DataError(f"{folder} is not a study: it has no {JOURNAL}; begin with sweep plan")
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self._optuna, self._state = folder, optuna, optuna.trial.TrialState
        journal = optuna.storages.journal
        self._storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(folder / JOURNAL)))
        self._study = optuna.create_study(storage=self._storage, study_name=NAME, load_if_exists=True)
        self._id = self._storage.get_study_id_from_name(NAME)

    def plan(self, cells: Sequence[Cell]) -> int:
        """Put cells in the queue that are neither there, nor being worked, nor done.

        Args:
            cells: The cells.

        Returns:
            How many were put there.
        """
        known = {row["key"] for row in self.rows() if row["state"] != "FAIL"}
        fresh = [cell for cell in cells if cell.key not in known]
        for cell in fresh:
            self._put(cell)
        return len(fresh)

    def _put(self, cell: Cell) -> None:
        facts = {"key": cell.key, "cell": asdict(cell)}
        self._study.add_trial(self._optuna.trial.create_trial(state=self._state.WAITING, user_attrs=facts))

    def take(self, worker: str) -> Taken | None:
        """Take the first cell that waits; of several workers that reach for it one gets it.

        Args:
            worker: Who takes it.

        Returns:
            The cell, or None where none waits.
        """
        for trial in self._trials(self._state.WAITING):
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
            try:
                mine = self._storage.set_trial_state_values(trial_id, self._state.RUNNING)
            except self._optuna.exceptions.UpdateFinishedTrialError:
                continue
            if mine:
                self._storage.set_trial_user_attr(trial_id, "worker", worker)
                return Taken(trial_id, Cell(**trial.user_attrs["cell"]))
        return None

    def finish(self, taken: Taken, value: float) -> None:
        """Say that a cell is done.

        Args:
            taken: The cell.
            value: Its loss on select_val.
        """
        self._close(taken.trial, self._state.COMPLETE, None, [value])

    def fail(self, taken: Taken, reason: str) -> None:
        """Say that a cell cannot be done; it is worked again only where it is planned again.

        Args:
            taken: The cell.
            reason: What went wrong.
        """
        self._close(taken.trial, self._state.FAIL, reason)

    def give_back(self, taken: Taken) -> None:
        """Put a cell back that was begun.

        Args:
            taken: The cell.
        """
        if self._close(taken.trial, self._state.FAIL, RETURNED):
            self._put(taken.cell)

    def put_back_lost(self, pulse: Pulse, patience_s: float) -> int:
        """Put back the cells of workers that fell silent; of several that notice one does.

        Args:
            pulse: That of who asks.
            patience_s: How long a worker may be silent.

        Returns:
            How many were put back.
        """
        n = 0
        for trial in self._trials(self._state.RUNNING):
            worker = trial.user_attrs.get("worker")
            since_s = (datetime.now() - trial.datetime_start).total_seconds()
            # a worker may die before it has put its name to what it took
            if (pulse.silence_s(worker) if worker else since_s) <= patience_s:
                continue
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
            if self._close(trial_id, self._state.FAIL, LOST):
                self._put(Cell(**trial.user_attrs["cell"]))
                n += 1
        return n

    def _close(self, trial_id: int, state: Any, reason: str | None, values: list[float] | None = None) -> bool:
        """Whether it was still open: another worker may have given this one up."""
        try:
            if reason is not None:
                self._storage.set_trial_user_attr(trial_id, "reason", reason)
            self._storage.set_trial_state_values(trial_id, state, values)
        except self._optuna.exceptions.UpdateFinishedTrialError:
            return False
        return True

    def _trials(self, *states: Any) -> list[Any]:
        return self._storage.get_all_trials(self._id, deepcopy=False, states=states or None)

    def rows(self) -> list[dict[str, Any]]:
        """What became of every cell: that of its last trial, for one whose worker was lost has several.

        Returns:
            Records of key, label, state (WAITING, RUNNING, COMPLETE, FAIL), value, worker, reason, attempts, seconds
            and cell, in the order in which they were planned.
        """
        rows: dict[str, dict[str, Any]] = {}
        for trial in self._trials():
            facts, before = trial.user_attrs, rows.get(trial.user_attrs["key"], {"attempts": 0})
            if before.get("state") == "COMPLETE":
                continue
            rows[facts["key"]] = {
                "key": facts["key"],
                "label": facts["cell"]["label"],
                "state": trial.state.name,
                "value": trial.value if trial.state == self._state.COMPLETE else None,
                "worker": facts.get("worker"),
                "reason": facts.get("reason"),
                "attempts": before["attempts"] + 1,
                "seconds": trial.duration.total_seconds() if trial.duration else None,
                "cell": Cell(**facts["cell"]),
            }
        return list(rows.values())
