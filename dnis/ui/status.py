"""The host's page: jobs, queue, memory and disk. It exists where the host has set a word, and opens to who knows it."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from dnis.figures import bytes_text
from dnis.ui import desk, environment, gate, texts, usage
from dnis.ui.environment import Environment
from dnis.ui.usage import DiskUse

REFRESH_S = 2.0


def is_wanted() -> bool:
    """Whether the host has set a word for the page."""
    try:
        return bool(environment.read().status_word)
    except ValueError:  # said at the door
        return False


def draw() -> None:
    """Ask for the word, then draw the page, again every two seconds."""
    words = texts.page("status")
    host = environment.read()
    st.title(words["title"])
    gate.require(host.status_word, "status", words["word"])
    st.write(words["lead"])
    st.fragment(_draw, run_every=REFRESH_S)(host)


def _draw(host: Environment) -> None:
    words = texts.page("status")
    _jobs(words)
    _memory(words, host)
    _disk(words, host, _disk_use(str(host.runs)))


def _jobs(words: dict) -> None:
    runner = desk.runner()
    seen = runner.active()
    n_waiting = sum(view.state == "queued" for view in seen)
    st.header(words["jobs"])
    left, middle, right = st.columns(3)
    left.metric(
        words["running"], words["of"].format(count=len(seen) - n_waiting, limit=runner.limits.n_workers), border=True
    )
    middle.metric(words["waiting"], words["of"].format(count=n_waiting, limit=runner.limits.max_queue), border=True)
    ended = runner.ended()
    others = words["others"].format(**ended)
    right.metric(words["finished"], ended["finished"], others, "off", delta_arrow="off", border=True)
    if not seen:
        st.caption(words["none"])
        return
    rows = [
        (view.kind, view.state, str(view.position or ""), desk.duration(view.wait_s) if view.position else "",
         desk.duration(view.elapsed_s), view.n_owners) for view in seen
    ]  # fmt: skip
    table = dict(zip(words["table"].values(), zip(*rows, strict=True), strict=True))
    st.dataframe(table, hide_index=True, alt=words["jobs"])


def _memory(words: dict, host: Environment) -> None:
    workers = sum(usage.resident_bytes(pid) for pid in desk.runner().workers())
    limit = words["worker_limit"].format(limit=bytes_text(host.job_bytes)) if host.job_bytes else words["no_limit"]
    left, middle, right = st.columns(3)
    left.metric(words["server"], bytes_text(usage.resident_bytes(os.getpid())), border=True)
    middle.metric(words["workers"], bytes_text(workers), limit, "off", delta_arrow="off", border=True)
    right.metric(words["free"], bytes_text(usage.available_bytes()), border=True)


def _disk(words: dict, host: Environment, found: DiskUse) -> None:
    kept = words["kept" if host.run_days else "kept_for_ever"].format(
        size=bytes_text(host.runs_bytes) if host.runs_bytes else words["no_limit"], days=host.run_days
    )
    left, middle, right = st.columns(3)
    runs = words["count"].format(count=found.n_runs, size=bytes_text(found.runs_bytes))
    left.metric(words["runs"], runs, kept, "off", delta_arrow="off", border=True)
    uploads = words["count"].format(count=found.n_uploads, size=bytes_text(found.uploads_bytes))
    middle.metric(words["uploads"], uploads, border=True)
    right.metric(words["disk"], bytes_text(found.free_bytes), border=True)


@st.cache_data(ttl=30, max_entries=1, show_spinner=False)
def _disk_use(folder: str) -> DiskUse:
    Path(folder).mkdir(parents=True, exist_ok=True)
    return usage.disk_use(Path(folder))
