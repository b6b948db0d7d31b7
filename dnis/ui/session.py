"""What the pages share within one session: the data in use, the current run, its threshold, and the job that runs.

A run is named by its folder. The address bar carries ``?run=`` and ``?threshold=``, so a reload or a shared link finds
it again; what is not in the address lives in the session and is gone with the browser tab.
"""

from __future__ import annotations

import shutil
from secrets import token_urlsafe
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from dnis.ui import aside, escape, store, texts
from dnis.ui.store import keep_upload, runs_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dnis.interactions import Interactions
    from dnis.runs import Run
    from dnis.settings import DataSpec
    from dnis.splits import Split

__all__ = [
    "begin_page", "chosen_data", "copy_run", "current_data", "current_interactions", "current_run", "current_split",
    "delete_run", "deleted_run", "is_own", "keep_upload", "run_on_show", "runs_folder", "session_runs", "set_data",
    "set_run", "set_threshold", "threshold", "threshold_of", "undelete_run",
]  # fmt: skip

_DATA, _RUN, _RUNS, _THRESHOLDS, _SAID = "_data", "_run", "_runs", "_thresholds", "_said"
_OWN, _DELETED = "_own_runs", "_deleted_run"


def current_data() -> DataSpec:
    """The data in use: what this session chose, else what the current run was made from."""
    chosen = chosen_data()
    return chosen if chosen is not None else run_on_show().data


def chosen_data() -> DataSpec | None:
    """The data that this session chose, if it did."""
    return st.session_state.get(_DATA)


def set_data(spec: DataSpec) -> None:
    """Put other data to use; the current run stays, since it belongs to its own data."""
    st.session_state[_DATA] = spec


def current_interactions() -> Interactions:
    """The interactions in use; on bad data the page ends here with one sentence."""
    try:
        return store.interactions_of(current_data())
    except (ValueError, OSError) as error:
        _refuse(error)


def current_split() -> Split:
    """The four roles of the data in use; on bad data the page ends here with one sentence."""
    try:
        return store.split_of(current_data())
    except (ValueError, OSError) as error:
        _refuse(error)


def current_run() -> Run:
    """The run on show: of the address bar, else the session's latest, else the bundled one, which is said in a line."""
    if not st.session_state.get(_SAID):
        st.session_state[_SAID] = True
        # the container stays when its line goes, so that nothing below is built anew
        with st.container():
            _say_bundled()
    return run_on_show()


def run_on_show() -> Run:
    """The same run, with nothing said."""
    return _own() or store.load(store.bundled_folder())


def _own() -> Run | None:
    return store.find(st.query_params.get("run")) or store.find(st.session_state.get(_RUN))


def _say_bundled() -> None:
    # while a search is under way the page shows that one
    if _own() is None and "job" not in st.query_params:
        words = texts.page("shell")
        st.caption(words["bundled_unknown"] if "run" in st.query_params else words["bundled"])


def set_run(run_id: str, own: bool = False) -> None:
    """Make a run the current one, for this session and in the address bar; ``own`` if it was made or opened here."""
    st.session_state[_RUN] = run_id
    if own:
        st.session_state.setdefault(_OWN, set()).add(run_id)
    # first: an address with the new run and the old cut would be one that the browser can come back to
    if "threshold" in st.query_params:
        del st.query_params["threshold"]
    st.query_params["run"] = run_id
    _remember(run_id)


def session_runs() -> list[Run]:
    """The runs that this session has made or opened, newest first; the bundled one always among them."""
    ids = [*reversed(st.session_state.get(_RUNS, [])), store.BUNDLED]
    return [run for run in map(store.find, dict.fromkeys(ids)) if run is not None]


