"""One feature on show: find it by name, its bars with the threshold, and its neighbours before and after pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dnis import figures
from dnis.ui import charts, escape, finding, later, live, loaded, neighbours, store, texts

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

KEYS = ("feature", "other")
"""The feature on show, and the one to compare it with, which may be none."""

_FEATURE_PX = 1000

_ENTERED = "_link_of_features_was_read"


def on_show(run: Run) -> dict[str, int | None]:
    """The two features on show, which the address then names, so that a link to the page brings them along.

    The address is read once, where a session enters by it; later it only says what the visitor has chosen.

    Args:
        run: A finished search.

    Returns:
        What ``chosen`` says of each of ``KEYS``.
    """
    if not st.session_state.get(_ENTERED):
        st.session_state[_ENTERED] = True
        _adopt(run)
    for key in KEYS:
        kept = st.session_state.get(_kept(run, key))
        if kept is not None:
            st.query_params[key] = str(kept)
        elif key in st.query_params:
            del st.query_params[key]
    return {key: chosen(run, key) for key in KEYS}


def _adopt(run: Run) -> None:
    """Choose what the address names, if it is a feature of the run on show and the address speaks of that run."""
    if st.query_params.get("run", run.folder.name) != run.folder.name:
        return
    for key in KEYS:
        text = st.query_params.get(key, "")
        # ids are short; and Python refuses to read a number of thousands of digits
        if text.isascii() and text.isdecimal() and len(text) < 16 and int(text) < run.vocabulary.n_features:
            st.session_state.setdefault(_kept(run, key), int(text))


def chosen(run: Run, key: str) -> int | None:
    """The feature that the visitor has chosen; at first the most frequent one of the field that has titles.

    Args:
        run: A finished search.
        key: One of ``KEYS``.

    Returns:
        A feature id, or None where there is nothing to compare with.
    """
    kept = st.session_state.get(_kept(run, key))
    return kept if kept is not None or key != KEYS[0] else _first(run)


def _kept(run: Run, key: str) -> str:
    return f"_{key}_{run.folder.name}"


def _first(run: Run) -> int:
    """The most frequent feature of the field that has titles, else of the second field."""
    name = run.vocabulary.item_field
    wanted = run.vocabulary.index(name) if name else min(1, len(run.vocabulary.fields) - 1)
    inside = np.flatnonzero(run.vocabulary.field_of == wanted)
    return int(inside[np.argmax(run.result.counts[inside])])


def find(run: Run, key: str) -> None:
    """Draw the box that finds a feature by title or raw id; only the box runs again while somebody types.

    Args:
        run: A finished search.
        key: One of ``KEYS``.
    """
    st.fragment(_find)(run, key)


def _find(run: Run, key: str) -> None:
    words, query, new = texts.page("importance"), f"_{key}_query", f"_{key}_is_new"

    def ask(text: str) -> None:
        st.session_state[query] = text

    def choose(feature: int | None) -> None:
        if feature is None or 0 <= feature < run.vocabulary.n_features:
            st.session_state[_kept(run, key)] = feature
            st.session_state[query], st.session_state[new] = "", True

    feature = chosen(run, key)
    name = None if feature is None else escape.plain(run.vocabulary.label(feature))
    index = _index(loaded.naming(str(run.folder), store.stamp_of(run.folder), run), run)
    found = {
        "id": run.folder.name, "label": words[key], "words": words["finder"], "optional": key != KEYS[0],
        "chosen": None if feature is None else {"id": feature, "name": name},
        **finding.listed(index, run.vocabulary, run.result.counts, st.session_state.get(query, "")),
    }  # fmt: skip
    live.finder(found, f"find_{key}", ask, choose)
    if st.session_state.pop(new, False):
        st.rerun()


def draw(run: Run, scheme: DimensionScheme, feature: int, limit: float, key: str) -> None:
    """Facts, bars and neighbours of a feature, once the reader comes near.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        feature: The feature.
        limit: Half the height of the bars' axis.
        key: Prefix of the elements' names.
    """
    st.fragment(_feature)(run, scheme, feature, limit, key)


def _feature(run: Run, scheme: DimensionScheme, feature: int, limit: float, key: str) -> None:
    if not later.reached(key, _FEATURE_PX, part=KEYS[0]):
        return
    words = texts.page("importance")
    field, raw = run.vocabulary.decode(feature)
    st.text(words["what"].format(field=escape.plain(field, 30), raw=escape.plain(raw, 30)))
    count, block = int(run.result.counts[feature]), int(run.result.block_of[feature])
    with st.container(horizontal=True):
        st.metric(words["count"], f"{count:,}", help=words["count_help"], width="content")
        st.metric(words["in_block"], block, help=texts.tip("block"), width="content")
        st.metric(words["dims"], f"{int(scheme.mask[feature].sum())} / {scheme.mask.shape[1]}", width="content")
    if count == 0:
        st.caption(words["unseen"])
    place = (str(run.folder), store.stamp_of(run.folder), scheme.threshold or 0.0, feature)
    charts.show(_bars(*place, limit, run, scheme), key=f"{key}_bars", alt=words["bars_alt"])
    _neighbours(run, bool(scheme.mask[feature].any()), *_around(*place, run, scheme))


def reach(run: Run, shown: list[int]) -> float:
    """Half the height of an axis on which the bars of all shown features fit.

    Args:
        run: A finished search.
        shown: Feature ids.

    Returns:
        A positive number.
    """
    return 1.08 * (float(np.abs(run.result.weighted[shown]).max()) or 0.1)


def _neighbours(run: Run, keeps: bool, before: neighbours.Neighbours, after: neighbours.Neighbours) -> None:
    words = texts.page("importance")
    st.markdown(f"**{words['neighbours']}**", help=words["neighbours_about"])
    if not len(after.ids):
        st.caption(words["nobody_left" if keeps else "nothing_left"])
    else:
        st.caption(words["overlap"].format(same=neighbours.overlap(before, after), total=len(before.ids)))
    st.table(neighbour_table(run, before, after), border="horizontal", hide_index=True, alt=words["neighbours_about"])


def neighbour_table(run: Run, before: neighbours.Neighbours, after: neighbours.Neighbours) -> pd.DataFrame:
    """Both lists side by side; what stays is marked.

    Args:
        run: A finished search.
        before: Neighbours in the full table.
        after: Neighbours in the pruned table.

    Returns:
        Columns before and after in Markdown, with a tick before names that stand in both.
    """
    words = texts.page("importance")
    both = set(before.ids.tolist()) & set(after.ids.tolist())

    def column(found: neighbours.Neighbours) -> pd.Series:
        marks = ["✓ " if i in both else "" for i in found.ids.tolist()]
        named = [escape.markdown(run.vocabulary.label(int(i))) for i in found.ids]
        return pd.Series([f"{m}{c:.2f} {n}" for m, n, c in zip(marks, named, found.cosines, strict=True)], dtype=str)

    return pd.DataFrame({words["before"]: column(before), words["after"]: column(after)}).fillna("")


@st.cache_resource(max_entries=8, show_spinner=False)
def _index(naming: str, _run: Run) -> finding.Index:
    return finding.index_of(_run.vocabulary, _run.result.counts)


@st.cache_resource(max_entries=16, show_spinner=False)
def _bars(
    folder: str, stamp: int, threshold: float, feature: int, limit: float, _run: Run, _scheme: DimensionScheme
) -> go.Figure:
    return figures.feature_bars(_run.result.weighted[feature], _scheme.mask[feature], threshold, limit)


@st.cache_resource(max_entries=16, show_spinner=False)
def _around(
    folder: str, stamp: int, threshold: float, feature: int, _run: Run, _scheme: DimensionScheme
) -> tuple[neighbours.Neighbours, neighbours.Neighbours]:
    return neighbours.around(_run, _scheme, feature)
