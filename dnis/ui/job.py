"""One job of the queue: what is kept of it, and what others see of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnis.ui.process import WorkerProcess

ACTIVE = ("queued", "running")
"""States of a job that is not over."""


class QueueFullError(RuntimeError):
    """Too many jobs are waiting."""


@dataclass(frozen=True)
class Limits:
    """How much one server does at a time; times in [s].

    ``grace_s`` is how long a job goes on after its last watcher has left: a browser that loses its connection for a
    moment, or a tab in the background, must not lose its search.
    """

    n_workers: int = max(1, (os.cpu_count() or 2) - 1)
    max_queue: int = 40
    grace_s: float = 120.0
    limit_s: float = 900.0
    kill_s: float = 20.0
    keep: int = 60


@dataclass(frozen=True)
class JobView:
    """One job as it stood when asked: ``state`` is queued, running, finished, stopped or failed.

    ``position`` is 1 for the next in the queue and 0 once started; ``run`` the folder that the job wrote; ``n_owners``
    the number of sessions that watch the job now.
    """

    id: str
    kind: str
    job: dict[str, Any]
    state: str
    position: int
    events: tuple[dict[str, Any], ...]
    message: str
    run: Path | None
    elapsed_s: float
    n_owners: int
    paused: bool
    stopping: bool

    @property
    def active(self) -> bool:
        """Whether the job is not over."""
        return self.state in ACTIVE


@dataclass(eq=False)
class Job:
    """The queue's own record of a job; changed only under the queue's lock."""

    id: str
    key: str
    job: dict[str, Any]
    owners: set[str]
    word: str = "play"
    away: set[str] = field(default_factory=set)
    state: str = "queued"
    events: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    run: Path | None = None
    started_s: float = 0.0
    ended_s: float = 0.0
    orphaned_s: float | None = None
    stopping_s: float | None = None
    paused: bool = False
    process: WorkerProcess | None = None

    @property
    def present(self) -> set[str]:
        """Owners whose browser is there."""
        return self.owners - self.away

    @property
    def elapsed_s(self) -> float:
        """Time since the worker started, up to its end [s]."""
        return (self.ended_s or time.monotonic()) - self.started_s if self.started_s else 0.0

    def view(self, position: int) -> JobView:
        """The job as it stands now.

        Args:
            position: Its place in the queue, 0 once started.

        Returns:
            A snapshot that does not change any more.
        """
        return JobView(
            id=self.id, kind=self.job["kind"], job=self.job, state=self.state, position=position,
            events=tuple(self.events), message=self.message, run=self.run, elapsed_s=self.elapsed_s,
            n_owners=len(self.present), paused=self.paused, stopping=self.stopping_s is not None,
        )  # fmt: skip
