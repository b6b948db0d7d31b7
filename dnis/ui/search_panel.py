"""The live half of the Search page: the controls, how far the search is, and its film."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from dnis.figures.gallery import ALPHA, LOSSES
from dnis.settings import DataSpec, SearchConfig
from dnis.ui import charts, desk, escape, film, live, session, settings_form, starting, texts
from dnis.ui.job import JobView

_SAME = "_same_search"
"""Whether the search that was asked for had been done before, which the page says once it is drawn anew."""


def draw(config: SearchConfig | None, spec: DataSpec) -> None:
    """Draw controls and film; the film asks for news as long as the search is under way.

    Args:
        config: Settings for the next start; None where they do not go together.
        spec: Data for the next start.
    """
    word = starting.taken("search")
    if word is not None and config is not None and _start(config, spec, word):
        st.rerun()
    if st.session_state.pop(_SAME, False):
        st.toast(texts.page("search")["same"], icon=":material/recycling:")
    seen = desk.view("search")
    _controls(config is not None, seen)
    pace_s = desk.pace_s(seen)
    st.fragment(_watch, run_every=pace_s)(pace_s)
    if _shows_a_run(seen):
        charts.stills(session.run_on_show(), (ALPHA, LOSSES), "search")


def _controls(fit: bool, seen: JobView | None) -> None:
    words = texts.page("search")
    active = seen is not None and seen.active and not seen.stopping
    running = active and seen.state == "running" and seen.n_owners == 1
    held = running and seen.paused
    leaving = "leave" if active and seen.n_owners > 1 else "stop"
    ready = fit and not (seen is not None and seen.active)
    buttons = (
        ("start", ":material/play_arrow:", ready, lambda: starting.want("search")),
        ("resume" if held else "pause", ":material/resume:" if held else ":material/pause:", running,
         lambda: desk.tell("search", "play" if held else "pause")),
        ("step", ":material/skip_next:", running or ready,
         lambda: desk.tell("search", "step") if running else starting.want("search", "step")),
        (leaving, ":material/stop:", active, lambda: desk.stop("search")),
        ("reset", ":material/restart_alt:", True, _reset),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for name, icon, enabled, act in buttons:
            st.button(
                words[name], icon=icon, disabled=not enabled, on_click=act, key=f"do_{name}",
                help=words.get(f"{name}_help"), type="primary" if name == "start" else "secondary",
            )  # fmt: skip


def _start(config: SearchConfig, spec: DataSpec, word: str) -> bool:
    """Queue a search and say whether it is in the queue, or known; why it is not stands on the page."""
    desk.forget("search")
    job = {"kind": "search", "data": dataclasses.asdict(spec), "config": dataclasses.asdict(config)}
    job_id = desk.start(job, word)
    seen = desk.runner().status(job_id)
    if seen is not None and not seen.active:
        st.session_state[_SAME] = True
    return job_id is not None


def _reset() -> None:
    desk.forget("search")
    settings_form.reset()


def _watch(pace_s: float | None) -> None:
    seen = desk.view("search")
    with st.container():
        if seen is not None:
            _state(seen)
    live.player(_film(seen), key="player")
    if desk.pace_s(seen) != pace_s:
        # last, for what a fragment has not drawn when it starts the page again may be taken out of the page
        st.rerun()


def _film(seen: JobView | None) -> dict[str, Any]:
    data = _whole_film(seen)
    if data["metric"] == _metric("topk"):
        # a ranking trains on another quantity than it is judged by, and would squeeze the other curves flat
        data["losses"].pop("train", None)
    return data


def _shows_a_run(seen: JobView | None) -> bool:
    """Whether the film is that of a finished search."""
    return seen is None or not (seen.active or seen.run is None)


def _whole_film(seen: JobView | None) -> dict[str, Any]:
    words = texts.page("player")
    if seen is not None and not _shows_a_run(seen):
        return film.of_events(
            seen.events,
            seen.job["config"],
            words,
            id=seen.id,
            live=seen.active,
            metric=_metric(seen.job["config"]["task"]),
        )
    run = session.run_on_show()
    config = run.result.config
    again = seen is not None and not seen.elapsed_s  # nothing was computed: the film of the finished search is shown
    name = f"{run.folder.name} again" if again else run.folder.name
    # who comes to watch a search must not find a picture that stands still
    play = st.session_state.pop("watch_search", False) or again
    return film.of_result(run.result, words, id=name, autoplay=play, metric=_metric(config.task))


def _metric(task: str) -> str:
    return texts.page("search")["losses"][task]


def _state(seen: JobView) -> None:
    words = texts.page("search")
    epochs = [e for e in seen.events if e["event"] == "epoch"]
    message = escape.markdown(seen.message, 300)
    if seen.state == "failed":
        st.error(words["failed"].format(message=message), icon=":material/error:")
    elif seen.state == "stopped" and seen.run is None:
        st.info(words["stopped"].format(epoch=len(epochs), message=message), icon=":material/stop_circle:")
    elif not seen.active:
        return
    elif seen.position:
        st.progress(0.0, text=words["queued"].format(position=seen.position, wait=desk.duration(seen.wait_s)))
    elif not epochs:
        st.progress(0.0, text=words["starting"] + _hold(seen))
    else:
        st.progress(min(1.0, epochs[-1]["epoch"] / max(1, epochs[-1].get("epochs", 1))), text=_how_far(seen, epochs))
    if seen.active and seen.n_owners > 1:
        st.caption(words["shared"].format(count=seen.n_owners))


def _hold(seen: JobView) -> str:
    if not seen.paused:
        return ""
    return texts.page("search")["paused" if seen.waiting else "pausing"]


def _how_far(seen: JobView, epochs: list[dict[str, Any]]) -> str:
    words = texts.page("search")
    if seen.stopping:
        return words["stopping"]
    last = epochs[-1]
    # what was computed: the clock of the worker would go on while it is held
    spent_s = last["seconds"]
    text = words["running"].format(epoch=last["epoch"], epochs=last.get("epochs", "?"), elapsed=desk.duration(spent_s))
    if seen.paused:
        return text + _hold(seen)
    left_s = spent_s / last["epoch"] * max(0, last.get("epochs", 0) - last["epoch"])
    return text + words["left"].format(left=desk.duration(left_s))
