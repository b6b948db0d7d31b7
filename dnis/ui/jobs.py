"""A bounded first-in-first-out queue of worker processes; it knows neither Streamlit nor torch.

One job is one ``python -m dnis.worker`` process: the job goes in as one JSON line, events come out as JSON lines, and
the end of its standard input means stop. So a worker can never outlive the server, take it down, or disturb another
job's random numbers.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from dnis.ui.job import ACTIVE, Job, JobView, Limits, QueueFullError
from dnis.ui.process import WorkerProcess

WORKER = (sys.executable, "-m", "dnis.worker")
"""The command that does a job."""


class JobRunner:
    """Runs jobs in worker processes, a few at a time, the others wait in turn."""

    def __init__(self, folder: Path, command: Sequence[str] = WORKER, limits: Limits | None = None) -> None:
        """Start the threads that feed the workers.

        Args:
            folder: Where a search's run folder is made; its name is the job's id.
            command: The worker's command line.
            limits: How much is done at a time.
        """
        self.folder = folder
        self.command = tuple(command)
        self.limits = limits or Limits()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._change = threading.Condition()
        self._closed = False
        targets = [self._work] * self.limits.n_workers + [self._watch]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    def submit(self, owner: str, job: dict[str, Any], word: str = "play") -> str:
        """Queue a job, or join one that is the same or that the owner already has under way.

        Equal data, settings and seed give equal results, so a class that presses Start together shares one search.

        Args:
            owner: Token of the session.
            job: What the worker reads; ``out`` is filled in here where the job makes a run.
            word: What a new job is told first: ``play``, or ``step`` to hold after one epoch.

        Returns:
            The job's id, which is also the name of its run folder.

        Raises:
            QueueFullError: If too many jobs wait already.
        """
        key = json.dumps(job, sort_keys=True)
        # a search that is taken up keeps its folder, and so its id and its link
        name = Path(job["out"]).name if job.get("resume") else token_urlsafe(16)
        with self._change:
            found = self._under_way(owner, job["kind"], name) or self._same(key)
            if found is not None:
                self._join(found, owner)
                return found.id
            if len(self._queue) >= self.limits.max_queue:
                raise QueueFullError(f"{len(self._queue)} jobs are waiting already; try again in a few minutes")
            new = Job(id=name, key=key, job=dict(job), owners={owner}, word=word)
            new.job.setdefault("out", str(self.folder / new.id))
            self._jobs[new.id] = new
            self._queue.append(new)
            self._forget_old()
            self._change.notify_all()
            return new.id

    def status(self, job_id: str | None) -> JobView | None:
        """A job as it stands now.

        Args:
            job_id: The id, possibly from an address bar.

        Returns:
            The view, or None if no such job is known (any more).
        """
        with self._change:
            job = self._jobs.get(job_id or "")
            if job is None:
                return None
            return job.view(self._queue.index(job) + 1 if job in self._queue else 0)

    def active(self) -> list[JobView]:
        """Every job that is not over."""
        with self._change:
            return [job.view(0) for job in self._jobs.values() if job.state in ACTIVE]

    def stop(self, job_id: str, owner: str | None = None) -> None:
        """End a job at its next step, or only leave it where other sessions watch it too.

        Args:
            job_id: The job.
            owner: The session that asks; None stops it for everyone.
        """
        with self._change:
            job = self._jobs.get(job_id)
            if job is None or job.state not in ACTIVE:
                return
            if owner is not None:
                job.owners.discard(owner)
                if job.present:
                    return
            self._stop(job, "")

    def send(self, job_id: str, word: str) -> bool:
        """Tell a running search to ``pause``, ``play`` or ``step``; refused where several sessions share it.

        Args:
            job_id: The job.
            word: What to tell it.

        Returns:
            Whether the word was passed on.
        """
        with self._change:
            job = self._jobs.get(job_id)
            if job is None or job.state != "running" or len(job.present) > 1 or job.process is None:
                return False
            job.paused = word != "play"
            return job.process.tell(word)

    def adopt(self, owner: str, job_id: str | None = None) -> None:
        """A session is (back) at its jobs, or joins one by its link.

        Args:
            owner: Token of the session.
            job_id: A job to join, too.
        """
        with self._change:
            for job in self._jobs.values():
                if owner in job.owners or job.id == job_id:
                    self._join(job, owner)

    def orphan(self, owner: str) -> None:
        """A session has gone, perhaps only for a moment: what nobody else watches ends after the grace time.

        Args:
            owner: Token of the session.
        """
        with self._change:
            for job in self._jobs.values():
                if owner in job.present:
                    job.away.add(owner)
                    job.orphaned_s = None if job.present else time.monotonic()

    def close(self) -> None:
        """Stop every job and the threads."""
        with self._change:
            self._closed = True
            for job in self._jobs.values():
                if job.state in ACTIVE:
                    self._stop(job, "")
            self._change.notify_all()
        for thread in self._threads:
            thread.join(self.limits.kill_s + 2.0)

    def _join(self, job: Job, owner: str) -> None:
        job.owners.add(owner)
        job.away.discard(owner)
        job.orphaned_s = None

    def _under_way(self, owner: str, kind: str, name: str) -> Job | None:
        active = [j for j in self._jobs.values() if j.state in ACTIVE]
        return next((j for j in active if j.id == name or (owner in j.owners and j.job["kind"] == kind)), None)

    def _same(self, key: str) -> Job | None:
        alive = (j for j in self._jobs.values() if j.key == key and j.job["kind"] == "search" and j.stopping_s is None)
        return next(
            (j for j in alive if j.state in ACTIVE or (j.state == "finished" and j.run and j.run.is_dir())), None
        )

    def _forget_old(self) -> None:
        over = [j.id for j in self._jobs.values() if j.state not in ACTIVE]
        for job_id in over[: max(0, len(over) - self.limits.keep)]:
            del self._jobs[job_id]

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                job = self._queue.popleft()
                job.state, job.started_s, job.paused = "running", time.monotonic(), job.word != "play"
                job.process = process = WorkerProcess(self.command)
            process.run(job.job, partial(self._hear, job), job.word)
            self._end(job, process)

    def _hear(self, job: Job, event: dict[str, Any]) -> None:
        with self._change:
            job.events.append(event)
            if event.get("run"):
                job.run = Path(event["run"])
            if event["event"] == "failed":
                job.message = str(event.get("message", ""))

    def _end(self, job: Job, process: WorkerProcess) -> None:
        with self._change:
            last = job.events[-1]["event"] if job.events else ""
            job.ended_s, job.paused = time.monotonic(), False
            if last in ("finished", "failed", "stopped"):
                job.state = last
            elif job.stopping_s is not None:
                job.state = "stopped"
            else:
                job.state, job.message = "failed", process.obituary()

    def _stop(self, job: Job, message: str) -> None:
        job.message = message
        if job in self._queue:
            self._queue.remove(job)
            job.state = "stopped"
        elif job.process is not None and job.stopping_s is None:
            job.stopping_s = time.monotonic()
            job.process.finish()

    def _watch(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed, timeout=min(1.0, self.limits.kill_s / 3))
                for job in [j for j in self._jobs.values() if j.state in ACTIVE]:
                    self._check(job, time.monotonic())
                if self._closed and not any(j.state == "running" for j in self._jobs.values()):
                    return

    def _check(self, job: Job, now_s: float) -> None:
        if job.stopping_s is not None:
            if job.process is not None and now_s - job.stopping_s > self.limits.kill_s:
                job.process.kill()
        elif job.orphaned_s is not None and now_s - job.orphaned_s > self.limits.grace_s:
            self._stop(job, "It was stopped because nobody was watching any more.")
        elif job.state == "running" and job.elapsed_s > self.limits.limit_s:
            self._stop(job, f"It was stopped at the limit of {self.limits.limit_s / 60:.0f} minutes.")
