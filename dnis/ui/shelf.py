"""Finished searches by what they were made of, so that the same search need not be computed twice; knows no screen.

Only searches on bundled data are found again by other sessions: a table that somebody has uploaded is nobody else's.
Who asks for a search that has been done gets a copy under an id of its own, so that nobody can change or delete the run
of somebody else. The recorded run that comes with the project is shown itself, since nothing is ever written into it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from dnis.cells import engine_digest
from dnis.files import read_json, write_json, write_whole
from dnis.limits import DataError
from dnis.records import search_settings
from dnis.runs import default_name
from dnis.settings import DataSpec, SearchConfig, from_dict
from dnis.ui.expiry import SHELF

LOG = logging.getLogger(__name__)

COPIED = ("history.parquet", "model.safetensors", "vocabulary.parquet", "sweep.parquet", "controls.parquet")
RECORD = "run.json"
"""What the search itself has made, and its record, written last, since with it a folder becomes a run."""

_DECISIVE = ("data", "config", "controls")


class Shelf:
    """Finds finished searches again.

    Args:
        folder: The runs folder.
        recorded: Folders of recorded runs that come with the project.
    """

    def __init__(self, folder: Path, recorded: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self.recorded = recorded

    def find(self, job: dict[str, Any]) -> Path | None:
        """The folder of a finished search that a job would only repeat.

        Args:
            job: A job as the worker reads it.

        Returns:
            The folder, or None if there is none.
        """
        if not _shared(job):
            return None
        recorded = next((folder for folder in self.recorded if _recorded(folder, job)), None)
        if recorded is not None:
            return recorded
        entry = self._entry(job)
        folder = self.folder / (entry.read_text(encoding="ascii").strip() if entry.is_file() else SHELF)
        return folder if folder.parent == self.folder and (folder / "run.json").is_file() else None

    def put(self, job: dict[str, Any], run: Path) -> None:
        """Remember a finished search.

        Args:
            job: The job that made it.
            run: Its folder.
        """
        if not _shared(job) or run.parent != self.folder:
            return
        try:
            write_whole(self._entry(job), run.name.encode())
        except OSError as error:
            LOG.warning("a finished search could not be noted: %s", error.strerror)

    def _entry(self, job: dict[str, Any]) -> Path:
        # numbers of an older engine are not taken for those of this one
        made_of = json.dumps([engine_digest(), *(job.get(name) for name in _DECISIVE)], sort_keys=True)
        return self.folder / SHELF / hashlib.sha256(made_of.encode()).hexdigest()


def copy_search(source: Path, target: Path, name: str = "") -> None:
    """Copy a finished search, without what was added to it later, and without the name that somebody gave it.

    Args:
        source: Folder of the run.
        target: Folder of the copy, not there yet.
        name: What the copy is called; model and data where empty.
    """
    for file in COPIED:
        if (source / file).is_file():
            write_whole(target / file, (source / file).read_bytes())
    record = read_json(source / RECORD)
    name = name or default_name(record["config"]["model"], record["data"]["source"])
    write_json(target / RECORD, {**record, "name": name})


def _shared(job: dict[str, Any]) -> bool:
    source = str(job.get("data", {}).get("source", ""))
    return job.get("kind") == "search" and not job.get("resume") and source.startswith("sample:")


def _recorded(folder: Path, job: dict[str, Any]) -> bool:
    try:
        record = read_json(folder / "run.json")
        return _made_of(record) == _made_of(job)
    except (DataError, KeyError, TypeError, ValueError):
        return False


def _made_of(record: dict[str, Any]) -> tuple[DataSpec, SearchConfig]:
    # a setting that is younger than the record stands at its default
    return from_dict(DataSpec, record["data"]), search_settings(record["config"])
