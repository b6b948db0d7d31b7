"""How long a job in the queue will probably wait, told from what jobs of its kind took; knows no screen."""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict, deque
from collections.abc import Sequence

FIRST_GUESS_S = {"search": 30.0, "retrain": 20.0, "compare": 180.0}
"""What a job of a kind is taken to need before one has ended [s]."""

REMEMBERED = 20
"""How many jobs of a kind the guess rests on."""


class Durations:
    """What jobs took of late, by kind."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def note(self, kind: str, seconds: float) -> None:
        """Remember a job that ran to its end.

        Args:
            kind: Its kind.
            seconds: What it took [s].
        """
        self._taken[kind].append(seconds)

    def expected_s(self, kind: str) -> float:
        """What the next job of a kind will probably take.

        Args:
            kind: Its kind.

        Returns:
            The median of the last ones, or a first guess [s].
        """
        taken = self._taken.get(kind)
        return statistics.median(taken) if taken else FIRST_GUESS_S.get(kind, 60.0)


def remaining_s(expected_s: float, elapsed_s: float, done: int = 0, total: int = 0) -> float:
    """What a running job still needs.

    Args:
        expected_s: What jobs of its kind take [s].
        elapsed_s: How long it has run [s].
        done: Epochs that it has done.
        total: Epochs that it will do at most; 0 where that is not known.

    Returns:
        The smaller of two guesses [s]: by the time of others, and by its own pace; at least 1 s.
    """
    guesses = [expected_s - elapsed_s] if expected_s > elapsed_s else []
    if done and total:
        guesses.append(elapsed_s / done * (total - done))
    return max(1.0, min(guesses, default=1.0))


def waits_s(running: Sequence[float], queued: Sequence[float], n_workers: int) -> list[float]:
    """When each job of a queue will start, if all goes as expected.

    Args:
        running: What every running job still needs [s].
        queued: What every waiting job will take, in its order [s].
        n_workers: Jobs at a time.

    Returns:
        Time until each waiting job starts [s].
    """
    free = [0.0] * max(0, n_workers - len(running)) + list(running)
    heapq.heapify(free)
    starts = []
    for takes in queued:
        starts.append(heapq.heappop(free))
        heapq.heappush(free, starts[-1] + takes)
    return starts
