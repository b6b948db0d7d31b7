"""A sign of life on a shared disk: a file that a worker keeps touching, so that the others see when it fell silent."""

from __future__ import annotations

import secrets
import socket
import threading
from pathlib import Path

PULSES = "workers"
"""Name in the study's folder: a file per worker that is there."""


class Pulse:
    """A file that this process keeps touching while it lives.

    Args:
        folder: The study's folder.
        every_s: Seconds between touches.
    """

    def __init__(self, folder: Path, every_s: float) -> None:
        self.worker = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self.path, self.every_s = folder / PULSES / self.worker, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Pulse:
        """Touch it now, and go on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        """Take the file away: who has left is not waited for."""
        self._over.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(self.every_s):
            self.path.touch()

    def silence_s(self, worker: str) -> float:
        """How long another worker has been silent, by the clock of the disk that both write to [s].

        Args:
            worker: Its name.

        Returns:
            Seconds; infinity for one that has left.
        """
        self.path.touch()
        try:
            return self.path.stat().st_mtime - (self.path.parent / worker).stat().st_mtime
        except FileNotFoundError:
            return float("inf")