def delete_run(run: Run) -> None:
    """Take a run off the list; one that was made here also leaves the disk, for good when the next one is deleted.

    Args:
        run: Any run but the bundled one.
    """
    listed, run_id = st.session_state.get(_RUNS, []), run.folder.name
    before = st.session_state.get(_DELETED)
    if before is not None:
        aside.remove_aside(before[0])
    st.session_state[_DELETED] = (run_id, run.name, listed.index(run_id) if run_id in listed else 0)
    st.session_state[_RUNS] = [other for other in listed if other != run_id]
    if run_id in st.session_state.get(_OWN, ()):
        aside.set_aside(run_id)
    if run_on_show().folder.name in (run_id, store.BUNDLED):
        set_run(session_runs()[0].folder.name)


def deleted_run() -> str | None:
    """Name of the run that was deleted last and can be had back, if there is one."""
    deleted = st.session_state.get(_DELETED)
    return None if deleted is None else deleted[1]


def undelete_run() -> None:
    """Put the run that was deleted last back where it was, and show it."""
    run_id, _, place = st.session_state.pop(_DELETED)
    aside.put_back(run_id)
    st.session_state.setdefault(_RUNS, []).insert(place, run_id)
    set_run(run_id)


def is_own(run: Run) -> bool:
    """Whether a run was made or opened here, so that nobody else minds what is done to it."""
    return not store.is_bundled(run) and run.folder.name in st.session_state.get(_OWN, ())


def copy_run(run: Run, instead: bool = False) -> Run:
    """Copy a run with all that was added to it; the copy belongs to this session and is put on show.

    Args:
        run: Any run.
        instead: Whether it takes the place of the other one in this session's list.

    Returns:
        The copy.
    """
    threshold()  # what the address says of the run on show
    run_id = run.folder.name
    kept = st.session_state.get(_THRESHOLDS, {}).get(run_id)
    folder: Path = runs_folder() / token_urlsafe(16)
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns(".*"))  # drafts and the lock
    listed = st.session_state.setdefault(_RUNS, [])
    if instead and run_id in listed:
        listed[listed.index(run_id)] = folder.name
    set_run(folder.name, own=True)
    if kept is not None:
        set_threshold(kept)
    st.toast(texts.page("shell")["copied"], icon=":material/content_copy:")
    return store.load(folder)


def threshold() -> float:
    """The threshold for the run on show, shared by all pages; ``store.first_threshold`` until somebody chooses."""
    run = run_on_show()
    kept = st.session_state.setdefault(_THRESHOLDS, {})
    asked = _number(st.query_params.get("threshold"))
    if run.folder.name not in kept and asked is not None:
        kept[run.folder.name] = asked
    return threshold_of(run)


def threshold_of(run: Run) -> float:
    """The threshold that this session uses for a run, on show or not."""
    chosen = st.session_state.get(_THRESHOLDS, {}).get(run.folder.name)
    return store.first_threshold(run) if chosen is None else chosen


def set_threshold(value: float) -> None:
    """Use another threshold for the current run, in this session and in the address bar."""
    st.session_state.setdefault(_THRESHOLDS, {})[run_on_show().folder.name] = float(value)
    st.query_params["threshold"] = f"{value:.6g}"


def begin_page() -> None:
    """Start a page: nothing has been said yet, and the address names the run and the threshold on show."""
    st.session_state[_SAID] = False
    asked = st.query_params.get("run", "")
    if store.find(asked) is not None:
        st.session_state[_RUN] = asked
        _remember(asked)
    run_id = st.session_state.get(_RUN, "" if asked else store.BUNDLED)
    # written at every run of the script: what a callback wrote into the address does not reach the browser
    if run_id not in ("", store.BUNDLED):
        st.query_params["run"] = run_id
    kept = st.session_state.get(_THRESHOLDS, {}).get(run_id)
    if kept is not None:
        st.query_params["threshold"] = f"{kept:.6g}"


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None


def _remember(run_id: str) -> None:
    known = st.session_state.setdefault(_RUNS, [])
    if run_id != store.BUNDLED and run_id not in known:
        known.append(run_id)


def _refuse(error: Exception) -> NoReturn:
    st.error(escape.markdown(error, 400), icon=":material/error:")
    st.page_link("pages/1_data.py", label=texts.page("shell")["choose_data"], icon=":material/table:")
    st.stop()
