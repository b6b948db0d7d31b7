"""Importance on show: the map of blocks and dimensions, and all features together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dnis import figures
from dnis.ui import cell_map, charts, later, live, store, texts

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

_EVERYONE_PX = 440
_SHOWS, _ADDRESS = "_map_shows", "map"


def picture(run: Run, scheme: DimensionScheme, shown: Sequence[int]) -> None:
    """Draw the map of blocks and dimensions; a click on a cell explains it, and the address says what its colours show.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        shown: Features on show, whose numbers stand in the formula of their block.
    """
    st.fragment(_picture)(run, scheme, shown)


def _picture(run: Run, scheme: DimensionScheme, shown: Sequence[int]) -> None:
    quantities = list(texts.page("importance")["map"]["quantities"])

    def show(quantity: Any) -> None:
        if quantity in quantities:
            st.session_state[_SHOWS] = quantity

    # the address is read once, where a session enters by it
    if _SHOWS not in st.session_state:
        st.session_state[_SHOWS] = quantities[0]
        show(st.query_params.get(_ADDRESS))
    quantity = st.session_state[_SHOWS]
    if quantity != quantities[0]:
        st.query_params[_ADDRESS] = quantity
    elif _ADDRESS in st.query_params:
        del st.query_params[_ADDRESS]
    live.cells(_map(*_key(run), scheme.threshold or 0.0, tuple(shown), run, scheme), quantity, "cells", show)


def everyone(run: Run, scheme: DimensionScheme, picked: Sequence[int]) -> None:
    """Dimensions against popularity for all features.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        picked: Features to mark.
    """
    words = texts.page("importance")
    st.header(words["all"])
    st.fragment(_popularity)(run, scheme, picked, words)


def _popularity(run: Run, scheme: DimensionScheme, picked: Sequence[int], words: dict[str, Any]) -> None:
    if not later.reached("everyone", _EVERYONE_PX):
        return
    figure, correlation = _everyone(*_key(run), scheme.threshold or 0.0, tuple(picked), run, scheme)
    charts.show(figure, key="dims_by_popularity", alt=words["all_alt"])
    st.caption(words["all_fact"].format(correlation=f"{correlation:+.2f}"))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank.

    Args:
        a: Numbers, (n,).
        b: Numbers, (n,).

    Returns:
        In [-1, 1]; 0 where one of the two is constant.
    """
    ranks = [np.unique(v, return_inverse=True, return_counts=True)[1:] for v in (a, b)]
    x, y = ((np.cumsum(n) - (n - 1) / 2)[i] for i, n in ranks)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _key(run: Run) -> tuple[str, int]:
    return str(run.folder), store.stamp_of(run.folder)


@st.cache_resource(max_entries=32, show_spinner=False)
def _map(
    folder: str, stamp: int, threshold: float, shown: tuple[int, ...], _run: Run, _scheme: DimensionScheme
) -> dict[str, Any]:
    words = texts.by_blocks(texts.page("importance")["map"], _run.result.config.blocks)
    return cell_map.of_run(_run, _scheme, shown, words)


@st.cache_resource(max_entries=32, show_spinner=False)
def _everyone(
    folder: str, stamp: int, threshold: float, picked: tuple[int, ...], _run: Run, _scheme: DimensionScheme
) -> tuple[go.Figure, float]:
    counts, dims = _run.result.counts, _scheme.dims
    named = [(feature, _run.vocabulary.label(feature)) for feature in picked]
    seen = counts > 0  # the figure shows no others
    return figures.dims_by_popularity(counts, dims, named), rank_correlation(counts[seen], dims[seen])
