"""Runs that were deleted and can still be had back: out of the runs folder, but not off the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from dnis.ui import expiry
from dnis.ui.store import RUN_ID, runs_folder


def set_aside(run_id: str) -> None:
    """Take a run out of the runs folder, such that it can be put back.

    Args:
        run_id: Name of the run's folder.
    """
    if RUN_ID.fullmatch(run_id) and (runs_folder() / run_id).is_dir():
        _place(run_id).parent.mkdir(exist_ok=True)
        (runs_folder() / run_id).rename(_place(run_id))


def put_back(run_id: str) -> None:
    """Undo ``set_aside``; nothing happens where the run is gone for good."""
    if RUN_ID.fullmatch(run_id) and _place(run_id).is_dir():
        _place(run_id).rename(runs_folder() / run_id)


def remove_aside(run_id: str) -> None:
    """Remove for good a run that was set aside."""
    if RUN_ID.fullmatch(run_id):
        shutil.rmtree(_place(run_id), ignore_errors=True)


def _place(run_id: str) -> Path:
    return runs_folder() / expiry.DELETED / run_id
