"""One user's ten best items, by the full table and by the pruned one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dnis.exports import safe_frame
from dnis.pruning import prune
from dnis.ui import escape, recommendations, session, store, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.splits import Split

MOST_USERS = 10_000
"""So many can be chosen from, the most active first."""


def draw(run: Run) -> None:
    """Draw the two lists and say what they share.

    Args:
        run: The run on show.
    """
    words = texts.page("recommendations")
    st.header(words["title"], help=words["about"])
    if run.result.config.model != "MF":
        st.caption(words["only_mf"].format(model=escape.markdown(run.result.config.model)))
        return
    user = _user(run, words)
    split = _split(run)
    seen = np.array([], dtype=int) if split is None else recommendations.items_of(split.train, user)
    later = np.array([], dtype=int) if split is None else recommendations.items_of(split.test, user)
    scheme = prune(run.result, threshold=session.threshold())
    before, after = recommendations.before_and_after(run, scheme, user, seen)
    st.write(
        words["overlap"].format(
            both=len(np.intersect1d(before[0], after[0])), n=len(before[0]), kept=f"{1 - scheme.sparsity:.0%}",
            threshold=f"{scheme.threshold:.4g}",
        )
    )  # fmt: skip
    for column, name, found, other in zip(
        st.columns(2), ("before", "after"), (before, after), (after, before), strict=True
    ):
        with column:
            st.caption(words[name])
            st.dataframe(
                table(run, found, other[0], later), hide_index=True, alt=words[name],
                column_config={words["columns"]["score"]: st.column_config.NumberColumn(format="%.3f")},
            )  # fmt: skip
    st.caption(words["seen"].format(seen=len(seen)) if split is not None else words["no_data"])


def table(run: Run, found: tuple[np.ndarray, np.ndarray], other: np.ndarray, later: np.ndarray) -> pd.DataFrame:
    """A list of items as a table.

    Args:
        run: The run on show.
        found: Feature ids of the items, best first, and their scores.
        other: Feature ids of the other list.
        later: Feature ids that the user really took in the test part.

    Returns:
        Columns named as in ``texts/recommendations.toml``.
    """
    words = texts.page("recommendations")
    items, values = found
    rows = {
        "item": [escape.plain(run.vocabulary.label(int(item))) for item in items],
        "score": values,
        "shared": np.where(np.isin(items, other), words["yes"], ""),
        "later": np.where(np.isin(items, later), words["yes"], ""),
    }
    return safe_frame(pd.DataFrame(rows).rename(columns=words["columns"]))


def _user(run: Run, words: dict[str, Any]) -> int:
    start, end = (int(x) for x in run.vocabulary.offsets[:2])
    counts = run.result.counts[start:end]
    users = [int(u) for u in start + np.argsort(-counts, kind="stable")[:MOST_USERS] if run.result.counts[u] > 0]
    return st.selectbox(
        words["user"], users, key=f"recommend_to_{run.id}", help=words["user_help"],
        format_func=lambda u: words["option"].format(
            user=escape.plain(run.vocabulary.decode(u)[1], 40), count=f"{run.result.counts[u]:,}"
        ),
    )  # fmt: skip


def _split(run: Run) -> Split | None:
    """What the run learned from; None where its data are not on this server or are others by now."""
    try:
        split = store.split_of(run.data)
    except (ValueError, OSError):
        return None
    return split if split.train.n_features == run.vocabulary.n_features else None
