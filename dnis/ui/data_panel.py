"""Data on show: facts, the long tail with its blocks, and the four roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dnis import figures
from dnis.exports import safe_frame
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig
from dnis.splits import PARTS, Split, default_strategy
from dnis.ui import charts, escape, later, session, settings_form, store, texts

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dnis.interactions import Interactions

FEW = 5
"""A feature that occurs fewer times than this in training has little to learn from."""

_FIGURE_PX = 420

TILE = 108
"""Height of a number with its name [pixels], kept free while the browser still fetches how to draw it."""


def interactions_or_error(spec: DataSpec) -> Interactions | None:
    """The data, or one sentence that says why not.

    Args:
        spec: Source and column roles.

    Returns:
        The interactions, or None if the sentence was said.
    """
    try:
        return store.interactions_of(spec)
    except (ValueError, OSError) as error:
        _say(error, spec)
        return None


def facts(data: Interactions, spec: DataSpec) -> None:
    """Numbers of the data, the task that follows from them, and what was noted while reading."""
    words = texts.page("data")
    names, helps = words["metrics"], words["metrics_help"]
    shown = {"interactions": f"{len(data):,}", "features": f"{data.n_features:,}"}
    if data.n_users:
        shown["users"] = f"{data.n_users:,}"
    if data.n_items:
        shown["items"] = f"{data.n_items:,}"
    if data.n_users and data.n_items:
        shown["density"] = figures.percent_text(_density(spec, store.stamp_of_source(spec.source), data), 2)
    with st.container(horizontal=True):
        for name in names:
            if name in shown:
                st.metric(names[name], shown[name], help=helps[name], width="content", height=TILE, border=True)
    st.caption(words["tasks"][data.task])
    if data.notes:
        with st.expander(words["notes"], expanded=True):
            for note in data.notes:
                st.text(escape.plain(note, 300))


def density(data: Interactions) -> float:
    """Share of all possible pairs of user and item that occur.

    Args:
        data: Interactions with users and items.

    Returns:
        A share in [0, 1].
    """
    pairs = np.unique(data.ids[:, 0].astype(np.int64) << 32 | data.ids[:, 1])
    return len(pairs) / (data.n_users * data.n_items)


def split_choice(data: Interactions, spec: DataSpec) -> DataSpec:
    """Ask how rows are dealt out.

    Args:
        data: The interactions, which decide what is possible.
        spec: The data so far.

    Returns:
        The data with strategy and seed.
    """
    words = texts.page("data")
    possible = possible_strategies(data)
    left, right = st.columns([3, 1])
    default = spec.strategy if spec.strategy in possible else default_strategy(data)
    strategy = left.selectbox(
        words["strategy"], possible, index=possible.index(default), format_func=words["strategies"].get,
        key=f"data_strategy_{spec.source}_{default}", help=words["split_about"], persist_state="session",
    )  # fmt: skip
    seed = right.number_input(
        words["seed"], 0, 2**31 - 1, spec.seed, key="data_split_seed", help=texts.tip("seed"), persist_state="session"
    )
    # an equal choice stays the same data, word for word: None already says "the default"
    return replace(spec, strategy=spec.strategy if strategy == default else strategy, seed=int(seed))


def use(spec: DataSpec) -> None:
    """Put data to use; the next search deals them out as they say, whatever an earlier one was told.

    Args:
        spec: The data as this page shows them.
    """
    session.set_data(spec)
    settings_form.take_split(spec)


def possible_strategies(data: Interactions) -> list[str]:
    """Ways to deal out rows that the data allow.

    Args:
        data: The interactions.

    Returns:
        Names of ``SPLIT_STRATEGIES``.
    """
    timed, user = data.timestamp is not None, data.roles.user is not None
    allowed = {
        "time": timed and user, "time_global": timed, "random": True, "leave_last_out": user,
        "column": data.part is not None,
    }  # fmt: skip
    return [name for name, ok in allowed.items() if ok]


def split_or_error(spec: DataSpec) -> Split | None:
    """The four roles, or one sentence that says why not.

    Args:
        spec: Source, column roles, strategy and seed.

    Returns:
        The split, or None if the sentence was said.
    """
    try:
        return store.split_of(spec)
    except (ValueError, OSError) as error:
        _say(error, spec)
        return None


def tail(split: Split, spec: DataSpec) -> None:
    """The long tail of the training part, with the borders of the default blocks."""
    words = texts.page("data")
    figure, numbers = _tail(spec, store.stamp_of_source(spec.source), split)
    charts.show(figure, key="long_tail", alt=words["tail_alt"])
    st.caption(words["tail_fact"].format(**numbers))


def tail_numbers(counts: np.ndarray) -> dict[str, str]:
    """What the long tail says, in numbers ready for its sentence.

    Args:
        counts: Training frequency per feature, (n_features,).

    Returns:
        top, features, share, rare and few as text.
    """
    n_top = max(1, len(counts) // 10)
    share = np.sort(counts)[::-1][:n_top].sum() / max(counts.sum(), 1)
    return {
        "top": f"{n_top:,}", "features": f"{len(counts):,}", "share": figures.percent_text(share),
        "rare": f"{int((counts < FEW).sum()):,}", "few": str(FEW),
    }  # fmt: skip


def roles(split: Split, spec: DataSpec) -> None:
    """A strip of the four roles over time, and what training never saw."""
    words = texts.page("data")
    if not later.reached("roles", _FIGURE_PX):
        return
    strip = _strip(spec, store.stamp_of_source(spec.source), split)
    charts.show(strip, key="role_strip", alt=words["strip_alt"])
    # without times, one set of bars shows the sizes of all roles
    if len(strip.data) > 1:
        st.caption(words["strip_about"])
    table = unknown_table(split)
    if table.empty:
        st.caption(words["unknown_none"])
    else:
        st.caption(words["unknown"])
        st.dataframe(table, hide_index=True, alt=words["unknown"], width="content")


def unknown_table(split: Split) -> pd.DataFrame:
    """Rows of each part whose value training never saw.

    Args:
        split: The four roles.

    Returns:
        Columns part, field, interactions and share (text), only where there are any.
    """
    rows = [
        {
            "part": figures.ROLES[part], "field": escape.plain(field, 30), "interactions": n,
            "share": figures.percent_text(n / len(split.parts[part]), 1),
        }
        for part in PARTS for field, n in split.unknown[part].items() if n
    ]  # fmt: skip
    return safe_frame(pd.DataFrame(rows, columns=["part", "field", "interactions", "share"]))


def _say(error: Exception, spec: DataSpec) -> None:
    words = texts.page("data")
    path = Path(spec.source)
    message = escape.markdown(str(error).replace(str(path), "the file").replace(path.name, "the file"), 300)
    st.error(f"{words['unusable'].format(message=message.rstrip('.'))} {words['remedy']}", icon=":material/error:")


@st.cache_resource(max_entries=16, show_spinner=False)
def _tail(spec: DataSpec, stamp: tuple[int, int], _split: Split) -> tuple[go.Figure, dict[str, str]]:
    blocks = make_blocks(_split.counts, SearchConfig().n_blocks)
    numbers = {**tail_numbers(_split.counts), "blocks": str(int(blocks.max()) + 1)}
    return figures.long_tail(_split.counts, blocks), numbers


@st.cache_resource(max_entries=16, show_spinner=False)
def _strip(spec: DataSpec, stamp: tuple[int, int], _split: Split) -> go.Figure:
    return figures.role_strip(_split)


@st.cache_resource(max_entries=16, show_spinner=False)
def _density(spec: DataSpec, stamp: tuple[int, int], _data: Interactions) -> float:
    return density(_data)
