"""A finished comparison on show: verdict, frontier, differences, table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dnis import exports, figures, recipes
from dnis.ui import charts, escape, later, loaded, panels, session, store, texts, workbench

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dnis.runs import Run

_TUNED = ("lr", "l2", "l2_nu")

FRONTIER_PX = 600
"""The figure beside it has a line per method and size, so this one has room."""

_AROUND_PX = 150
"""What stands above and below a figure."""

_FEW = ("label", "compression", "n_bytes", "mean", "sd", "difference", "low", "high", "on_frontier")
"""Columns that fit a usual window; the others are what was set and how a table is stored."""

_BUTTON_PX = 112

_NAME_LETTERS = 36
"""Of a run's name in the legend, from its end, where names of one beginning differ; the figure escapes them itself."""


def read(run: Run) -> dict[str, Any] | None:
    """The comparison that was made for a run.

    Args:
        run: The run on show.

    Returns:
        The fields of ``Comparison``, or None.

    Raises:
        DataError: If it lacks what the page draws.
    """
    return loaded.comparison(str(run.folder), store.stamp_of(run.folder))


def found(run: Run) -> dict[str, Any] | None:
    """The comparison that was made for a run; one that cannot be read is said in a sentence.

    Args:
        run: The run on show.

    Returns:
        The fields of ``Comparison``, or None.
    """
    try:
        return read(run)
    except (ValueError, OSError) as error:
        message = escape.markdown(str(error).replace(f"{run.folder}/", ""), 200)
        st.error(texts.page("compare")["unreadable"].format(message=message), icon=":material/error:")
        return None


def draw(comparison: dict[str, Any], run: Run) -> None:
    """Draw everything that a comparison says.

    Args:
        comparison: As read by ``found``.
        run: The run it belongs to.
    """
    words = texts.page("compare")
    if panels.shown("verdict"):
        st.header(words["verdict"])
        with st.container(border=True):
            st.markdown("\n".join(f"- {escape.markdown(sentence, 400)}" for sentence in _verdict(comparison)))
    st.caption(_how(comparison, words))
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.fragment(_frontier)(comparison, run, words)
    with right:
        st.fragment(_differences)(comparison, run, words)
    if panels.shown("table"):
        st.fragment(_table)(comparison, run, words)


def _verdict(comparison: dict[str, Any]) -> list[str]:
    """The sentences with the metric called as everywhere on the page."""
    word = re.compile(rf"(?<!\S){re.escape(comparison['metric'])}(?!\S)")
    return [word.sub(metric_name(comparison), str(sentence)) for sentence in comparison["verdict"]]


def _how(comparison: dict[str, Any], words: dict[str, Any]) -> str:
    config = comparison.get("config") or {}
    return words["how"].format(
        model=escape.markdown(comparison.get("model", "")), metric=metric_name(comparison),
        better=words["larger" if comparison["higher_is_better"] else "smaller"], trials=config.get("n_trials", "?"),
        seeds=len(config.get("seeds", ())) or "?", draws=config.get("n_bootstrap", "?"),
    )  # fmt: skip


def metric_name(comparison: dict[str, Any]) -> str:
    """What the metric is called on screen.

    Args:
        comparison: As read by ``found``.

    Returns:
        Its name.
    """
    return texts.page("compare")["metrics"].get(comparison["metric"], escape.plain(comparison["metric"], 20))


def _frontier(comparison: dict[str, Any], run: Run, words: dict[str, Any]) -> None:
    if not later.reached("frontier", FRONTIER_PX + _AROUND_PX, ("dominated", "retrained")):
        return
    title = "frontier_better" if comparison["higher_is_better"] else "frontier"
    st.markdown(f"**{words[title]}**", help=words["frontier_about"])
    with st.container(horizontal=True):
        dominated = st.toggle(
            words["dominated"], value=True, key="dominated", persist_state="session", bind="query-params",
            help=texts.tip("dominated"),
        )  # fmt: skip
        points = retrained_points(run, comparison["metric"], words)
        shown = points and st.toggle(
            words["retrained"], value=True, key="retrained", persist_state="session", bind="query-params",
            help=words["retrained_help"],
        )  # fmt: skip
    places = tuple((name, tuple((p["n_bytes"], p["test"]) for p in found)) for name, found in points.items())
    figure = _frontier_figure(
        str(run.folder), store.stamp_of(run.folder), dominated, places if shown else (), comparison
    )
    charts.show(figure, key="frontier", alt=words["frontier_alt"])


