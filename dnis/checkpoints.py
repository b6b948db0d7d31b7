"""The state of a running search on disk, so that it can be taken up again, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from dnis.files import read_tensors, tensor_shapes, write_tensors
from dnis.reading import DataError

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file in the run's folder."""

_PART = ".checkpoint-"
"""How the names of files begin in which several processes keep their rows."""

LOCK = ".lock"
"""Name of the file that a worker holds."""


def save_checkpoint(
    folder: str | Path,
    arrays: dict[str, np.ndarray],
    meta: dict[str, Any],
    place: tuple[int, int] = (0, 1),
    meet: Callable[[], object] = lambda: None,
) -> None:
    """Write the state of a search (``Search.state()``) so that its parts always fit together.

    One process writes one file. Of several, each writes the rows that live with it, and the first one the rest, with
    the names of all parts, when these are there; no process ever holds a whole table.

    Args:
        folder: The run's folder, the same for all processes.
        arrays: Arrays by name, as this process has them.
        meta: What JSON can hold; ``dealt`` names the arrays whose rows are dealt over the processes.
        place: This process's number, and how many there are.
        meet: Waits for all processes.
    """
    folder, (rank, world) = Path(folder), place
    named = [f"{_PART}{len(meta['history'])}-{i}-of-{world}.safetensors" for i in range(world)] if world > 1 else []
    if named:
        write_tensors(folder / named[rank], {name: arrays[name] for name in meta["dealt"]})
        arrays = {name: values for name, values in arrays.items() if name not in meta["dealt"]}
        meet()
    if rank == 0:
        write_tensors(folder / CHECKPOINT, arrays, {"meta": json.dumps({**meta, "parts": named})})
        _drop_parts(folder, named)
    if named:
        meet()  # nobody is an epoch ahead of the file that says what belongs together


def _drop_parts(folder: Path, kept: Sequence[str] = ()) -> None:
    """Remove the parts that are not kept, and the drafts that a killed process left of a part or of the state."""
    for pattern in (f"{_PART}*", f".{_PART}*", f".{CHECKPOINT}.*"):
        for path in folder.glob(pattern):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def load_checkpoint(
    folder: str | Path, place: tuple[int, int] = (0, 1), digest: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the state of a search, to hand to ``Search(..., state=...)``.

    Args:
        folder: The run's folder.
        place: This process's number, and how many there are: not always as many as wrote the state.
        digest: That of the data to go on with (``Split.digest``); an older state does not tell which data it is of.

    Returns:
        Arrays by name, of dealt ones the rows of this process, and the record.

    Raises:
        DataError: If there is no checkpoint, it is damaged, of other data, or a part is missing.
    """
    arrays, texts = read_tensors(Path(folder) / CHECKPOINT)
    if "meta" not in texts:
        raise DataError(f"{Path(folder) / CHECKPOINT} is not a checkpoint: its header has no record")
    meta = json.loads(texts["meta"])
    if digest is not None and meta.get("digest", digest) != digest:
        raise DataError(
            f"the data are no longer those that {Path(folder).name} was searched on: to go on could test on rows that "
            "it has learnt from; start a new search"
        )
    parts, dealt, (rank, world) = meta.pop("parts", []), meta.get("dealt", []), place
    if world > 1 and not dealt:
        raise DataError(f"{Path(folder) / CHECKPOINT} does not say which rows are dealt; go on in one process")
    if parts:
        arrays |= _dealt_anew([Path(folder) / name for name in parts], dealt, place)
    else:
        arrays |= {name: arrays[name][rank::world] for name in dealt}
    return arrays, meta


def _dealt_anew(parts: list[Path], names: Sequence[str], place: tuple[int, int]) -> dict[str, np.ndarray]:
    """This process's rows: row i of a whole table is row i // n of part i mod n; one part is held at a time."""
    (rank, world), n = place, len(parts)
    rows: dict[str, int] = {}
    out: dict[str, np.ndarray] = {}
    for path in parts:
        for name, shape in tensor_shapes(path).items():
            rows[name] = rows.get(name, 0) + shape[0]
    for p, path in enumerate(parts):
        if p and all((np.arange(rank, rows[name], world) % n != p).all() for name in names):
            continue  # as all parts but the own one, where the number of processes is the same
        read, _ = read_tensors(path)
        for name in names:
            own = np.arange(rank, rows[name], world)
            here = own % n == p
            whole = out.setdefault(name, np.empty((len(own), *read[name].shape[1:]), read[name].dtype))
            whole[here] = read[name][own[here] // n]
    return out


def read_record(folder: str | Path) -> dict[str, Any] | None:
    """The record of a checkpoint without its arrays, which is quickly read.

    Args:
        folder: The run's folder.

    Returns:
        The record; None if there is no checkpoint that can be read.
    """
    path = Path(folder) / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            record = json.loads((file.metadata() or {})["meta"])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None
    return record if isinstance(record, dict) else None


@contextmanager
def held(folder: str | Path) -> Generator[None]:
    """Hold a run's folder, so that one worker at a time writes into it; the system lets go of it if the worker dies.

    A server that was killed leaves a worker that ends at its next epoch; who takes up its search waits for that.

    Args:
        folder: The run's folder; made if it is not there.

    Yields:
        Nothing.
    """
    try:
        import fcntl  # noqa: PLC0415  not on every system
    except ImportError:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if [path.name for path in Path(folder).iterdir()] == [LOCK]:  # nothing was kept
                (Path(folder) / LOCK).unlink()
                Path(folder).rmdir()


def drop_checkpoint(folder: str | Path) -> None:
    """Remove the state of a search that is over, if there is one.

    Args:
        folder: The run's folder.
    """
    (Path(folder) / CHECKPOINT).unlink(missing_ok=True)
    _drop_parts(Path(folder))
