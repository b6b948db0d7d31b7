"""One job of the queue: what is kept of it, and what others see of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnis.ui.process import WorkerProcess
from dnis.ui.usage import resident_bytes

ACTIVE = ("queued", "running")
"""States of a job that is not over."""


class QueueFullError(RuntimeError):
    """Too many jobs are waiting."""


@dataclass(frozen=True)
class Limits:
    """How much one server does at a time; times in [s].

    ``grace_s`` is how long a job goes on after its last watcher has left: a browser that loses its connection for a
    moment, or a tab in the background, must not lose its search. A job that was told to stop is over for those who
    watch after ``kill_s``; by then it has kept its run and gets ``save_s`` to measure it, or it is ended. A worker that
    holds more than ``max_bytes`` of memory is ended at once; 0 is no bound.
    """

    n_workers: int = max(1, (os.cpu_count() or 2) - 1)
    max_queue: int = 40
    grace_s: float = 120.0
    limit_s: float = 900.0
    kill_s: float = 3.0
    save_s: float = 30.0
    max_bytes: int = 0
    keep: int = 60


@dataclass(frozen=True)
class JobView:
    """One job as it stood when asked: ``state`` is queued, running, finished, stopped or failed.

    ``position`` is 1 for the next in the queue and 0 once started, ``wait_s`` the time until it probably starts [s];
    ``run`` the folder that the job wrote; ``n_owners`` the number of sessions that watch the job now; ``shared``
    whether there was ever more than one; ``paused`` whether it is to wait for a word, ``waiting`` whether it does.
    """

    id: str
    kind: str
    job: dict[str, Any]
    state: str
    position: int
    wait_s: float | None
    events: tuple[dict[str, Any], ...]
    message: str
    run: Path | None
    elapsed_s: float
    n_owners: int
    shared: bool
    paused: bool
    waiting: bool
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
    waiting: bool = False
    process: WorkerProcess | None = None

    @property
    def present(self) -> set[str]:
        """Owners whose browser is there."""
        return self.owners - self.away

    @property
    def elapsed_s(self) -> float:
        """Time since the worker started, up to its end [s]."""
        return (self.ended_s or time.monotonic()) - self.started_s if self.started_s else 0.0

    @property
    def busy(self) -> bool:
        """Whether there is a worker at it, or will be."""
        return self.state in ACTIVE or (self.process is not None and not self.ended_s)

    def join(self, owner: str) -> None:
        """A session watches the job (again); one that several watch goes on, since none of them could tell it to."""
        self.owners.add(owner)
        self.away.discard(owner)
        self.orphaned_s = None
        if len(self.present) > 1:
            self.word = "play"
            if self.paused and self.process is not None:
                self.paused = self.waiting = False
                self.process.tell("play")

    def leave(self, owner: str) -> None:
        """A session has gone, perhaps only for a moment."""
        if owner in self.present:
            self.away.add(owner)
            self.orphaned_s = None if self.present else time.monotonic()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event of the worker; that it waits is a state, and no part of the course."""
        self.waiting = event["event"] == "held"
        if self.waiting:
            return
        self.events.append(event)
        if event.get("run"):
            self.run = Path(event["run"])
        if event["event"] == "failed":
            self.message = str(event.get("message", ""))

    def end(self, process: WorkerProcess) -> None:
        """The worker has gone: as it said itself, as it was told, or for a reason that only the process knows."""
        last = self.events[-1]["event"] if self.events else ""
        self.ended_s, self.paused, self.waiting = time.monotonic(), False, False
        if last in ("finished", "failed", "stopped"):
            self.state = last
        elif self.stopping_s is not None:
            self.state = "stopped"
        else:
            self.state, self.message = "failed", self.message or process.obituary()

    def overdue(self, limits: Limits) -> str:
        """Why the job is to be stopped now, in one sentence; empty if it may go on."""
        if self.orphaned_s is not None and time.monotonic() - self.orphaned_s > limits.grace_s:
            return "It was stopped because nobody was watching any more."
        if self.state == "running" and self.elapsed_s > limits.limit_s:
            return f"It was stopped at the limit of {limits.limit_s / 60:.0f} minutes."
        return ""

    def press(self, limits: Limits) -> None:
        """End a worker that takes too much memory, or too long over stopping."""
        if self.process is None or self.ended_s:
            return
        if 0 < limits.max_bytes < resident_bytes(self.process.pid):
            self.message = (
                f"It was ended at the limit of {limits.max_bytes / 1e6:,.0f} MB of memory for one job; "
                "take fewer dimensions, smaller batches or fewer rows."
            )
            self.process.kill()
        if self.stopping_s is None:
            return
        waited_s = time.monotonic() - self.stopping_s
        if waited_s > (limits.save_s if self.run is not None else limits.kill_s):
            self.process.kill()
        elif waited_s > limits.kill_s and self.run is not None:
            self.state = "stopped"  # its run is whole; what is still measured on it comes when it comes

    def view(self, position: int, wait_s: float | None = None) -> JobView:
        """The job as it stands now.

        Args:
            position: Its place in the queue, 0 once started.
            wait_s: Time until it probably starts [s].

        Returns:
            A snapshot that does not change any more.
        """
        return JobView(
            id=self.id, kind=self.job["kind"], job=self.job, state=self.state, position=position, wait_s=wait_s,
            events=tuple(self.events), message=self.message, run=self.run, elapsed_s=self.elapsed_s,
            n_owners=len(self.present), shared=len(self.owners) > 1, paused=self.paused, waiting=self.waiting,
            stopping=self.stopping_s is not None,
        )  # fmt: skip