def retrained_points(run: Run, metric: str, words: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What was retrained, of the run on show and of this session's other runs that were judged on the same rows.

    Args:
        run: The run on show.
        metric: The metric of the comparison.
        words: Texts of the page.

    Returns:
        Records with n_bytes and test, by what the figure calls them; only where there are any.
    """
    others = [other for other in session.session_runs() if other.id != run.id and other.data == run.data]
    names = workbench.distinct_names([run, *others])
    called = {words["retrained_name"]: run}
    called |= {words["retrained_other"].format(name=names[o.folder.name][-_NAME_LETTERS:]): o for o in others}
    found = {name: [p for p in r.retrained if p.get("metric") == metric] for name, r in called.items()}
    return {name: points for name, points in found.items() if points}


def _differences(comparison: dict[str, Any], run: Run, words: dict[str, Any]) -> None:
    figure = _differences_figure(str(run.folder), store.stamp_of(run.folder), comparison)
    if not later.reached("differences", int(figure.layout.height) + _AROUND_PX):
        return
    st.markdown(f"**{words['differences']}**", help=words["differences_about"])
    if len(figure.data[0].x):
        charts.show(figure, key="differences", alt=words["differences_alt"])
    else:
        st.caption(words["no_differences"])


def _table(comparison: dict[str, Any], run: Run, words: dict[str, Any]) -> None:
    st.markdown(f"**{words['table']}**")
    if not later.reached("comparison_table", later.table_px(len(comparison["rows"])) + _BUTTON_PX):
        return
    frame, names, number = table(comparison["rows"]), words["columns"], st.column_config.NumberColumn
    every = st.toggle(words["every"], key="every_column", persist_state="session", help=words["every_help"])
    forms = {
        "compression": "%.3gx", "embedding_dim": "%.1f", "n_values": "localized", "n_bytes": "%.1f kB", "lr": "%.2g",
        "l2": "%.2g", "l2_nu": "%.2f", "elapsed_s": "%.1f", **dict.fromkeys(("mean", "sd"), "%.4f"),
        **dict.fromkeys(("difference", "low", "high"), "%+.4f"),
    }  # fmt: skip
    columns = {name: number(names[name], format=form) for name, form in forms.items()}
    columns |= {name: names[name] for name in ("layout", "seeds", "on_frontier")}
    # where the window is narrower than the table, the names stay beside the numbers that are scrolled to
    columns["label"] = st.column_config.TextColumn(names["label"], pinned=True)
    seen = frame.assign(n_bytes=frame["n_bytes"] / 1000)
    st.dataframe(
        seen, hide_index=True, alt=words["table"], column_config=columns, placeholder="-",
        column_order=None if every else _FEW,
    )  # fmt: skip
    st.download_button(
        words["download"], lambda: exports.csv_bytes(frame), f"{recipes.file_stem(run)}-comparison.csv", "text/csv",
        key="take_comparison", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A comparison's rows as a table, the tuned settings beside them.

    Args:
        rows: A comparison's rows.

    Returns:
        One line per row; the columns that the page names.
    """
    tuned = [{name: (row.get("settings") or {}).get(name) for name in _TUNED} for row in rows]
    flat = [{**row, **settings, "label": _label(row)} for row, settings in zip(rows, tuned, strict=True)]
    wanted = list(texts.page("compare")["columns"])
    # made safe, since the table's toolbar offers a file as well
    frame = exports.safe_frame(pd.DataFrame(flat).reindex(columns=wanted))
    # one seed has no spread, and saying 0 would claim certainty
    return frame.assign(sd=frame["sd"].where(pd.to_numeric(frame["seeds"], errors="coerce") > 1))


def _label(row: dict[str, Any]) -> str:
    return figures.method_label(row["method"])


@st.cache_resource(max_entries=8, show_spinner=False)
def _frontier_figure(
    folder: str,
    stamp: int,
    dominated: bool,
    places: tuple[tuple[str, tuple[tuple[int, float], ...]], ...],
    _found: dict[str, Any],
) -> go.Figure:
    points = {name: [{"n_bytes": size, "test": test} for size, test in found] for name, found in places}
    return figures.frontier(_found["rows"], escape.plotly(metric_name(_found)), dominated, FRONTIER_PX, points)


@st.cache_resource(max_entries=8, show_spinner=False)
def _differences_figure(folder: str, stamp: int, _found: dict[str, Any]) -> go.Figure:
    return figures.differences(_found["rows"], _found["higher_is_better"])
