"""Where runs and uploads lie, and the caches in front of them, shared by every session of the server."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dnis import datasets, runs
from dnis.pruning import prune
from dnis.reading import DataError
from dnis.trial import try_file
from dnis.ui import environment, expiry

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.runs import Run
    from dnis.settings import DataSpec
    from dnis.splits import Split

LOG = logging.getLogger(__name__)

BUNDLED = "movielens-small-run"
"""The finished search that ships with the project; a visitor without a run sees this one."""

SAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "sample_data"

UPLOAD_ENDINGS = (".csv", ".csv.gz", ".parquet", ".tsv")

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def runs_folder() -> Path:
    """The folder that new runs and uploads are written to: environment variable DNIS_RUNS, else ``runs``."""
    folder = environment.read().runs
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_folder(run_id: str | None) -> Path | None:
    """Where a finished run lies.

    Args:
        run_id: Name of the run's folder, as in the address bar; it may be anything a visitor typed.

    Returns:
        The folder, or None if there is no finished run of that name.
    """
    if not run_id or not _RUN_ID.fullmatch(run_id):
        return None
    for parent in (runs_folder(), SAMPLES_FOLDER):
        if (parent / run_id / "run.json").is_file():
            return parent / run_id
    return None


def new_folder(run_id: str | None) -> Path | None:
    """Where a run of this server lies, finished or not.

    Args:
        run_id: Name of the run's folder; it may be anything a visitor typed.

    Returns:
        The folder, or None if there is none of that name.
    """
    if not run_id or not _RUN_ID.fullmatch(run_id) or not (runs_folder() / run_id).is_dir():
        return None
    return runs_folder() / run_id


def bundled_folder() -> Path:
    """The folder of the finished search that ships with the project."""
    return run_folder(BUNDLED) or SAMPLES_FOLDER / BUNDLED


def is_bundled(run: Run) -> bool:
    """Whether the run came with the project, so that nothing may be written into it."""
    return run.folder == bundled_folder()


def find(run_id: str | None) -> Run | None:
    """A finished run by its name.

    Args:
        run_id: Name of the run's folder, possibly from an address bar.

    Returns:
        The run, or None if there is none of that name, or none that can be read.
    """
    folder = run_folder(run_id)
    try:
        return None if folder is None else load(folder)
    except (DataError, OSError) as error:
        LOG.warning("a run cannot be read: %s", type(error).__name__)  # its id is a key, and the log is not
        return None


def load(folder: Path) -> Run:
    """A run by its folder, read once for everyone and again when a file in it has changed."""
    expiry.mark(folder.name)
    return _load_run(str(folder), stamp_of(folder))


def stamp_of(folder: Path) -> int:
    """A number that changes when a file of a run's folder changes."""
    # the folder's own time changes when a file is added or taken away
    return max(path.stat().st_mtime_ns for path in (folder, *folder.iterdir()))


def set_aside(run_id: str) -> None:
    """Take a run out of the runs folder, such that it can be put back.

    Args:
        run_id: Name of the run's folder.
    """
    if _RUN_ID.fullmatch(run_id) and (runs_folder() / run_id).is_dir():
        _aside(run_id).parent.mkdir(exist_ok=True)
        (runs_folder() / run_id).rename(_aside(run_id))


def put_back(run_id: str) -> None:
    """Undo ``set_aside``; nothing happens where the run is gone for good."""
    if _RUN_ID.fullmatch(run_id) and _aside(run_id).is_dir():
        _aside(run_id).rename(runs_folder() / run_id)


def remove_aside(run_id: str) -> None:
    """Remove for good a run that was set aside."""
    if _RUN_ID.fullmatch(run_id):
        shutil.rmtree(_aside(run_id), ignore_errors=True)


def _aside(run_id: str) -> Path:
    return runs_folder() / "deleted" / run_id


def stored_bytes(run: Run, threshold: float) -> int:
    """Bytes of a run's table cut at a threshold, index included."""
    return _stored_bytes(str(run.folder), threshold, run)


def median_weight(run: Run) -> float:
    """The threshold at which half of a run's values go."""
    return _median_weight(str(run.folder), run)


def keep_upload(name: str, content: bytes) -> str:
    """Store an uploaded file under the hash of its content, so that the same file again is the same data.

    Args:
        name: The file's name at the visitor; letters, digits and the ending are kept.
        content: Its bytes.

    Returns:
        The path to put into ``DataSpec.source``.
    """
    ending = next((e for e in sorted(UPLOAD_ENDINGS, key=len, reverse=True) if name.lower().endswith(e)), ".csv")
    stem = re.sub(r"\W+", "-", name[: -len(ending)] if name.lower().endswith(ending) else name).strip("-")[:40]
    path = runs_folder() / "uploads" / hashlib.sha256(content).hexdigest()[:20] / f"{stem or 'data'}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
    return str(path)


def interactions_of(spec: DataSpec) -> Interactions:
    """The interactions of some data; the same object for everyone who asks for the same content.

    Args:
        spec: Source and column roles.

    Returns:
        The interactions, to be read only.

    Raises:
        DataError: If the file is missing or cannot be used.
    """
    return _load_interactions(spec.source, spec.columns, _stamp(spec.source))


def split_of(spec: DataSpec) -> Split:
    """The four roles of some data; the same object for everyone who asks for the same.

    Args:
        spec: Source, column roles, strategy and seed.

    Returns:
        The split, to be read only.

    Raises:
        DataError: If the data cannot be used or split.
    """
    return _load_split(spec, _stamp(spec.source))


def _stamp(source: str) -> tuple[int, int]:
    if source.startswith("sample:") or not Path(source).is_file():
        return (0, 0)
    expiry.mark(Path(source).parent.name)
    facts = Path(source).stat()
    return (facts.st_size, facts.st_mtime_ns)


@st.cache_resource(max_entries=16, show_spinner=False)
def _load_run(folder: str, stamp: int) -> Run:
    return runs.load_run(Path(folder))


@st.cache_resource(max_entries=64, show_spinner=False)
def _median_weight(folder: str, _run: Run) -> float:
    return float(np.quantile(np.abs(_run.result.weighted), 0.5))


@st.cache_resource(max_entries=64, show_spinner=False)
def _stored_bytes(folder: str, threshold: float, _run: Run) -> int:
    return prune(_run.result, threshold=threshold).n_bytes


@st.cache_resource(max_entries=8, show_spinner="Reading the data …")
def _load_interactions(source: str, columns: tuple[tuple[str, str], ...], stamp: tuple[int, int]) -> Interactions:
    if not source.startswith("sample:"):
        try_file(source)
    return datasets.load(source, columns)


@st.cache_resource(max_entries=8, show_spinner="Splitting the data …")
def _load_split(spec: DataSpec, stamp: tuple[int, int]) -> Split:
    return _load_interactions(spec.source, spec.columns, stamp).split(spec.strategy, seed=spec.seed)
