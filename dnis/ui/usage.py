"""What this server takes of its machine: memory of processes and disk; knows no screen."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dnis.ui.expiry import DELETED, UPLOADS, stored


def resident_bytes(pid: int | None) -> int:
    """Memory that a process holds now.

    Args:
        pid: Its number.

    Returns:
        Bytes; 0 where there is no such process, or the system does not tell (it does on Linux).
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def available_bytes() -> int:
    """Memory of the machine that is free to take; 0 where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


@dataclass(frozen=True)
class DiskUse:
    """What lies in the runs folder, and what its disk has left [bytes]."""

    n_runs: int
    runs_bytes: int
    n_uploads: int
    uploads_bytes: int
    free_bytes: int


def disk_use(folder: Path) -> DiskUse:
    """Measure the runs folder.

    Args:
        folder: The runs folder.

    Returns:
        Numbers and sizes; runs that were deleted and can still be had back count as runs.
    """
    kept = stored(folder)
    uploads = [item.n_bytes for item in kept if item.folder.parent.name == UPLOADS]
    runs = [item.n_bytes for item in kept if item.folder.parent in (folder, folder / DELETED)]
    return DiskUse(len(runs), sum(runs), len(uploads), sum(uploads), shutil.disk_usage(folder).free)
