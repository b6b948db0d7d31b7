"""One user's ten best items, by the full table and by the pruned one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dnis.exports import safe_frame
from dnis.figures import percent_text
from dnis.preparation import dealt, same_data
from dnis.ui import escape, later, loaded, recommendations, session, store, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.settings import DataSpec
    from dnis.splits import Split

MOST_USERS = 10_000
"""So many can be chosen from, the most active first."""

_PX = 640


def draw(run: Run) -> None:
    """Draw the two lists and say what they share.

    Args:
        run: The run on show.
    """
    words = texts.page("recommendations")
    st.header(words["title"], help=words["about"])
    st.fragment(_ten)(run, words)


def _ten(run: Run, words: dict[str, Any]) -> None:
    if not later.reached("ten", _PX):
        return
    if not recommendations.has_users_and_items(run):
        st.caption(words["no_items"])
        return
    split, n_fields = _split(run), len(run.vocabulary.fields)
    if split is None and n_fields > 2:
        st.caption(words["no_further"].format(fields=escape.markdown(", ".join(run.vocabulary.fields[2:]), 200)))
        return
    user = _user(run, words)
    seen = np.array([], dtype=int) if split is None else recommendations.items_of(split.train, user)
    taken = np.array([], dtype=int) if split is None else recommendations.items_of(split.test, user)
    scheme = store.scheme_of(run, session.threshold())
    items = recommendations.candidates(run, seen)
    rows = recommendations.rows_of(user, items, split.train if split is not None and n_fields > 2 else None)
    try:
        before, after = recommendations.before_and_after(run, scheme, rows)
    except ValueError as error:
        st.caption(words["no_scores"].format(message=escape.markdown(error, 200)))
        return
    st.write(
        words["overlap"].format(
            both=len(np.intersect1d(before[0], after[0])), n=len(before[0]), kept=percent_text(1 - scheme.sparsity),
            threshold=f"{scheme.threshold:.4g}",
        )
    )  # fmt: skip
    for column, name, found, other in zip(
        st.columns(2), ("before", "after"), (before, after), (after, before), strict=True
    ):
        with column:
            st.caption(words[name])
            st.dataframe(
                table(run, found, other[0], taken), hide_index=True, alt=words[name],
                column_config={words["columns"]["score"]: st.column_config.NumberColumn(format="%.3f")},
            )  # fmt: skip
    st.caption(words["seen"].format(seen=len(seen)) if split is not None else words["no_data"])
    if n_fields > 2:
        st.caption(words["further"].format(fields=escape.markdown(", ".join(run.vocabulary.fields[2:]), 200)))


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
    users, labels = _users(loaded.naming(str(run.folder), store.stamp_of(run.folder), run), run)
    # places instead of users: Streamlit keeps what it shows for as long as a session lasts, and these texts are shared
    place = st.selectbox(
        words["user"], range(len(users)), key=f"recommend_to_{run.id}", help=words["user_help"],
        format_func=labels.__getitem__, persist_state="session",
    )  # fmt: skip
    return users[place]


@st.cache_resource(max_entries=4, show_spinner=False)
def _users(naming: str, _run: Run) -> tuple[list[int], list[str]]:
    """Users to choose from, those with the longest history first, and what each is called."""
    option, counts = texts.page("recommendations")["option"], _run.result.counts
    start, end = (int(x) for x in _run.vocabulary.offsets[:2])
    users = [int(u) for u in start + np.argsort(-counts[start:end], kind="stable")[:MOST_USERS] if counts[u] > 0]
    names = [escape.plain(_run.vocabulary.decode(u)[1], 40) for u in users]
    return users, [option.format(user=n, count=f"{counts[u]:,}") for u, n in zip(users, names, strict=True)]


def _split(run: Run) -> Split | None:
    """What the run learned from; None where its data are not on this server or are others by now."""
    try:
        config = run.result.config
        split = _dealt(run.data, config.task, config.model, store.stamp_of_source(run.data.source))
        return same_data(split, run)
    except (ValueError, OSError):
        return None


@st.cache_resource(max_entries=8, show_spinner="Splitting the data …")
def _dealt(spec: DataSpec, task: str, model: str, stamp: tuple[int, int]) -> Split:
    """As the run has seen it: with the fields that its model reads, and dealt as its task asks for."""
    return dealt(store.interactions_of(spec), spec, task, model)
