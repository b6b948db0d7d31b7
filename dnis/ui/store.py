"""Where runs and uploads lie, and the caches in front of them, shared by every session of the server."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dnis import datasets
from dnis.pruning import prune
from dnis.reading import DataError
from dnis.trial import checked
from dnis.ui import environment, expiry, kept, loaded

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme
    from dnis.settings import DataSpec
    from dnis.splits import Split

LOG = logging.getLogger(__name__)

BUNDLED = "movielens-small-run"
"""The finished search that ships with the project; a visitor without a run sees this one."""

SAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "sample_data"

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the name of a run's folder looks like."""


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
    if not run_id or not RUN_ID.fullmatch(run_id):
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
    if not run_id or not RUN_ID.fullmatch(run_id) or not (runs_folder() / run_id).is_dir():
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
    return loaded.run(str(folder), stamp_of(folder))


def stamp_of(folder: Path) -> int:
    """A number that changes when a file of a run's folder changes."""
    # the folder's own time changes when a file is added or taken away, and so when a draft takes its name
    kept = (path for path in folder.iterdir() if not path.name.startswith("."))
    return max(map(_written_ns, (folder, *kept)))


def _written_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # taken away since it was listed
        return 0


def stored_bytes(run: Run, threshold: float) -> int:
    """Bytes of a run's table cut at a threshold, index included."""
    return _stored_bytes(str(run.folder), stamp_of(run.folder), threshold, run)


def scheme_of(run: Run, threshold: float) -> DimensionScheme:
    """A run's table cut at a threshold; the same object for everyone who asks for the same."""
    return _scheme(str(run.folder), stamp_of(run.folder), threshold, run)


def first_threshold(run: Run) -> float:
    """Where somebody retrained last; else 0 for a search that kept to a budget, or where half of a run's values go."""
    if run.retrained:
        return float(run.retrained[-1]["threshold"])
    if run.result.config.recipe == "budget":
        return 0.0
    return _median_weight(str(run.folder), stamp_of(run.folder), run)


def keep_upload(name: str, content: bytes) -> str:
    """Store an uploaded file, so that the same file again is the same data; see ``kept.keep``.

    Args:
        name: The file's name at the visitor; letters, digits and the ending are kept.
        content: Its bytes.

    Returns:
        The path to put into ``DataSpec.source``.
    """
    return str(kept.keep(runs_folder(), name, content))


def interactions_of(spec: DataSpec) -> Interactions:
    """The interactions of some data; the same object for everyone who asks for the same content.

    Args:
        spec: Source and column roles.

    Returns:
        The interactions, to be read only.

    Raises:
        DataError: If the file is missing or cannot be used.
    """
    return _load_interactions(spec.source, spec.columns, spec.core, stamp_of_source(spec.source))


def split_of(spec: DataSpec) -> Split:
    """The four roles of some data; the same object for everyone who asks for the same.

    Args:
        spec: Source, column roles, strategy and seed.

    Returns:
        The split, to be read only.

    Raises:
        DataError: If the data cannot be used or split.
    """
    return _load_split(spec, stamp_of_source(spec.source))


def stamp_of_source(source: str) -> tuple[int, int]:
    """Numbers that change when a data file changes; they stand still for the bundled samples."""
    if source.startswith("sample:") or not Path(source).is_file():
        return (0, 0)
    expiry.mark(Path(source).parent.name)
    facts = Path(source).stat()
    return (facts.st_size, facts.st_mtime_ns)


@st.cache_resource(max_entries=64, show_spinner=False)
def _median_weight(folder: str, stamp: int, _run: Run) -> float:
    return float(np.quantile(np.abs(_run.result.weighted), 0.5))


@st.cache_resource(max_entries=64, show_spinner=False)
def _stored_bytes(folder: str, stamp: int, threshold: float, _run: Run) -> int:
    return prune(_run.result, threshold=threshold).n_bytes


@st.cache_resource(max_entries=8, show_spinner=False)
def _scheme(folder: str, stamp: int, threshold: float, _run: Run) -> DimensionScheme:
    return prune(_run.result, threshold=threshold)


@st.cache_resource(max_entries=8, show_spinner="Reading the data …")
def _load_interactions(source: str, columns: tuple[tuple[str, str], ...], core: int, stamp: object) -> Interactions:
    if not source.startswith("sample:"):
        checked(source, columns)
    return datasets.load(source, columns, core)


@st.cache_resource(max_entries=8, show_spinner="Splitting the data …")
def _load_split(spec: DataSpec, stamp: tuple[int, int]) -> Split:
    return _load_interactions(spec.source, spec.columns, spec.core, stamp).split(spec.strategy, seed=spec.seed)
