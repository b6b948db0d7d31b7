"""A log cleaned by a k-core filter, with what it leaves before and after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dnis.figures import percent_text
from dnis.settings import MAX_CORE, DataSpec
from dnis.ui import data_panel, texts

if TYPE_CHECKING:
    from dnis.interactions import Interactions


def choose(spec: DataSpec, used: DataSpec) -> DataSpec:
    """Ask how many interactions every user and item must have.

    Args:
        spec: The data without a filter.
        used: The data in use, whose filter the widget starts with where it is of the same source.

    Returns:
        The data with the filter.
    """
    words = texts.page("data")
    start = used.core if used.source == spec.source else 0
    core = st.number_input(
        words["core"], 0, MAX_CORE, start, key=f"data_core_{spec.source}", help=words["core_help"],
        persist_state="session",
    )  # fmt: skip
    return replace(spec, core=0 if core == 1 else int(core))


def draw(before: Interactions, spec: DataSpec, used: DataSpec) -> tuple[Interactions | None, DataSpec]:
    """Ask for a filter where the data have users and items, and show what it does.

    Args:
        before: The data without it.
        spec: Their source and roles.
        used: The data in use.

    Returns:
        The filtered data, None where the filter leaves nothing, which was said; and their specification.
    """
    if not before.n_users or not before.n_items:
        return before, spec
    spec = choose(spec, used)
    if not spec.core:
        return before, spec
    after = data_panel.interactions_or_error(spec)
    if after is not None:
        words = texts.page("data")
        st.dataframe(counts(before, after), hide_index=True, alt=words["core_alt"], width="content")
    return after, spec


def counts(before: Interactions, after: Interactions) -> pd.DataFrame:
    """What a filter leaves.

    Args:
        before: The data without it.
        after: The data with it.

    Returns:
        Columns what, before, after, kept (a share as text); a row each for interactions, users and items.
    """
    words = texts.page("data")
    sizes = [(len(d), d.n_users, d.n_items) for d in (before, after)]
    rows = [
        (words["metrics"][name], f"{b:,}", f"{a:,}", percent_text(a / b, 1))
        for name, b, a in zip(("interactions", "users", "items"), *sizes, strict=True)
    ]
    return pd.DataFrame(rows, columns=[words["core_columns"][n] for n in ("what", "before", "after", "kept")])
