"""Two runs side by side: losses, alpha, and settings with what differs marked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dnis import figures
from dnis.exports import safe_frame
from dnis.ui import charts, escape, later, session, texts, workbench
from dnis.ui.desk import duration

if TYPE_CHECKING:
    from dnis.runs import Run


_BESIDE = "_pair_with"
_PX = 1_440


def prefer(run: Run) -> None:
    """Choose the run that the next one on show will be put beside."""
    st.session_state[_BESIDE] = run.id


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
    st.fragment(_pair)(run, others, words)


def _pair(run: Run, others: dict[str, Run], words: dict[str, Any]) -> None:
    if not later.reached("pair", _PX):
        return
    names, beside = workbench.distinct_names(list(others.values())), st.session_state.get(_BESIDE)
    chosen = st.selectbox(
        words["other_run"], list(others), _first(run, others, beside),
        format_func=lambda i: names[others[i].folder.name], key=f"other_run_{run.id}",
        persist_state="session",
    )  # fmt: skip
    other = others[chosen]
    if not _are_alike(run, other):
        st.caption(words["not_alike"])
    pair = workbench.distinct_names([run, other])
    _pictures(run, other, pair, words)
    _settings(run, other, pair, words)


def _first(run: Run, others: dict[str, Run], wanted: str | None) -> int:
    """Place of the run that was asked for, else of the first that this one can be compared with."""
    if wanted in others:
        return list(others).index(wanted)
    return next((n for n, other in enumerate(others.values()) if _are_alike(run, other)), 0)


def _are_alike(run: Run, other: Run) -> bool:
    return (run.data.source, run.result.config.task) == (other.data.source, other.result.config.task)


def _settings(run: Run, other: Run, names: dict[str, str], words: dict[str, Any]) -> None:
    table = settings_of(run, other)
    differs = table["differs"].any()
    every = st.toggle(words["all_settings"], key="all_settings", persist_state="session")
    about = (words["all_differ"] if every else words["differ"]) if differs else words["same"]
    st.caption(about)
    if not every:
        table = table[table["differs"]]
    fields = texts.page("settings")["fields"]
    labels = [words["data_settings"].get(name) or fields.get(name, {}).get("label", name) for name in table["setting"]]
    table = table.assign(setting=labels, differs=np.where(table["differs"], "≠", ""))
    both = pd.concat([_outcome(run, other), table], ignore_index=True).fillna("")
    titles = [words["setting"], *names.values(), words["differs"]]
    # in a box of its own the browser builds the longer table anew; else it keeps the widths that suited the shorter
    place = st.container() if every else st
    # as high as it has rows: what is hidden below the tenth would be missed
    place.dataframe(
        safe_frame(both.set_axis(titles, axis=1)), hide_index=True, alt=about, height="content",
        column_config={words["setting"]: {"pinned": True}},
    )  # fmt: skip


def _pictures(one: Run, other: Run, names: dict[str, str], words: dict[str, Any]) -> None:
    curves = [
        figures.loss_curves(run.result.history, run.result.best_epoch, task=run.result.config.task)
        for run in (one, other)
    ]
    if one.result.config.task == other.result.config.task:
        # one scale for both, or the eye compares what cannot be compared
        figures.share_scale(*curves)
    for column, run, curve, key in zip(st.columns(2, gap="large"), (one, other), curves, ("one", "other"), strict=True):
        name = names[run.folder.name]
        with column:
            st.text(name)
            charts.show(curve, key=f"pair_losses_{key}", alt=words["losses_alt"].format(name=name))
            picture = figures.alpha_heatmap(
                run.result.alpha, dark=charts.is_dark(), by_field=run.result.config.blocks == "field"
            )
            charts.show(picture, key=f"pair_alpha_{key}", alt=words["alpha_alt"].format(name=name))
    if one.result.alpha.shape == other.result.alpha.shape:
        apart = np.abs(one.result.alpha - other.result.alpha)
        st.caption(words["alpha_apart"].format(mean=f"{apart.mean():.3f}", most=f"{apart.max():.3f}"))


def differing(one: Run, other: Run) -> pd.DataFrame:
    """Settings and data that are not the same in two runs.

    Args:
        one: A run.
        other: Another.

    Returns:
        Columns setting, one, other; text, a row per difference.
    """
    both = settings_of(one, other)
    return both[both["differs"]].drop(columns="differs").reset_index(drop=True)


def settings_of(one: Run, other: Run) -> pd.DataFrame:
    """All settings and data of two runs, those that differ first.

    Args:
        one: A run.
        other: Another.

    Returns:
        Columns setting, one, other (text) and differs (bool).
    """
    flat = [{**dataclasses.asdict(r.data), **dataclasses.asdict(r.result.config)} for r in (one, other)]
    # both the data and the search have a seed
    for values, r in zip(flat, (one, other), strict=True):
        values["split seed"] = r.data.seed
        values["columns"] = values["columns"] or texts.page("compare")["as_guessed"]
        values["strategy"] = values["strategy"] or texts.page("compare")["by_the_data"]
    rows = [(n, _named(n, flat[0][n]), _named(n, flat[1][n]), flat[0][n] != flat[1][n]) for n in flat[0]]
    table = pd.DataFrame(rows, columns=["setting", "one", "other", "differs"])
    return table.sort_values("differs", ascending=False, kind="stable", ignore_index=True)


def _outcome(one: Run, other: Run) -> pd.DataFrame:
    words = texts.page("compare")
    measures = [texts.page("search")["losses"][r.result.config.task] for r in (one, other)]
    values = [" / ".join(_metric(r, part) for part in ("val", "test")) for r in (one, other)]
    took = [duration(r.result.elapsed_s) for r in (one, other)]
    rows = [(words["took_now"], *took)]
    if measures[0] == measures[1]:
        rows.insert(0, (words["value_now"].format(metric=measures[0]), *values))
    else:  # of different tasks, which no number compares
        alone = [(values[0], ""), ("", values[1])]
        rows[:0] = [
            (words["value_now"].format(metric=measure), *pair) for measure, pair in zip(measures, alone, strict=True)
        ]
    return pd.DataFrame(rows, columns=["setting", "one", "other"])


def _metric(run: Run, part: str) -> str:
    measured = run.result.metrics.get(part) or {}
    value = measured.get("loss")
    return "?" if value is None else f"{value:.4f}"


def _named(setting: str, value: Any) -> str:
    """A value as the form of the Search page and the sidebar call it."""
    if setting == "source":
        return escape.plain(workbench.data_name(str(value)))
    names = texts.page("settings")["fields"].get(setting, {}).get("names", {})
    return names.get(str(value)) or _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str) and "/" in value:
        return escape.plain(value.rpartition("/")[2])
    if isinstance(value, tuple) and value and all(isinstance(pair, tuple) for pair in value):
        return _roles(value)
    return escape.plain(value if value != () else "")


def _roles(pairs: tuple[tuple[str, str], ...]) -> str:
    """Columns by role, then those whose unusable cells cost their rows: one after the other, not a role each."""
    told = [", ".join(f"{role}: {column}" for role, column in pairs if role != "clean")]
    cleaned = ", ".join(column for role, column in pairs if role == "clean")
    if cleaned:
        told.append(texts.page("compare")["cleaned"].format(columns=cleaned))
    return escape.plain("; ".join(filter(None, told)))
