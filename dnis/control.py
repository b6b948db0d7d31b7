"""Play, pause, one step at a time, stop, a moment's rest: how somebody outside steers a running job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

REST_S, AWAKE_S = 0.3, 0.6
"""How long a job rests where it is told to, and how long it then works, however often it is told [s]."""


class Stopped(Exception):  # noqa: N818  nothing went wrong: somebody said stop
    """Leaves a running training from within its ``on_event``."""


class Control:
    """Whether an errand may go on, as somebody says from another thread."""

    def __init__(self) -> None:
        self.agree: Callable[[bool], bool] = bool  # whether any process of the job says stop
        self.on_hold: Callable[[], object] = bool  # told whenever the job has to wait for a word
        self._change = threading.Condition()
        self._steps: float = float("inf")
        self._rested_s = -AWAKE_S
        self._stopped = False

    def tell(self, word: str) -> None:
        """Follow a word.

        Args:
            word: ``play``, ``pause``, ``step``, ``stop``, or ``rest``: leave the machine to others for a moment.

        Raises:
            ValueError: If it is another word.
        """
        with self._change:
            if word == "stop":
                self._stopped = True
            elif word in ("play", "pause", "step"):
                self._steps = {"play": float("inf"), "pause": 0, "step": 1}[word]
            elif word == "rest":
                now_s = time.monotonic()
                if now_s >= self._rested_s + AWAKE_S:
                    self._rested_s = now_s + REST_S
            else:
                raise ValueError(f"a running job understands play, pause, step, stop and rest; got {word!r}")
            self._change.notify_all()

    def heed(self) -> None:
        """Rest in the middle of an epoch, which may be a long one, or get out of it.

        Raises:
            Stopped: If somebody has said stop.
        """
        rest_s = self._rested_s - time.monotonic()
        if rest_s > 0:
            time.sleep(rest_s)
        if self.agree(self._stopped):
            raise Stopped

    def may_go_on(self) -> bool:
        """Wait for the next turn.

        Returns:
            False if it is time to stop.
        """
        with self._change:
            while not (self._stopped or self._steps > 0):
                self.on_hold()
                self._change.wait()
            self._steps -= 1
            stopped = self._stopped
        return not self.agree(stopped)
