"""Play, pause, one step at a time, stop: how somebody outside steers a running job."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stopped(Exception):  # noqa: N818  nothing went wrong: somebody said stop
    """Leaves a running training from within its ``on_event``."""


class Control:
    """Whether an errand may go on: play, pause, one step at a time, or stop; safe to use from another thread."""

    def __init__(self) -> None:
        self.agree: Callable[[bool], bool] = bool  # whether any process of the job says stop
        self.on_hold: Callable[[], object] = bool  # told whenever the job has to wait for a word
        self._change = threading.Condition()
        self._steps: float = float("inf")
        self._stopped = False

    def tell(self, word: str) -> None:
        """Follow a word.

        Args:
            word: ``play``, ``pause``, ``step`` or ``stop``.

        Raises:
            ValueError: If it is another word.
        """
        with self._change:
            if word == "stop":
                self._stopped = True
            elif word in ("play", "pause", "step"):
                self._steps = {"play": float("inf"), "pause": 0, "step": 1}[word]
            else:
                raise ValueError(f"a running job understands play, pause, step and stop; got {word!r}")
            self._change.notify_all()

    def leave_if_stopped(self) -> None:
        """Get out of the middle of an epoch, which may be a long one.

        Raises:
            Stopped: If somebody has said stop.
        """
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
