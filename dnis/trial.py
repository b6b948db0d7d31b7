"""A file from a stranger, read first in a process of its own, whose time and memory are bounded.

    python -m dnis.trial FILE

Prints one JSON line: ``{"refusal": null}``, or the sentence that says why the file cannot be used. What would crash a
reader, fill the memory or never end does so there, and not in the server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from dnis.limits import DataError

MAX_SECONDS = 30
"""Longest that a trial may take [s]."""

MAX_MEMORY_BYTES = 2_000_000_000
"""Most memory that a trial may take for its data [bytes]."""


def try_file(path: str | Path) -> None:
    """Refuse a file that cannot be read within bounds; the same file is tried once.

    Args:
        path: A CSV, gzipped CSV or Parquet file.

    Raises:
        DataError: If it cannot be read, takes too long or too much memory, or crashes its reader.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    facts = path.stat()
    refusal = _tried(str(path), (facts.st_size, facts.st_mtime_ns))
    if refusal is not None:
        raise DataError(refusal)


@lru_cache(maxsize=256)
def _tried(path: str, stamp: tuple[int, int]) -> str | None:
    name = Path(path).name
    command = [sys.executable, "-m", "dnis.trial", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{name} takes longer than the limit of {MAX_SECONDS} s to read; take a part of its rows"
    try:
        refusal = json.loads(done.stdout.splitlines()[-1])["refusal"]
    except (IndexError, ValueError, KeyError, TypeError):
        return f"{name} could not be read: its reader ended with code {done.returncode}"
    return None if refusal is None else str(refusal)


def main(path: str) -> int:
    """Read a file within bounds and say on standard output what came of it.

    Args:
        path: The file.

    Returns:
        The exit code, always 0: a refusal is an answer.
    """
    from dnis.reading import read_frame  # noqa: PLC0415  its libraries map memory that is not the file's

    _bound_memory()
    refusal = None
    try:
        read_frame(path)
    except (ValueError, OSError) as error:
        refusal = str(error)
    except MemoryError:
        refusal = f"{Path(path).name} needs more than the limit of {MAX_MEMORY_BYTES / 1e9:g} GB of memory"
    except Exception as error:  # whatever a library raises over a hostile file, the server must hear it as a sentence
        refusal = f"{Path(path).name} could not be read: {type(error).__name__}"
    sys.stdout.write(json.dumps({"refusal": refusal}) + "\n")
    return 0


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415  not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
