"""The runs of this session: what each came to, and what can be done with it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from dnis.additions import rename_run
from dnis.exports import safe_frame
from dnis.figures import bytes_text
from dnis.ui import (
    boxes,
    desk,
    escape,
    later,
    ownership,
    session,
    settings_form,
    store,
    texts,
    unfinished,
    uploads,
    workbench,
)
from dnis.ui.desk import duration

if TYPE_CHECKING:
    from dnis.runs import Run

_CHOSEN = "_history_chosen"

_ACTIONS_PX = 300
"""Height of what stands below the table: the choice, the buttons, the link."""


def draw() -> None:
    """Draw the list, and the actions for one of its runs, as a fragment of the page."""
    st.fragment(_draw)()


def _draw() -> None:
    # a table and a box of code bring megabytes of scripts, which would keep the browser from the picture above
    if not later.reached("runs", later.table_px(len(session.session_runs())) + _ACTIONS_PX):
        return
    words = texts.page("history")
    runs = session.session_runs()
    st.dataframe(table(runs), hide_index=True, alt=words["table_alt"])
    _undo(words)
    names = workbench.distinct_names(runs)
    current = session.run_on_show().folder.name
    before, start = st.session_state.get(_CHOSEN, ("", ""))
    start = start if before == current and start in names else current
    # a key per list of names and run on show: the browser would go on showing a name that has been changed
    chosen = st.selectbox(
        words["choose"], list(names), list(names).index(start) if start in names else 0,
        format_func=names.__getitem__, key=f"history_{current}_{'|'.join(names.values())}",
    )  # fmt: skip
    st.session_state[_CHOSEN] = (current, chosen)
    run = next(run for run in runs if run.folder.name == chosen)
    _actions(run, words)
    base = (st.context.url or "").partition("?")[0]
    st.caption(words["link"])
    st.code(f"{base}?run={run.folder.name}", language=None, wrap_lines=True)


def table(runs: list[Run]) -> pd.DataFrame:
    """The runs in a few literal words each.

    Args:
        runs: The runs, in the order of the rows.

    Returns:
        Columns named as in ``texts/history.toml``; text.
    """
    columns, names = texts.page("history")["columns"], workbench.distinct_names(runs)
    rows = [
        {
            "name": names[run.folder.name],
            "data": escape.plain(workbench.data_name(run.data.source)),
            "model": f"{run.result.config.model}, K = {run.result.config.embedding_dim}",
            "best": best_value(run),
            "size": bytes_text(store.stored_bytes(run, session.threshold_of(run))),
            "took": duration(run.result.elapsed_s),
            "made": _moment(run.created_s),
        }
        for run in runs
    ]
    return safe_frame(pd.DataFrame(rows, columns=list(columns)).rename(columns=columns))


def best_value(run: Run) -> str:
    """The validation value of a run's best epoch, with the name of its metric.

    Args:
        run: The run.

    Returns:
        Such as ``MSE 0.7912``; or that none was measured.
    """
    key, name = texts.page("history")["metrics"][run.result.config.task]
    value = (run.result.metrics.get("val") or {}).get(key)
    return texts.page("history")["unmeasured"] if value is None else f"{name} {value:.4f}"


def _moment(created_s: float) -> str:
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{datetime.fromtimestamp(created_s, zone):%Y-%m-%d %H:%M}"


def _undo(words: dict[str, Any]) -> None:
    name = session.deleted_run()
    if name is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(words["deleted"].format(name=escape.plain(name)))
        if st.button(words["undo"], icon=":material/undo:", key="undo_delete", help=words["deleted_help"]):
            session.undelete_run()
            st.rerun()


def _actions(run: Run, words: dict[str, Any]) -> None:
    bundled = store.is_bundled(run)
    on_show = run.folder.name == session.run_on_show().folder.name
    with st.container(horizontal=True):
        if st.button(
            words["show"], key="run_show", icon=":material/visibility:", disabled=on_show, help=words["show_help"]
        ):
            desk.show(run.folder.name)
            st.rerun()
        if st.button(
            words["duplicate"], key="run_duplicate", icon=":material/content_copy:", help=words["duplicate_help"]
        ):
            session.set_data(run.data)
            uploads.show(run.data)
            settings_form.fill(run.result.config, run.data)
            st.switch_page("pages/2_search.py")
        _go_on(run, words)
        if not bundled and not _is_written(run):
            _rename(run, words)
            if st.button(words["delete"], key="run_delete", icon=":material/delete:", help=words["delete_help"]):
                session.delete_run(run)
                st.rerun()
    if bundled:
        st.caption(words["bundled"])


def _is_written(run: Run) -> bool:
    """Whether a job of this session writes into the run's folder now, which must then stay as it is."""
    return any(desk.writes_into(seen, run.folder) for seen in desk.active())


def _rename(run: Run, words: dict[str, Any]) -> None:
    box = f"rename_box_{run.folder.name}"
    opened = boxes.box(words["rename"], box, icon=":material/edit:")
    with opened, st.form(f"rename_{run.folder.name}", border=False):
        key = f"run_name_{run.folder.name}"
        st.text_input(words["name"], run.name, max_chars=100, key=key)
        if st.form_submit_button(words["save"], key="run_rename", on_click=_save_name, args=(run, key, box)):
            st.rerun()  # the sidebar, too, says the name


def _save_name(run: Run, name: str, box: str) -> None:
    if st.session_state[name].strip():
        # somebody else's run keeps its name: a copy of one's own gets the new one
        own = ownership.own_run(run)
        if own is not None:
            rename_run(own.folder, st.session_state[name])
        st.session_state[box] = False


def _go_on(run: Run, words: dict[str, Any]) -> None:
    if store.is_bundled(run) or unfinished.find(run.folder.name) is None:
        return
    seen = desk.view("search")
    busy = seen is not None and seen.active
    if st.button(
        words["go_on"], key="run_go_on", icon=":material/resume:", disabled=busy,
        help=words["busy" if busy else "go_on_help"],
    ):  # fmt: skip
        unfinished.resume(run.folder.name)
        st.switch_page("pages/2_search.py")
