"""A file from a stranger, read first in a process of its own, whose time and memory are bounded.

    python -m dnis.trial table FILE COLUMNS
    python -m dnis.trial run FOLDER UPLOADS < ZIP

Prints one JSON line: ``refusal`` is null, or the sentence that says why the file cannot be used; of a table, ``facts``
and ``problems`` tell what is in it. What would crash a reader, fill the memory or never end does so there, and not in
the server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dnis.limits import DataError

MAX_SECONDS = 30
"""Longest that a trial may take [s]."""

MAX_MEMORY_BYTES = 2_000_000_000
"""Most memory that a trial may take for its data [bytes]."""


@dataclass(frozen=True)
class Examination:
    """What a trial tells of a table: the fields of ``ColumnFacts`` and ``Problem``, and why its roles will not do."""

    facts: tuple[dict[str, Any], ...]
    problems: tuple[dict[str, Any], ...]
    refusal: str | None


def checked(path: str | Path, columns: tuple[tuple[str, str], ...] = ()) -> Path:
    """Refuse a table that cannot be read, or not be used with some roles.

    Args:
        path: A CSV, gzipped CSV or Parquet file.
        columns: (role, column) pairs that change the guessed roles.

    Returns:
        The path.

    Raises:
        DataError: If it cannot be used.
    """
    refusal = examine(path, columns).refusal
    if refusal is not None:
        raise DataError(refusal)
    return Path(path)


def examine(path: str | Path, columns: tuple[tuple[str, str], ...] = ()) -> Examination:
    """Look at a table, and try whether it can be used with some roles; the same question is asked once.

    Args:
        path: A CSV, gzipped CSV or Parquet file.
        columns: (role, column) pairs that change the guessed roles.

    Returns:
        What is in the table.

    Raises:
        DataError: If it cannot be read, takes too long or too much memory, or crashes its reader.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    facts = path.stat()
    told = _told(str(path), (facts.st_size, facts.st_mtime_ns), columns)
    if told.get("facts") is None:
        raise DataError(str(told["refusal"]))
    return Examination(tuple(told["facts"]), tuple(told["problems"]), told["refusal"])


def try_run(content: bytes, folder: Path, uploads: Path) -> Path:
    """Unpack a run from a zip as ``archives.open_zip`` does, in a process of its own.

    Args:
        content: The zip.
        folder: Where the run goes; must not exist yet.
        uploads: Where uploaded files lie.

    Returns:
        The folder.

    Raises:
        DataError: If it is no run, takes too long or too much memory, or crashes its reader.
    """
    try:
        told = _asked("the zip", ["run", str(folder), str(uploads)], content)
        if told["refusal"] is not None:
            raise DataError(str(told["refusal"]))
    except DataError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


@lru_cache(maxsize=256)
def _told(path: str, stamp: tuple[int, int], columns: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return _asked(Path(path).name, ["table", path, json.dumps(columns)])


def _asked(name: str, words: list[str], content: bytes = b"") -> dict[str, Any]:
    command = [sys.executable, "-m", "dnis.trial", *words]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        # raised, not told: what a busy machine did not answer may be asked again
        raise DataError(f"{name} takes longer than the limit of {MAX_SECONDS} s to read; take a part of it") from error
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        return {"refusal": told["refusal"], **told}
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{name} could not be read: its reader ended with code {done.returncode}") from error


def main(kind: str, path: str, more: str) -> int:
    """Read a file within bounds and say on standard output what came of it.

    Args:
        kind: ``table``, or ``run`` for a zip on standard input.
        path: The table, or the folder that the run goes to.
        more: Roles of the table's columns as JSON, or where uploads lie.

    Returns:
        The exit code, always 0: a refusal is an answer.
    """
    from dnis import archives, files, ids, interactions, problems, reading  # noqa: PLC0415  who asks needs none

    _bound_memory()
    told: dict[str, Any] = {"refusal": None}
    try:
        if kind == "run":
            archives.open_zip(sys.stdin.buffer.read(), Path(path), Path(more))
        else:
            frame = reading.read_frame(path)
            told |= {"facts": [asdict(fact) for fact in problems.facts_of(frame)], "problems": []}
            roles = interactions.Roles.guess(frame).override(tuple((r, c) for r, c in json.loads(more)))
            told["problems"] = [asdict(problem) for problem in problems.problems_of(frame, roles)]
            interactions.Interactions.from_frame(ids.as_written(frame, path, roles), roles)
    except ValueError as error:
        told["refusal"] = str(error)
    except OSError as error:
        told["refusal"] = files.disk_fault(error) or error.strerror or type(error).__name__
    except MemoryError:
        told["refusal"] = f"{Path(path).name} needs more than the limit of {MAX_MEMORY_BYTES / 1e9:g} GB of memory"
    except Exception as error:  # whatever a library raises over a hostile file, the server must hear it as a sentence
        told["refusal"] = f"{Path(path).name} could not be read: {type(error).__name__}"
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415  not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
