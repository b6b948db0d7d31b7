"""A search that ended before its time, stopped or broken off: what is left of it, and the one way to go on with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from dnis.additions import COMPARISON, drop_additions
from dnis.checkpoints import read_record
from dnis.settings import DataSpec, SearchConfig, from_dict
from dnis.ui import desk, ownership, session, store, texts


@dataclass(frozen=True)
class Unfinished:
    """A search that can be taken up: ``epoch`` of ``epochs`` are on the disk."""

    run_id: str
    epoch: int
    epochs: int
    job: dict[str, Any]


def find(run_id: str | None) -> Unfinished | None:
    """What is left of a search that ended before its time and is not under way.

    Args:
        run_id: Name of the run's folder, possibly from an address bar.

    Returns:
        The search, or None if there is no checkpoint under that name, or none that this version can take up.
    """
    folder = store.new_folder(run_id)
    record = None if folder is None else read_record(folder)
    seen = desk.runner().status(run_id)
    if folder is None or record is None or (seen is not None and seen.active):
        return None
    try:
        job, epoch = record["job"], len(record["history"])
        data, config = from_dict(DataSpec, job["data"]), SearchConfig.from_dict(job["config"])
    except (KeyError, TypeError, ValueError):
        return None
    run = store.find(folder.name)  # a stopped search has one, whose name may have been changed since
    name = str(job.get("name", "")) if run is None else run.name
    how = {key: job[key] for key in ("controls", "mixed_precision") if key in job}  # told on the command line
    job = {"kind": "search", "data": asdict(data), "config": asdict(config), "name": name, **how}
    return Unfinished(folder.name, epoch, config.epochs, {**job, "out": str(folder), "resume": True})


def resume(run_id: str) -> None:
    """Take up a search where its last epoch left it; a full queue is said on the page.

    A run of somebody else, and one with a comparison or retrained points, stays as it is: a copy goes on.

    Args:
        run_id: Name of the run's folder.
    """
    run = store.find(run_id)
    own = run is None or session.is_own(run)
    if run is not None and (not own or run.retrained or (run.folder / COMPARISON).is_file()):
        copy = session.copy_run(run) if own else ownership.own_run(run)
        if copy is None:
            return
        drop_additions(copy.folder)  # what goes on is another search; and asked once more, it goes on in place
        run_id = copy.folder.name
    found = find(run_id)
    if found is not None:
        desk.forget("search")
        desk.start(found.job)


def offer() -> None:
    """Where the address names a search that broke off, or this tab's own did, say so, with a button to go on."""
    place = st.container()  # stands on every page, so that nothing below is built anew when a search breaks off
    seen = desk.view("search")
    asked = st.query_params.get("run")
    broken = seen.id if seen is not None and seen.state in ("failed", "stopped") else None
    found = next((f for f in map(find, (broken, asked)) if f is not None and store.run_folder(f.run_id) is None), None)
    if found is None:
        return
    words = texts.page("shell")
    with place, st.container(horizontal=True, vertical_alignment="center"):
        st.info(words["broken_off"].format(epoch=found.epoch, epochs=found.epochs), icon=":material/history:")
        st.button(words["go_on"], key="go_on", icon=":material/resume:", on_click=resume, args=(found.run_id,))
