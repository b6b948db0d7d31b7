"""One worker process: a job in, events out, words to it in between."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from typing import IO, Any

import numpy as np

LOG = logging.getLogger(__name__)

_TAIL_BYTES = 4000

NICENESS = 5
"""Unix priority of a worker: pages, drawn on the same cores, come first. Not much further behind: where others keep all
cores busy, a search can wait more than a minute for its first epoch."""


class WorkerProcess:
    """A subprocess that reads one JSON job and writes one JSON event per line."""

    def __init__(self, command: Sequence[str]) -> None:
        """Prepare, but do not start yet.

        Args:
            command: The worker's command line.
        """
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._finish_asked = False
        self._code = 0
        self._error = ""

    @property
    def pid(self) -> int | None:
        """Number of the process, None before it has started."""
        return None if self._process is None else self._process.pid

    def run(self, job: dict[str, Any], on_event: Callable[[dict[str, Any]], None], word: str = "play") -> None:
        """Start the worker, hand it the job, and pass its events on until it ends.

        Args:
            job: What the worker reads.
            on_event: Called with every event, from this thread.
            word: Told to the worker together with the job.
        """
        started_s = time.monotonic()
        with ExitStack() as opened:
            try:
                errors = opened.enter_context(tempfile.TemporaryFile())
                process = self._start(job, word, errors)
            except OSError as error:
                self._error = f"The worker could not be started: {error.strerror}."
                return
            with process.stdout or nullcontext(()) as lines:
                for event in filter(None, map(_event, lines)):
                    on_event(event)
            self._code = process.wait()
            with self._lock:
                self._close()
            seconds = round(time.monotonic() - started_s, 1)
            LOG.info("worker ended", extra={"kind": job.get("kind"), "code": self._code, "seconds": seconds})
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _TAIL_BYTES))
            if self._code and not self._finish_asked:
                LOG.warning("worker ended with code %s: %s", self._code, errors.read().decode(errors="replace"))

    def tell(self, word: str) -> bool:
        """Write one line to the worker.

        Args:
            word: The line.

        Returns:
            Whether it could be written.
        """
        with self._lock:
            return self._write(word)

    def finish(self) -> None:
        """Close the worker's standard input, which asks it to stop at its next step."""
        with self._lock:
            self._finish_asked = True
            self._close()

    def kill(self) -> None:
        """End the worker at once."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def obituary(self) -> str:
        """One sentence on why the worker ended without saying so."""
        if self._error:
            return self._error
        if self._code in (-signal.SIGKILL, -signal.SIGABRT):
            return "The worker was ended by the system, most likely because memory ran out; try fewer dimensions."
        return f"The worker ended without a result (code {self._code}); the server's log says more."

    def _start(self, job: dict[str, Any], word: str, errors: IO[bytes]) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self._lock:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                encoding="utf-8", env=environment,
            )  # fmt: skip
            if hasattr(os, "setpriority"):
                # a server that is itself behind others may not put its worker before them
                niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
                os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)
            self._write(f"{json.dumps(job)}\n{word}")
            if self._finish_asked:
                self._close()
            return self._process

    def _write(self, line: str) -> bool:
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return False
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return True

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                LOG.info("the worker had ended before it was asked to")


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        LOG.warning("a worker wrote a line of %d characters that is no event", len(line))
        return None
    if not isinstance(event, dict) or "event" not in event:
        return None
    if event.get("alpha") is not None:
        # A list of Python floats takes ten times the memory, and a server keeps many epochs of many jobs.
        event["alpha"] = np.asarray(event["alpha"], dtype=np.float32)
    return event
