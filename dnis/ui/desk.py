"""The jobs of this session: start one, watch it, control it, and take its run when it is done.

The address bar carries ``?job=`` while a job is under way, so that a reload, or somebody else with the link, finds it
again.
"""

from __future__ import annotations

import gc
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import streamlit as st

from dnis.files import disk_fault
from dnis.ui import environment, escape, expiry, jobs, journal, session, store, texts
from dnis.ui.job import JobView, Limits
from dnis.ui.jobs import JobRunner, QueueFullError

_JOBS, _OWNER, _SETTLED, _LEFT = "_jobs", "_owner", "_settled", "_left_jobs"


@st.cache_resource(show_spinner=False)
def runner() -> JobRunner:
    """The one queue of this server."""
    journal.start()
    host = environment.read()
    limits = Limits(n_workers=host.n_workers, limit_s=host.job_s, max_bytes=host.job_bytes)
    queue = JobRunner(store.runs_folder(), jobs.WORKER, limits, (store.bundled_folder(),))
    # Streamlit collects garbage after every run of a script; what is loaded by now need not be looked through again.
    gc.collect()
    gc.freeze()
    return queue


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda token: runner().orphan(token))
def _presence(token: str) -> str:
    """Released by Streamlit when the browser goes away, if only for a moment; then made anew when it is back."""
    return token


def owner() -> str:
    """The token of this session towards the queue."""
    token = st.session_state.setdefault(_OWNER, token_urlsafe(16))
    _presence(token)
    return token


def start(job: dict[str, Any], word: str = "play") -> str | None:
    """Queue a job for this session; a full queue is said on the page.

    Args:
        job: What the worker reads.
        word: What it is told first: ``play``, or ``step`` to hold after one epoch.

    Returns:
        The job's id, or None if the queue or the disk is full.

    Raises:
        OSError: If something else than the disk is to blame.
    """
    _tidy()
    try:
        job_id = runner().submit(owner(), job, word)
    except QueueFullError as error:
        st.warning(escape.markdown(error, 200), icon=":material/hourglass:")
        return None
    except OSError as error:
        sentence = disk_fault(error)
        if sentence is None:
            raise
        st.error(sentence, icon=":material/error:")
        return None
    st.session_state.setdefault(_JOBS, {})[job["kind"]] = job_id
    # asked for again: its run is to be shown again, and it is watched again
    for known in (_SETTLED, _LEFT):
        st.session_state.setdefault(known, set()).discard(job_id)
    return job_id


def _tidy() -> None:
    """Make room before something new is written."""
    host = environment.read()
    needed = [
        (seen.id, *(part for text in _paths(seen) for part in Path(text).parts[-2:])) for seen in runner().active()
    ]
    expiry.tidy(host.runs, days=host.run_days, max_bytes=host.runs_bytes, busy={n for names in needed for n in names})


def _paths(seen: JobView) -> list[str]:
    return [str(seen.job.get("data", {}).get("source", "")), str(seen.job.get("run", "")), str(seen.job.get("out", ""))]


def view(kind: str) -> JobView | None:
    """This session's latest job of a kind: ``search``, ``retrain`` or ``compare``."""
    return runner().status(st.session_state.get(_JOBS, {}).get(kind))


def active() -> list[JobView]:
    """This session's jobs that are not over."""
    views = [runner().status(job_id) for job_id in st.session_state.get(_JOBS, {}).values()]
    return [v for v in views if v is not None and v.active]


def stop(kind: str) -> None:
    """Stop this session's job of a kind, or leave it where others watch it too: then it is looked at no more."""
    seen = view(kind)
    if seen is None:
        return
    runner().stop(seen.id, owner())
    if seen.active and seen.n_owners > 1:
        st.session_state.setdefault(_LEFT, set()).add(seen.id)
        st.session_state[_JOBS].pop(kind)


def tell(kind: str, word: str) -> None:
    """Pause, play or step this session's job of a kind."""
    seen = view(kind)
    if seen is not None:
        runner().send(seen.id, word)


