"""One job in a process of its own: JSON lines in and out, the end of standard input means stop.

    python -m dnis.worker

The first line of standard input is the job (see ``dnis.errands.perform``); ``play``, ``pause``, ``step``, ``stop``
and ``rest`` may follow, a line each. Standard output carries one event per line: ``started``, then ``epoch`` or
``cell`` (a search goes on with ``saved``, and ``control`` for every epoch of its control), ``held`` where it waits for
the next word, and at the end ``finished``, ``stopped`` or ``failed`` with a ``message`` of one sentence.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from typing import IO, Any

from dnis.limits import bound_memory, job_bytes

SLACK_BYTES = 2_000_000_000
"""What a worker may map beyond the limit of a job: libraries map memory that they never fill, so the server looks at
what is filled; this is for what grows too fast to be seen."""

LINGER_S = 30.0
"""Longest that a worker goes on after the end of its input, whatever it is at: its server is gone, or wants it gone."""


def main(lines: IO[str], out: IO[str], linger_s: float | None = None) -> int:
    """Do the job that the first line holds.

    Args:
        lines: Standard input.
        out: Standard output.
        linger_s: How long after the end of the input the process ends in any case [s]; None for never.

    Returns:
        The exit code: 0, or 1 where the job failed.
    """

    def emit(event: dict[str, Any]) -> None:
        out.write(json.dumps(event, allow_nan=False) + "\n")
        out.flush()

    try:
        job = _read_job(lines.readline())
        emit({"event": "started", "kind": job.get("kind")})
        emit(_work(job, lines, emit, linger_s))
    except (ValueError, OSError) as error:
        from dnis.files import disk_fault  # noqa: PLC0415  as below

        message = disk_fault(error) if isinstance(error, OSError) else None
        emit({"event": "failed", "message": message or str(error)})
        return 1
    except MemoryError:
        emit({"event": "failed", "message": _too_large()})
        return 1
    except Exception as error:  # the process ends here; the page must hear why, the log gets the rest
        traceback.print_tb(error.__traceback__)  # not the message: it may quote the data
        message = _too_large() if "can't allocate memory" in str(error) else f"{type(error).__name__}: {error}"
        emit({"event": "failed", "message": message})
        return 1
    return 0


def _read_job(line: str) -> dict[str, Any]:
    try:
        job = json.loads(line)
    except ValueError as error:
        raise ValueError(f"the job must be one line of JSON, got {line[:80]!r}") from error
    if not isinstance(job, dict):
        raise ValueError(f"the job must be a JSON object, got {line[:80]!r}")
    return job


def _too_large() -> str:
    limit = f"the limit of {job_bytes() / 1e6:,.0f} MB for one job" if job_bytes() else "there is"
    return f"This needs more memory than {limit}; take fewer dimensions, smaller batches or fewer rows."


def _work(job: dict[str, Any], lines: IO[str], emit: Any, linger_s: float | None) -> dict[str, Any]:
    # fetched after "started" is out: loading the engine takes longer than a page may stay silent
    from dnis.control import Control  # noqa: PLC0415
    from dnis.errands import perform  # noqa: PLC0415

    control = Control()
    control.on_hold = lambda: emit({"event": "held"})
    threading.Thread(target=_listen, args=(lines, control, linger_s), daemon=True).start()
    return perform(job, emit, control)


def _listen(lines: IO[str], control: Any, linger_s: float | None) -> None:
    for line in lines:
        try:
            control.tell(line.strip())
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
    control.tell("stop")
    if linger_s is not None:
        time.sleep(linger_s)
        os._exit(1)  # what was kept so far is whole: files get their names when they are


if __name__ == "__main__":
    bound_memory(job_bytes() and job_bytes() + SLACK_BYTES)
    sys.exit(main(sys.stdin, sys.stdout, LINGER_S))
