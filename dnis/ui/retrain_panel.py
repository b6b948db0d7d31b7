"""The live half of the Trade-off page: the slider, retraining at its place, and the points that were retrained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis.figures.gallery import QUALITY
from dnis.ui import charts, cut, desk, elsewhere, escape, live, ownership, session, store, texts

if TYPE_CHECKING:
    from dnis.runs import Run


def slider(run: Run) -> None:
    """Draw the threshold slider; the chosen threshold becomes that of every page.

    Args:
        run: A run with its sweep.
    """
    live.threshold(
        _cut(str(run.folder), store.stamp_of(run.folder), run), session.threshold(), "cut", session.set_threshold
    )
    charts.stills(run, (QUALITY,), "tradeoff")


@st.cache_resource(max_entries=4, show_spinner=False)
def _cut(folder: str, stamp: int, _run: Run) -> dict[str, Any]:
    words, task = texts.page("tradeoff"), _run.result.config.task
    return {
        **cut.of_run(_run, texts.by_blocks(words["slider"], _run.result.config.blocks)),
        "metric": words["metrics"][task],
        "direction": words["directions"][task],
    }


def controls(run: Run) -> None:
    """Draw the button that retrains at the slider's place, and how far a retraining is.

    Args:
        run: The run on show.
    """
    words = texts.page("tradeoff")
    seen = desk.view("retrain")
    under_way = seen is not None and seen.active
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            words["retrain"], icon=":material/model_training:", type="primary", disabled=under_way,
            help=words["retrain_help"], on_click=_start, args=(run,), key="do_retrain",
        )  # fmt: skip
        if under_way:
            st.button(words["stop"], icon=":material/stop:", on_click=lambda: desk.stop("retrain"), key="stop_retrain")
        st.page_link("pages/5_compare.py", label=words["use"], icon=":material/balance:")
        st.page_link("pages/6_export.py", label=words["take"], icon=":material/download:")
    elsewhere.say("retrain", run)
    pace_s = desk.pace_s(seen)
    st.fragment(_watch, run_every=pace_s)(run, pace_s)


def _start(run: Run) -> None:
    threshold = session.threshold()
    own = ownership.own_run(run)
    if own is not None:
        desk.start({"kind": "retrain", "run": str(own.folder), "threshold": threshold})


def _watch(run: Run, pace_s: float | None) -> None:
    words = texts.page("tradeoff")
    seen = desk.view("retrain")
    if desk.pace_s(seen) != pace_s:
        st.rerun()
    if seen is None or seen.state == "finished" or not desk.writes_into(seen, run.folder):
        return
    if seen.active:
        st.progress(_part(seen.events), text=words["retraining"].format(how_far=desk.progress(seen)))
    elif seen.state == "failed":
        st.error(words["retrain_failed"].format(message=escape.markdown(seen.message, 300)), icon=":material/error:")
    else:
        st.info(
            words["retrain_stopped"].format(message=escape.markdown(seen.message, 300)), icon=":material/stop_circle:"
        )


def _part(events: tuple[dict[str, Any], ...]) -> float:
    last = next((e for e in reversed(events) if e["event"] == "epoch"), None)
    return min(1.0, last["epoch"] / max(1, last.get("epochs", 1))) if last else 0.0


def points(run: Run) -> None:
    """Draw the table of retrained points.

    Args:
        run: The run on show.
    """
    words = texts.page("tradeoff")
    if not run.retrained:
        st.caption(words["no_points"])
        return
    table = cut.points_table(run)
    table["share"] *= 100
    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, alt=words["points"],
        column_config={
            "threshold": number(words["table"]["threshold"], format="%.4g", pinned=True),
            "n_values": number(words["table"]["n_values"], format="localized"),
            "share": number(words["table"]["share"], format="%.1f %%"),
            "n_kb": number(words["table"]["n_kb"], format="%.1f kB"),
            "val": number(words["table"]["val"], format="%.4f"),
            "test": number(words["table"]["test"], format="%.4f"),
            "change": number(words["table"]["change"], format="%+.2f %%"),
        },
    )  # fmt: skip
