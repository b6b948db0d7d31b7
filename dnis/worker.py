"""One job in a process of its own: JSON lines in and out, the end of standard input means stop.

    python -m dnis.worker

The first line of standard input is the job (see ``dnis.errands.perform``); ``play``, ``pause``, ``step`` and ``stop``
may follow, a line each. Standard output carries one event per line: ``started``, then ``epoch`` or ``cell`` (a search
goes on with ``saved``, and ``control`` for every epoch of its control), and at the end ``finished``, ``stopped`` or
``failed`` with a ``message`` of one sentence.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from typing import IO, Any


def main(lines: IO[str], out: IO[str]) -> int:
    """Do the job that the first line holds.

    Args:
        lines: Standard input.
        out: Standard output.

    Returns:
        The exit code: 0, or 1 where the job failed.
    """

    def emit(event: dict[str, Any]) -> None:
        out.write(json.dumps(event, allow_nan=False) + "\n")
        out.flush()

    try:
        job = _read_job(lines.readline())
        emit({"event": "started", "kind": job.get("kind")})
        emit(_work(job, lines, emit))
    except (ValueError, OSError) as error:
        from dnis.files import disk_fault  # noqa: PLC0415  as below

        message = disk_fault(error) if isinstance(error, OSError) else None
        emit({"event": "failed", "message": message or str(error)})
        return 1
    except Exception as error:  # the process ends here; the page must hear why, the log gets the rest
        traceback.print_tb(error.__traceback__)  # not the message: it may quote the data
        emit({"event": "failed", "message": f"{type(error).__name__}: {error}"})
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


def _work(job: dict[str, Any], lines: IO[str], emit: Any) -> dict[str, Any]:
    # fetched after "started" is out: loading the engine takes longer than a page may stay silent
    from dnis.control import Control  # noqa: PLC0415
    from dnis.errands import perform  # noqa: PLC0415

    control = Control()
    threading.Thread(target=_listen, args=(lines, control), daemon=True).start()
    return perform(job, emit, control)


def _listen(lines: IO[str], control: Any) -> None:
    for line in lines:
        try:
            control.tell(line.strip())
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
    control.tell("stop")


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
