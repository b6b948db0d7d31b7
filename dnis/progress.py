"""A running errand as a terminal shows it: a bar, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from dnis.control import Control


@contextmanager
def stop_on_interrupt(control: Control) -> Generator[None]:
    """The first Ctrl-C ends the job after its epoch and keeps what was reached, the second one ends it at once.

    Args:
        control: The job's control.

    Yields:
        Nothing.
    """
    before = signal.getsignal(signal.SIGINT)

    def hear(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        control.tell("stop")

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Progress:
    """A bar on standard error that follows an errand's events."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._phase = ""

    def __enter__(self) -> Progress:
        """The bar appears with the first event."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def __call__(self, event: dict[str, Any]) -> None:
        """Follow one event.

        Args:
            event: ``epoch`` or ``control`` with epoch and epochs, or ``cell`` with done and n_cells; ``estimate`` is
                said, others do not move the bar.
        """
        if event["event"] == "estimate":
            minutes = max(1, round(event["seconds"] / 60))
            tqdm.write(f"about {minutes} min, less what is finished; Ctrl-C keeps finished cells", file=sys.stderr)
        if event["event"] not in ("epoch", "control", "cell"):
            return
        by_cell = event["event"] == "cell"
        done, total = (event["done"], event["n_cells"]) if by_cell else (event["epoch"], event["epochs"])
        phase = event.get("phase", event["event"])
        phase = "search" if phase in ("warm", "entries") else phase
        if self._bar is None or phase != self._phase:
            self.__exit__()
            self._bar = tqdm(total=total, unit=" cells" if by_cell else " epochs", desc=phase, file=sys.stderr)
            self._phase = phase
        loss = event.get("losses", {}).get("select_val")
        self._bar.set_postfix_str("" if loss is None else f"val loss {loss:.4f}", refresh=False)
        self._bar.update(done - self._bar.n)
