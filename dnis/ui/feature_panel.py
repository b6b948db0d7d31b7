"""One feature on show: find it by name, its bars with the threshold, and its neighbours before and after pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dnis import figures
from dnis.ui import charts, escape, neighbours, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

DIRECT = 10_000
"""Up to this many features one list holds them all; beyond it a search narrows them down."""

N_MATCHES = 50


def names_of(run: Run) -> np.ndarray:
    """What every feature is called in lists: its label, with its field and raw id where two share a label.

    Args:
        run: A finished search.

    Returns:
        Distinct texts, (n_features,).
    """
    vocabulary = run.vocabulary
    labels = np.array([escape.plain(vocabulary.label(i)) for i in range(vocabulary.n_features)], dtype=object)
    _, place, often = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    for i in np.flatnonzero(often[place] > 1):
        field, raw = vocabulary.decode(int(i))
        labels[i] = f"{labels[i]} [{escape.plain(field, 20)} {escape.plain(raw, 20)}]"
    return labels


def matches(names: np.ndarray, text: str, counts: np.ndarray) -> np.ndarray:
    """Features whose name holds a text, most frequent first.

    Args:
        names: Names of all features, (n_features,).
        text: What to look for; upper and lower case are the same.
        counts: Training frequency, (n_features,).

    Returns:
        Feature ids.
    """
    wanted = text.casefold()
    found = np.array([i for i, name in enumerate(names) if wanted in name.casefold()], dtype=int)
    return found[np.argsort(-counts[found], kind="stable")]


def choose(run: Run, label: str, key: str, optional: bool = False) -> int | None:
    """Ask for a feature by name.

    Args:
        run: A finished search.
        label: Label of the widget.
        key: Name of the widget.
        optional: Whether none may be chosen; else the most frequent one of the item's field is.

    Returns:
        A feature id, or None.
    """
    words = texts.page("importance")
    names = _names(str(run.folder), run)
    by_count = np.argsort(-run.result.counts, kind="stable")
    if len(names) > DIRECT:
        by_count = _narrowed(names, run, key, words)
    start = None if optional or not len(by_count) else _first(run, by_count)
    chosen = st.selectbox(
        label, by_count.tolist(), index=start, key=f"{key}_{run.folder.name}", format_func=names.__getitem__,
        placeholder=words["nobody"] if optional else None, help=words["find_help"],
        filter_mode="contains", persist_state="session",
    )  # fmt: skip
    return None if chosen is None else int(chosen)


def _narrowed(names: np.ndarray, run: Run, key: str, words: dict) -> np.ndarray:
    text = st.text_input(words["search"], key=f"{key}_text", help=words["search_help"], persist_state="session")
    found = matches(names, text, run.result.counts)
    if not len(found):
        st.caption(words["no_match"].format(text=escape.markdown(text)))
    elif len(found) > N_MATCHES:
        st.caption(words["first_matches"].format(shown=N_MATCHES, found=f"{len(found):,}"))
    return found[:N_MATCHES]


def _first(run: Run, by_count: np.ndarray) -> int:
    """The place of the most frequent feature of the field that has titles, else of the second field."""
    fields = run.vocabulary.field_of[by_count]
    name = run.vocabulary.item_field
    wanted = run.vocabulary.index(name) if name else min(1, len(run.vocabulary.fields) - 1)
    return int(np.argmax(fields == wanted))


def draw(run: Run, scheme: DimensionScheme, feature: int, limit: float, key: str) -> None:
    """Facts, bars and neighbours of a feature.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        feature: The feature.
        limit: Half the height of the bars' axis.
        key: Prefix of the elements' names.
    """
    words = texts.page("importance")
    field, raw = run.vocabulary.decode(feature)
    st.text(words["what"].format(field=escape.plain(field, 30), raw=escape.plain(raw, 30)))
    count, block = int(run.result.counts[feature]), int(run.result.block_of[feature])
    with st.container(horizontal=True):
        st.metric(words["count"], f"{count:,}", help=words["count_help"], width="content")
        st.metric(words["in_block"], block, help=texts.tip("block"), width="content")
        st.metric(words["dims"], f"{int(scheme.dims[feature])} / {scheme.mask.shape[1]}", width="content")
    if count == 0:
        st.caption(words["unseen"])
    bars = figures.feature_bars(run.result.weighted[feature], scheme.mask[feature], scheme.threshold or 0.0, limit)
    charts.show(bars, key=f"{key}_bars", alt=words["bars_alt"])
    _neighbours(run, scheme, feature)


def reach(run: Run, shown: list[int]) -> float:
    """Half the height of an axis on which the bars of all shown features fit.

    Args:
        run: A finished search.
        shown: Feature ids.

    Returns:
        A positive number.
    """
    return 1.08 * max(float(np.abs(run.result.weighted[shown]).max()), 1e-6)


def _neighbours(run: Run, scheme: DimensionScheme, feature: int) -> None:
    words = texts.page("importance")
    before, after = neighbours.around(run, scheme, feature)
    st.markdown(f"**{words['neighbours']}**", help=words["neighbours_about"])
    if not len(after.ids):
        st.caption(words["nothing_left"])
    else:
        st.caption(words["overlap"].format(same=neighbours.overlap(before, after), total=len(before.ids)))
    table = neighbour_table(run, before, after)
    width = {name: st.column_config.TextColumn(width="medium") for name in table.columns}
    st.dataframe(table, hide_index=True, alt=words["neighbours_about"], column_config=width)


def neighbour_table(run: Run, before: neighbours.Neighbours, after: neighbours.Neighbours) -> pd.DataFrame:
    """Both lists side by side; what stays is marked.

    Args:
        run: A finished search.
        before: Neighbours in the full table.
        after: Neighbours in the pruned table.

    Returns:
        Columns before and after, with a tick before names that stand in both.
    """
    words = texts.page("importance")
    both = set(before.ids.tolist()) & set(after.ids.tolist())

    def column(found: neighbours.Neighbours) -> pd.Series:
        marks = ["✓ " if i in both else "" for i in found.ids.tolist()]
        named = [escape.plain(run.vocabulary.label(int(i)), 44) for i in found.ids]
        return pd.Series([f"{m}{n} ({c:.2f})" for m, n, c in zip(marks, named, found.cosines, strict=True)], dtype=str)

    return pd.DataFrame({words["before"]: column(before), words["after"]: column(after)}).fillna("")


@st.cache_resource(max_entries=8, show_spinner=False)
def _names(folder: str, _run: Run) -> np.ndarray:
    return names_of(_run)