def forget(kind: str) -> None:
    """Stop this session's job of a kind and look at it no more."""
    stop(kind)
    st.session_state.get(_JOBS, {}).pop(kind, None)


def show(run_id: str, own: bool = False) -> None:
    """Put a run on show; the Search page then has no earlier search that is over in front of it.

    Args:
        run_id: Name of the run's folder.
        own: Whether it was opened by this session.
    """
    session.set_run(run_id, own)
    seen = view("search")
    if seen is not None and not seen.active:
        forget("search")


def begin_page(address: str) -> None:
    """Start a page: come back to one's jobs, join the one in the address, and take the runs of those that are done.

    Args:
        address: The page's word in the address bar.
    """
    kept = st.session_state.setdefault(_JOBS, {})
    asked = runner().status(st.query_params.get("job")) or _under_way(st.query_params.get("run"))
    if asked is not None and asked.id in st.session_state.get(_LEFT, ()):
        asked = None
    if asked is not None and asked.active and asked.kind not in kept:
        kept[asked.kind] = asked.id
    for job_id in [*kept.values(), asked.id if asked else None]:
        runner().adopt(owner(), job_id)
    for seen in [runner().status(job_id) for job_id in kept.values()] + [asked]:
        _settle(seen, address)
    _show_address()


def _under_way(run_id: str | None) -> JobView | None:
    """A search that is not over has no run yet, but its link may already be in somebody's hands."""
    seen = runner().status(run_id)
    return seen if seen is not None and seen.active else None


def writes_into(seen: JobView | None, folder: Path) -> bool:
    """Whether a job's result goes into a run's folder."""
    return seen is not None and str(folder) in (seen.job.get("out"), seen.job.get("run"))


def _settle(seen: JobView | None, address: str) -> None:
    settled = st.session_state.setdefault(_SETTLED, set())
    if seen is None or seen.active or seen.id in settled:
        return
    settled.add(seen.id)
    words = texts.page("shell")["ended"]
    if seen.kind == "search":
        if seen.run is not None:
            session.set_run(seen.run.name, own=not seen.shared)
            if address != "search":
                st.toast(words["search"], icon=":material/flag:")
    elif seen.state == "finished" and not writes_into(seen, session.run_on_show().folder):
        st.toast(words[seen.kind], icon=":material/flag:")


def _show_address() -> None:
    under_way = active()
    if under_way:
        st.query_params["job"] = under_way[0].id
    elif "job" in st.query_params:
        del st.query_params["job"]


def pace_s(seen: JobView | None) -> float | None:
    """How often the page that shows a job asks for news of it.

    Args:
        seen: The job, if there is one.

    Returns:
        Time between two looks [s]: longer while the job waits for its turn; None where there is nothing to wait for.
    """
    if seen is None or not seen.active:
        return None
    return 3.0 if seen.position else 1.0


def progress(seen: JobView) -> str:
    """How far a job is, in a few words.

    Args:
        seen: The job.

    Returns:
        Such as ``epoch 12 of 45``.
    """
    words = texts.page("shell")
    if seen.position:
        return words["queued"].format(position=seen.position, wait=duration(seen.wait_s))
    last = next((e for e in reversed(seen.events) if e["event"] in ("epoch", "cell")), None)
    if last is None:
        return words["first_cell" if seen.kind == "compare" and seen.state == "running" else "starting"]
    if last["event"] == "epoch":
        text = words["epoch_of"].format(epoch=last["epoch"], epochs=last.get("epochs", "?"))
        return words["held"].format(how_far=text) if seen.paused else text
    return words["cells"].format(count=sum(e["event"] == "cell" for e in seen.events))


def duration(seconds: float | None) -> str:
    """A time for people.

    Args:
        seconds: Time [s]; None counts as none.

    Returns:
        Such as ``8 s`` or ``2 min 5 s``; ``< 1 s`` for what took less than half a second.
    """
    if seconds and seconds < 0.5:
        return "< 1 s"
    minutes, rest = divmod(round(seconds or 0.0), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
