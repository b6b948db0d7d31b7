"""One worker process: a job in, events out, words to it in between."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LOG = logging.getLogger(__name__)

_TAIL_BYTES = 4000


class WorkerProcess:
    """A subprocess that reads one JSON job and writes one JSON event per line."""

    def __init__(self, command: Sequence[str]) -> None:
        """Prepare, but do not start yet.

        Args:
            command: The worker's command line.
        """
        self._command = tuple(command)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._finish_asked = False
        self._error = ""

    def run(self, job: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> None:
        """Start the worker, hand it the job, and pass its events on until it ends.

        Args:
            job: What the worker reads.
            on_event: Called with every event, from this thread.
        """
        with tempfile.TemporaryFile() as errors:
            try:
                self._start(job, errors)
            except OSError as error:
                self._error = f"the worker could not be started: {error.strerror}"
                return
            for line in self._process.stdout:
                event = _event(line)
                if event is not None:
                    on_event(event)
            self._process.wait()
            errors.seek(max(0, errors.tell() - _TAIL_BYTES))
            tail = errors.read().decode(errors="replace")
            if self._process.returncode and not self._finish_asked:
                LOG.warning("worker ended with code %s: %s", self._process.returncode, tail)

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
            if self._process is not None:
                try:
                    self._process.stdin.close()
                except OSError:
                    LOG.info("the worker had ended before it was asked to")

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def obituary(self) -> str:
        """One sentence on why the worker ended without saying so."""
        if self._error:
            return self._error
        code = self._process.returncode
        if code == -signal.SIGKILL:
            return "The worker was ended by the system, most likely because memory ran out; try fewer dimensions or less data."
        return f"The worker ended without a result (code {code}); the server's log says more."

    def _start(self, job: dict[str, Any], errors: Any) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self._lock:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8",
                env=environment,
            )  # fmt: skip
            if hasattr(os, "setpriority"):
                # The page must stay quick while a worker computes.
                os.setpriority(os.PRIO_PROCESS, self._process.pid, 5)
            self._write(json.dumps(job))
            if self._finish_asked:
                self._process.stdin.close()

    def _write(self, line: str) -> bool:
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError, AttributeError):
            return False
        return True


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        LOG.warning("not an event: %s", line[:200])
        return None
    if not isinstance(event, dict) or "event" not in event:
        return None
    if event.get("alpha") is not None:
        # A list of Python floats takes ten times the memory, and a server keeps many epochs of many jobs.
        event["alpha"] = np.asarray(event["alpha"], dtype=np.float32)
    return event
