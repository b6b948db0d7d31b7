"""A finished comparison on show: verdict, frontier, differences, table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dnis import exports, figures
from dnis.additions import COMPARISON
from dnis.files import read_json
from dnis.reading import DataError
from dnis.ui import charts, escape, texts

if TYPE_CHECKING:
    from dnis.runs import Run

_TUNED = ("lr", "l2", "l2_nu")


def found(run: Run) -> dict[str, Any] | None:
    """The comparison that was made for a run; one that cannot be read is said in a sentence.

    Args:
        run: The run on show.

    Returns:
        The fields of ``Comparison``, or None.
    """
    path = run.folder / COMPARISON
    if not path.is_file():
        return None
    try:
        return _checked(read_json(path))
    except (ValueError, OSError) as error:
        message = escape.markdown(str(error).replace(f"{run.folder}/", ""), 200)
        st.error(texts.page("compare")["unreadable"].format(message=message), icon=":material/error:")
        return None


def _checked(record: Any) -> dict[str, Any]:
    """A comparison that has what the page draws; the file may have come with an imported run."""
    kinds = {"rows": list, "verdict": list, "metric": str, "higher_is_better": bool}
    for name, kind in kinds.items():
        if not isinstance(record, dict) or not isinstance(record.get(name), kind):
            raise DataError(f"{name!r} is missing or not a {kind.__name__}")
    for i, row in enumerate(record["rows"]):
        numbers = [row.get(name) for name in ("n_bytes", "mean", "sd")] if isinstance(row, dict) else [None]
        if not all(isinstance(n, int | float) for n in numbers) or not isinstance(row.get("method"), str):
            raise DataError(f"row {i} lacks its method, n_bytes, mean or sd")
    return record


def draw(comparison: dict[str, Any], run: Run) -> None:
    """Draw everything that a comparison says.

    Args:
        comparison: As read by ``found``.
        run: The run it belongs to.
    """
    words = texts.page("compare")
    st.header(words["verdict"])
    with st.container(border=True):
        st.markdown("\n".join(f"- {escape.markdown(sentence, 400)}" for sentence in comparison["verdict"]))
    st.caption(_how(comparison, words))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _frontier(comparison, run, words)
    with right:
        _differences(comparison, words)
    _table(comparison, run, words)


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
    title = "frontier_better" if comparison["higher_is_better"] else "frontier"
    st.markdown(f"**{words[title]}**", help=words["frontier_about"])
    with st.container(horizontal=True):
        dominated = st.toggle(words["dominated"], value=True, key="show_dominated", persist_state="session")
        points = [p for p in run.retrained if p.get("metric") == comparison["metric"]]
        shown = points and st.toggle(words["retrained"], value=True, key="show_retrained", persist_state="session")
    figure = figures.frontier(
        comparison["rows"], metric_name(comparison), dominated, points=points if shown else (),
        points_name=words["retrained_name"],
    )  # fmt: skip
    charts.show(figure, key="frontier", alt=words["frontier_alt"])


def _differences(comparison: dict[str, Any], words: dict[str, Any]) -> None:
    st.markdown(f"**{words['differences']}**", help=words["differences_about"])
    figure = figures.differences(comparison["rows"], comparison["higher_is_better"])
    if len(figure.data[0].x):
        charts.show(figure, key="differences", alt=words["differences_alt"])
    else:
        st.caption(words["no_differences"])


def _table(comparison: dict[str, Any], run: Run, words: dict[str, Any]) -> None:
    st.markdown(f"**{words['table']}**")
    frame, names, number = table(comparison["rows"]), words["columns"], st.column_config.NumberColumn
    forms = {
        "compression": "%.3gx", "embedding_dim": "%.1f", "n_values": "localized", "n_bytes": "bytes", "lr": "%.2g",
        "l2": "%.2g", "l2_nu": "%.2f", "elapsed_s": "%.1f", **dict.fromkeys(("mean", "sd"), "%.4f"),
        **dict.fromkeys(("difference", "low", "high"), "%+.4f"),
    }  # fmt: skip
    columns = {name: number(names[name], format=form) for name, form in forms.items()}
    columns |= {name: names[name] for name in ("label", "layout", "seeds", "on_frontier")}
    st.dataframe(frame, hide_index=True, alt=words["table"], column_config=columns)
    st.download_button(
        words["download"], lambda: exports.csv_bytes(frame), f"{run.id}-comparison.csv", "text/csv",
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
    frame = pd.DataFrame(flat).reindex(columns=wanted)
    # one seed has no spread, and saying 0 would claim certainty
    return frame.assign(sd=frame["sd"].where(pd.to_numeric(frame["seeds"], errors="coerce") > 1))


def _label(row: dict[str, Any]) -> str:
    return figures.method_label(row["method"])
