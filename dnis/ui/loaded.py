"""Runs and their comparisons in memory, each read once for everybody and again when a file in it has changed."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis import runs
from dnis.additions import COMPARISON
from dnis.files import read_json
from dnis.inspection import check_comparison
from dnis.runs import Run

if TYPE_CHECKING:
    from dnis.vocabulary import Vocabulary

LARGE = ("result", "vocabulary")
"""What a run is large by."""

HELD = 10
"""Runs whose tables are in memory; a class of thirty in groups of three has ten at once."""


class SharedRun(Run):
    """A run as sessions hold it: small, its tables are those of the few runs that were used last.

    Streamlit keeps what a widget or a download calls for as long as the session lasts, and with it every run that a
    visitor has ever looked at.
    """

    stamp: int

    def __getattr__(self, name: str) -> Any:
        """Called for what is not here, which is what is ``LARGE``."""
        if name not in LARGE:
            raise AttributeError(name)
        return getattr(_whole(str(self.folder), self.stamp), name)


@st.cache_resource(max_entries=256, show_spinner=False)
def run(folder: str, stamp: int) -> Run:
    """Read a run; runs of the same data share what features are called, the larger part of a small run.

    Args:
        folder: Its folder.
        stamp: A number that changes when a file in it does.

    Returns:
        The run, to be read only.
    """
    whole, shared = _whole(folder, stamp), object.__new__(SharedRun)
    small = {field.name: getattr(whole, field.name) for field in fields(whole) if field.name not in LARGE}
    for name, value in {**small, "stamp": stamp}.items():
        object.__setattr__(shared, name, value)  # frozen, and its own start wants everything
    return shared


@lru_cache(maxsize=HELD)
def _whole(folder: str, stamp: int) -> Run:
    found = runs.load_run(Path(folder))
    digest = hashlib.sha256((Path(folder) / "vocabulary.parquet").read_bytes()).hexdigest()
    named = (*found.vocabulary.fields, found.vocabulary.item_field)
    return replace(found, vocabulary=_shared(digest, named, found.vocabulary))


@st.cache_resource(max_entries=256, show_spinner=False)
def naming(folder: str, stamp: int, _run: Run) -> str:
    """A mark of what the features of a run are called and how frequent they are: searches of the same data share it.

    Args:
        folder: The run's folder.
        stamp: A number that changes when a file in it does.

    Returns:
        Hexadecimal digits.
    """
    named = (Path(folder) / "vocabulary.parquet").read_bytes()
    return hashlib.sha256(named + _run.result.counts.tobytes()).hexdigest()


@st.cache_resource(max_entries=16, show_spinner=False)
def comparison(folder: str, stamp: int) -> dict[str, Any] | None:
    """Read the comparison that lies beside a run; checking it takes far longer than reading it.

    Args:
        folder: The run's folder.
        stamp: A number that changes when a file in it does.

    Returns:
        The fields of ``Comparison``, to be read only; None where there is none.
    """
    path = Path(folder) / COMPARISON
    return check_comparison(read_json(path)) if path.is_file() else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _shared(digest: str, fields: tuple[str | None, ...], _vocabulary: Vocabulary) -> Vocabulary:
    return _vocabulary
