"""The state of a running search on disk, so that it can be taken up again, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dnis.files import read_tensors, write_tensors
from dnis.reading import DataError

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in the run's folder."""


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


def drop_checkpoint(folder: str | Path) -> None:
    """Remove the state of a search that is over, if there is one.

    Args:
        folder: The run's folder.
    """
    (Path(folder) / CHECKPOINT).unlink(missing_ok=True)
