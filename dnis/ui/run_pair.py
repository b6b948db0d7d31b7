"""The settings of two runs side by side, with what differs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dnis.ui import escape, session, texts, workbench

if TYPE_CHECKING:
    from dnis.runs import Run


def draw(run: Run) -> None:
    """Choose another run of this session, and see what differs.

    Args:
        run: The run on show.
    """
    words = texts.page("compare")
    st.header(words["runs"])
    others = {other.id: other for other in session.session_runs() if other.id != run.id}
    if not others:
        st.caption(words["no_other"])
        return
    chosen = st.selectbox(
        words["other_run"], list(others), format_func=lambda i: workbench.run_name(others[i]), key="other_run"
    )
    table = differing(run, others[chosen])
    if table.empty:
        st.caption(words["same"])
    else:
        st.caption(words["differ"])
    names = (words["setting"], words["this_run"], workbench.run_name(others[chosen]))
    both = pd.concat([table, _outcome(run, others[chosen])], ignore_index=True)
    st.dataframe(both.set_axis(_distinct(names), axis=1), hide_index=True, alt=words["differ"])


def differing(one: Run, other: Run) -> pd.DataFrame:
    """Settings and data that are not the same in two runs.

    Args:
        one: A run.
        other: Another.

    Returns:
        Columns setting, one, other; text, a row per difference.
    """
    flat = [{**dataclasses.asdict(r.data), **dataclasses.asdict(r.result.config)} for r in (one, other)]
    # both the data and the search have a seed
    for values, r in zip(flat, (one, other), strict=True):
        values["split seed"] = r.data.seed
    rows = [(n, _text(flat[0][n]), _text(flat[1][n])) for n in flat[0] if flat[0][n] != flat[1][n]]
    return pd.DataFrame(rows, columns=["setting", "one", "other"])


def _outcome(one: Run, other: Run) -> pd.DataFrame:
    label = texts.page("compare")["value_now"]
    values = [" / ".join(_metric(r, part) for part in ("val", "test")) for r in (one, other)]
    return pd.DataFrame([(label, *values)], columns=["setting", "one", "other"])


def _metric(run: Run, part: str) -> str:
    measured = run.result.metrics.get(part) or {}
    value = measured.get("loss")
    return "-" if value is None else f"{value:.4f}"


def _text(value: Any) -> str:
    if isinstance(value, str) and "/" in value:
        return escape.plain(value.rpartition("/")[2])
    return escape.plain(value)


def _distinct(names: tuple[str, ...]) -> list[str]:
    """Column names of a table must differ, and two runs may be called the same."""
    return [name if name not in names[:i] else f"{name} (2)" for i, name in enumerate(names)]
