"""Old runs and uploads go, by age and by the total size; what is in use never does. No screen in here."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

LOG = logging.getLogger(__name__)

FRESH_S = 7200.0
"""What was written or looked at within this time counts as in use [s]."""

UPLOADS, DELETED, SHELF = "uploads", "deleted", "shelf"
"""Folders of the runs folder that hold no runs themselves."""

_DAY_S = 86400.0
_PAUSE_S = 600.0
_seen: dict[str, float] = {}
_last_s = [0.0]


@dataclass(frozen=True)
class Stored:
    """One run or upload on the disk; ``changed_s`` is the time of its newest file [s since 1970]."""

    folder: Path
    n_bytes: int
    changed_s: float


def mark(name: str) -> None:
    """Note that somebody looks at a run or upload now.

    Args:
        name: Name of its folder.
    """
    _seen[name] = time.time()


def tidy(folder: Path, *, days: int, max_bytes: int, busy: Collection[str] = ()) -> list[str]:
    """Expire what is due, at most every ten minutes.

    Args:
        folder: The runs folder.
        days: As of ``expire``.
        max_bytes: As of ``expire``.
        busy: Names of runs and uploads that a job needs; what was marked of late stays, too.

    Returns:
        Names of what was removed.
    """
    now_s = time.time()
    if now_s - _last_s[0] < _PAUSE_S:
        return []
    _last_s[0] = now_s
    for name in [name for name, seen_s in _seen.items() if now_s - seen_s > FRESH_S]:
        del _seen[name]
    return expire(folder, days=days, max_bytes=max_bytes, in_use={*busy, *_seen}, now_s=now_s)


def stored(folder: Path) -> list[Stored]:
    """Everything that can expire, oldest first.

    Args:
        folder: The runs folder.

    Returns:
        Runs, runs set aside, and uploads.
    """
    parents = [folder, folder / UPLOADS, folder / DELETED]
    kept = (UPLOADS, DELETED, SHELF)
    found = [_measured(path) for parent in parents if parent.is_dir() for path in parent.iterdir()
             if path.is_dir() and not path.is_symlink() and not (parent == folder and path.name in kept)]  # fmt: skip
    return sorted(found, key=lambda item: (item.changed_s, item.folder.name))


def expire(
    folder: Path, *, days: int, max_bytes: int, in_use: Collection[str] = (), now_s: float | None = None
) -> list[str]:
    """Remove what is too old, then the oldest until the rest fits.

    An upload stays as long as a run that stays was made from it, since retraining needs it.

    Args:
        folder: The runs folder.
        days: Age at which something goes [days], 0 for never.
        max_bytes: Most that may stay [bytes], 0 for no bound.
        in_use: Names of runs and uploads that stay in any case.
        now_s: The time [s since 1970]; now where not given.

    Returns:
        Names of what was removed.
    """
    now_s = time.time() if now_s is None else now_s
    kept = stored(folder)
    total = sum(item.n_bytes for item in kept)
    gone: list[str] = []
    # uploads after runs: one whose last run goes now may go as well
    for item in sorted(kept, key=lambda i: i.folder.parent.name == UPLOADS):
        age_s = now_s - item.changed_s
        old = 0 < days <= age_s / _DAY_S
        over = 0 < max_bytes < total
        if item.folder.name in in_use or age_s < FRESH_S or not (old or over) or _needed(item, folder):
            continue
        if _removed(item.folder):
            gone.append(item.folder.name)
            total -= item.n_bytes
    if gone:
        LOG.info("expired %d runs and uploads, %d bytes stay", len(gone), total)
    return gone


def _needed(item: Stored, folder: Path) -> bool:
    if item.folder.parent.name != UPLOADS:
        return False
    return any(_source(path).parent.name == item.folder.name for path in folder.glob("*/run.json"))


def _source(path: Path) -> Path:
    try:
        return Path(json.loads(path.read_bytes())["data"]["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return Path("?")


def _measured(folder: Path) -> Stored:
    n_bytes, changed_s = 0, 0.0
    for path in [folder, *folder.rglob("*")]:
        try:
            facts = path.lstat()
        except OSError:  # a worker's draft that has got its name meanwhile
            continue
        changed_s = max(changed_s, facts.st_mtime)
        n_bytes += facts.st_size if path.is_file() else 0
    return Stored(folder, n_bytes, changed_s)


def _removed(folder: Path) -> bool:
    try:
        (folder / "run.json").unlink(missing_ok=True)  # first of all, so that half a folder is never taken for a run
        shutil.rmtree(folder)
    except OSError as error:
        LOG.warning("a run or upload could not be removed: %s", error.strerror)
        return False
    return True
