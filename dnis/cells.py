"""Finished cells of a comparison on disk, so that a stop in mid-way loses only the running one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from dnis.files import write_whole

if TYPE_CHECKING:
    from dnis.splits import Split


def fingerprint(*parts: Any) -> str:
    """A name for a cell that follows from everything that decides its content."""
    plain = [asdict(p) if is_dataclass(p) and not isinstance(p, type) else p for p in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def engine_digest() -> str:
    """A name for this state of the engine's code, which follows from its content."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


class CellStore:
    """Keeps lists of records; arrays under ``outcomes`` are stored as they are.

    Args:
        folder: Where; None keeps nothing. Each state of data and code has a folder of its own in it.
        split: The data; cells of other data are never mixed up with these.
    """

    def __init__(self, folder: str | Path | None, split: Split) -> None:
        # numbers of an older engine are not mixed up with these either
        digest = hashlib.sha256((engine_digest() + split.digest).encode())
        self.folder = None if folder is None else Path(folder) / "cells" / digest.hexdigest()[:16]

    def record(self, key: str, compute: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """A finished cell, computed now if it is not there yet.

        Args:
            key: Its fingerprint.
            compute: Makes it.

        Returns:
            The cell's records.
        """
        if self.folder is None:
            return compute()
        path = self.folder / f"{key}.cell"
        if path.is_file():
            return _unpacked(path.read_bytes())
        records = compute()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, _packed(records))
        return records


def _packed(records: list[dict[str, Any]]) -> bytes:
    arrays = {str(i): r["outcomes"] for i, r in enumerate(records) if "outcomes" in r}
    plain = [{k: v for k, v in r.items() if k != "outcomes"} for r in records]
    return save(arrays or {"none": np.zeros(1)}, {"records": json.dumps(plain)})


def _unpacked(raw: bytes) -> list[dict[str, Any]]:
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    records = json.loads(header["__metadata__"]["records"])
    for name, values in load(raw).items():
        if name != "none":
            records[int(name)]["outcomes"] = values
    return records


def reset_peak() -> None:
    """Start measuring the process's peak memory anew, where the system allows it (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int | None:
    """Peak resident memory [bytes] since ``reset_peak``, or None where the system does not tell."""
    path = Path("/proc/self/status")
    if not path.exists():
        return None
    line = next((x for x in path.read_text().splitlines() if x.startswith("VmHWM:")), "")
    return int(line.split()[1]) * 1024 if line else None
