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
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from dnis.ui.job import ACTIVE, Job, JobView, Limits, QueueFullError
from dnis.ui.process import WorkerProcess
from dnis.ui.roster import Roster
from dnis.ui.shelf import Shelf, copy_search

WORKER = (sys.executable, "-m", "dnis.worker")
"""The command that does a job."""


class JobRunner:
    """Runs jobs in worker processes, a few at a time, the others wait in turn."""

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = WORKER,
        limits: Limits | None = None,
        recorded: tuple[Path, ...] = (),
    ) -> None:
        """Start the threads that feed the workers.

        Args:
            folder: Where a search's run folder is made; its name is the job's id.
            command: The worker's command line.
            limits: How much is done at a time.
            recorded: Folders of finished searches that come with the project.
        """
        self.folder = folder
        self.command = tuple(command)
        self.limits = limits or Limits()
        self._roster = Roster(self.limits)
        self._change = threading.Condition()
        self._closed = False
        self._shelf = Shelf(folder, recorded)
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
            found = self._roster.of(owner, job["kind"], name) or self._roster.equal(key, owner)
            if found is not None:
                found.join(owner)
                return found.id
            new = Job(id=name, key=key, job=dict(job), owners={owner}, word=word)
            done = self._shelf.find(job)
            if done is not None:
                return self._hand_over(done, new)
            waiting = len(self._roster.queue)
            if waiting >= self.limits.max_queue:
                raise QueueFullError(f"{waiting} jobs are waiting already; try again in a few minutes")
            new.job.setdefault("out", str(self.folder / new.id))
            self._roster.add(new)
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
            return self._roster.view(job_id or "")

    def active(self) -> list[JobView]:
        """Every job that is not over, in the order in which they came."""
        with self._change:
            return self._roster.views()

    def ended(self) -> dict[str, int]:
        """How many jobs of late ended as ``finished``, ``stopped`` and ``failed``."""
        with self._change:
            return self._roster.ended()

    def workers(self) -> list[int]:
        """Process numbers of the workers."""
        with self._change:
            pids = [process.pid for process in self._roster.at_work()]
        return [pid for pid in pids if pid is not None]

    def stop(self, job_id: str, owner: str | None = None) -> None:
        """End a job at its next step, or only leave it where other sessions watch it too.

        Args:
            job_id: The job.
            owner: The session that asks; None stops it for everyone.
        """
        with self._change:
            job = self._roster.jobs.get(job_id)
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
            job = self._roster.jobs.get(job_id)
            if job is None or job.state != "running" or len(job.present) > 1 or job.process is None:
                return False
            # a worker that waits hears a step at once; another one ends the epoch under way first
            job.paused, job.waiting = word != "play", job.waiting and word == "pause"
            return job.process.tell(word)

    def rest(self) -> None:
        """Have the searches that run leave the machine for a moment to a page that is being opened."""
        with self._change:
            for process in self._roster.at_work():
                process.tell("rest")

    def adopt(self, owner: str, job_id: str | None = None) -> None:
        """A session is (back) at its jobs, or joins one by its link.

        Args:
            owner: Token of the session.
            job_id: A job to join, too.
        """
        with self._change:
            for job in self._roster.jobs.values():
                if owner in job.owners or job.id == job_id:
                    job.join(owner)

    def orphan(self, owner: str) -> None:
        """A session has gone, perhaps only for a moment: what nobody else watches ends after the grace time.

        Args:
            owner: Token of the session.
        """
        with self._change:
            for job in self._roster.jobs.values():
                job.leave(owner)

    def close(self) -> None:
        """Stop every job and the threads."""
        with self._change:
            self._closed = True
            for job in self._roster.jobs.values():
                if job.state in ACTIVE:
                    self._stop(job, "")
            self._change.notify_all()
        for thread in self._threads:
            thread.join(self.limits.kill_s + 2.0)

    def _hand_over(self, done: Path, new: Job) -> str:
        """Give a finished search to a session: the recorded run itself, or a copy of what another session has made."""
        if done.parent != self.folder:
            new.id, new.run = done.name, done
        else:
            new.run = self.folder / new.id
            copy_search(done, new.run, new.job.get("name", ""))
        new.state = "finished"
        self._roster.add(new)
        return new.id

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._roster.next() or self._closed)
                job = self._roster.next()
                if self._closed or job is None:
                    return
                self._roster.queue.remove(job)
                job.state, job.started_s, job.paused = "running", time.monotonic(), job.word != "play"
                job.process = process = WorkerProcess(self.command)
            process.run(job.job, partial(self._hear, job), job.word)
            with self._change:
                job.end(process)
                if job.state == "finished":
                    self._roster.durations.note(job.job["kind"], job.elapsed_s)
                    if job.run is not None:
                        self._shelf.put(job.job, job.run)
                self._change.notify_all()

    def _hear(self, job: Job, event: dict[str, Any]) -> None:
        with self._change:
            job.hear(event)

    def _stop(self, job: Job, message: str) -> None:
        job.message = message
        if job in self._roster.queue:
            self._roster.queue.remove(job)
            job.state = "stopped"
        elif job.process is not None and job.stopping_s is None:
            job.stopping_s = time.monotonic()
            job.process.finish()

    def _watch(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed, timeout=min(0.5, self.limits.kill_s / 3))
                for job in [j for j in self._roster.jobs.values() if j.busy]:
                    why = "" if job.stopping_s is not None else job.overdue(self.limits)
                    if why:
                        self._stop(job, why)
                    job.press(self.limits)
                if self._closed and not any(job.busy for job in self._roster.jobs.values()):
                    return
