"""The state of a running search on disk, so that it can be taken up again, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from dnis.files import read_tensors, write_tensors
from dnis.reading import DataError

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in the run's folder."""

LOCK = ".lock"
"""Name of the file that a worker holds."""


def save_checkpoint(folder: str | Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write the state of a search (``Search.state()``) into one file, so that its parts always fit together.

    Args:
        folder: The run's folder.
        arrays: Arrays by name.
        meta: What JSON can hold.
    """
    write_tensors(Path(folder) / CHECKPOINT, arrays, {"meta": json.dumps(meta)})


def load_checkpoint(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the state of a search, to hand to ``Search(..., state=...)``.

    Args:
        folder: The run's folder.

    Returns:
        Arrays by name, and the record.

    Raises:
        DataError: If there is no checkpoint or it is damaged.
    """
    arrays, texts = read_tensors(Path(folder) / CHECKPOINT)
    if "meta" not in texts:
        raise DataError(f"{Path(folder) / CHECKPOINT} is not a checkpoint: its header has no record")
    return arrays, json.loads(texts["meta"])


def read_record(folder: str | Path) -> dict[str, Any] | None:
    """The record of a checkpoint without its arrays, which is quickly read.

    Args:
        folder: The run's folder.

    Returns:
        The record; None if there is no checkpoint that can be read.
    """
    path = Path(folder) / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            record = json.loads((file.metadata() or {})["meta"])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None
    return record if isinstance(record, dict) else None


@contextmanager
def held(folder: str | Path) -> Generator[None]:
    """Hold a run's folder, so that one worker at a time writes into it; the system lets go of it if the worker dies.

    A server that was killed leaves a worker that ends at its next epoch; who takes up its search waits for that.

    Args:
        folder: The run's folder; made if it is not there.

    Yields:
        Nothing.
    """
    try:
        import fcntl  # noqa: PLC0415  not on every system
    except ImportError:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if [path.name for path in Path(folder).iterdir()] == [LOCK]:  # nothing was kept
                (Path(folder) / LOCK).unlink()
                Path(folder).rmdir()


def drop_checkpoint(folder: str | Path) -> None:
    """Remove the state of a search that is over, if there is one.

    Args:
        folder: The run's folder.
    """
    (Path(folder) / CHECKPOINT).unlink(missing_ok=True)
