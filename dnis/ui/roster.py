"""All jobs of a server and the order of those that wait: what is asked of them, without threads; knows no screen.

Whoever uses it sees to it that nobody else does at the same time.
"""

from __future__ import annotations

from collections import deque

from dnis.ui.job import ACTIVE, Job, JobView, Limits
from dnis.ui.process import WorkerProcess
from dnis.ui.waiting import Durations, remaining_s, waits_s


class Roster:
    """Jobs by id, and the queue.

    Args:
        limits: How many jobs run at a time, and how many that are over are remembered.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.jobs: dict[str, Job] = {}
        self.queue: deque[Job] = deque()
        self.durations = Durations()

    def add(self, job: Job) -> None:
        """Take in a job; one that has not run yet goes to the end of the queue."""
        self.jobs[job.id] = job
        if job.state == "queued":
            self.queue.append(job)
        over = [j.id for j in self.jobs.values() if not j.busy and j is not job]
        for job_id in over[: max(0, len(over) - self.limits.keep)]:
            del self.jobs[job_id]

    def of(self, owner: str, kind: str, job_id: str) -> Job | None:
        """A job that is not over, of that id or of that owner and kind."""
        active = [j for j in self.jobs.values() if j.state in ACTIVE]
        return next((j for j in active if j.id == job_id or (owner in j.owners and j.job["kind"] == kind)), None)

    def equal(self, key: str, owner: str) -> Job | None:
        """A search that is the same: anybody's that is under way, or one of the owner's that is done and lies there."""
        alive = [j for j in self.jobs.values() if j.key == key and j.job["kind"] == "search" and j.stopping_s is None]
        done = (j for j in alive if j.state == "finished" and owner in j.owners and j.run and j.run.is_dir())
        return next((j for j in alive if j.state in ACTIVE), None) or next(done, None)

    def next(self) -> Job | None:
        """The first in the queue, but nobody gets a second worker while others wait for their first."""
        served = set().union(*(j.present for j in self.jobs.values() if j.state == "running"))
        return next((job for job in self.queue if not job.present or job.present - served), None)

    def view(self, job_id: str) -> JobView | None:
        """A job as it stands now; None if it is not known."""
        job = self.jobs.get(job_id)
        if job is None or job not in self.queue:
            return None if job is None else job.view(0)
        place = self.queue.index(job)
        return job.view(place + 1, self._waits_s()[place])

    def views(self) -> list[JobView]:
        """Every job that is not over, in the order in which they came."""
        waits = dict(zip((job.id for job in self.queue), enumerate(self._waits_s(), start=1), strict=True))
        return [job.view(*waits.get(job.id, (0, None))) for job in self.jobs.values() if job.state in ACTIVE]

    def at_work(self) -> list[WorkerProcess]:
        """The workers of all jobs that have one."""
        return [job.process for job in self.jobs.values() if job.busy and job.process is not None]

    def ended(self) -> dict[str, int]:
        """How many of the jobs that are still remembered have ended, and how."""
        states = [job.state for job in self.jobs.values()]
        return {state: states.count(state) for state in ("finished", "stopped", "failed")}

    def _waits_s(self) -> list[float]:
        expected_s, running = self.durations.expected_s, []
        for job in (j for j in self.jobs.values() if j.busy and j.state != "queued"):
            last = next((e for e in reversed(job.events) if e["event"] == "epoch"), {})
            pace = last.get("epoch", 0), last.get("epochs", 0)
            running.append(remaining_s(expected_s(job.job["kind"]), job.elapsed_s, *pace))
        return waits_s(running, [expected_s(job.job["kind"]) for job in self.queue], self.limits.n_workers)
