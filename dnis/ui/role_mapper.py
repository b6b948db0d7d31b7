"""What each column of an uploaded file is: the guess, the facts that speak for it, and a choice per column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from dnis.reading import DataError, read_frame
from dnis.roles import ROLE_NAMES, Roles
from dnis.settings import DataSpec
from dnis.trial import try_file
from dnis.ui import escape, texts

N_SAMPLES = 3
"""Values shown of each column."""

_ONCE = ("user", "item", "timestamp", "split", "title")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column as the mapper shows it: its name, kind of values, and some of them; all literal text."""

    name: str
    kind: str
    n_missing: int
    n_distinct: int
    samples: tuple[str, ...]
    guess: str


def column_facts(frame: pd.DataFrame) -> tuple[ColumnFacts, ...]:
    """Facts of every column.

    Args:
        frame: The table.

    Returns:
        One record per column, in the table's order.
    """
    guess = Roles.guess(frame)
    return tuple(
        ColumnFacts(
            name=str(name),
            kind=_kind(frame[name]),
            n_missing=int(frame[name].isna().sum()),
            n_distinct=int(frame[name].nunique()),
            samples=tuple(escape.plain(v, 24) for v in frame[name].dropna().unique()[:N_SAMPLES]),
            guess=guess.role_of(name),
        )
        for name in frame.columns
    )


def _kind(column: pd.Series) -> str:
    kinds = {"i": "whole numbers", "u": "whole numbers", "f": "numbers", "b": "yes or no", "M": "times"}
    return kinds.get(column.dtype.kind, "text")


def problems(facts: Sequence[ColumnFacts], chosen: Sequence[str]) -> list[str]:
    """What is wrong with a choice of roles, a sentence each.

    Args:
        facts: The columns.
        chosen: A role per column.

    Returns:
        Sentences for Markdown; empty where the roles go together.
    """
    words = texts.page("data")
    out = []
    for role in _ONCE:
        names = [f.name for f, r in zip(facts, chosen, strict=True) if r == role]
        if len(names) > 1:
            out.append(words["two_columns"].format(role=words["roles"][role], columns=_listed(names)))
    targets = [f.name for f, r in zip(facts, chosen, strict=True) if r in ("rating", "label")]
    if len(targets) > 1:
        out.append(words["two_targets"].format(columns=_listed(targets)))
    return out


def _listed(names: Sequence[str]) -> str:
    return ", ".join(escape.markdown(name, 30) for name in names)


def draw(source: str, used: DataSpec) -> tuple[tuple[str, str], ...] | None:
    """Draw a row per column and read the roles.

    Args:
        source: Path of an uploaded file.
        used: The data in use, whose roles the widgets start with where it is the same file.

    Returns:
        (role, column) pairs that differ from the guess; None where the file or the choice is unusable, which is said.
    """
    words = texts.page("data")
    try:
        facts = _facts_of(source)
    except (DataError, OSError) as error:
        st.error(words["unreadable"].format(message=_message(error, source)), icon=":material/error:")
        return None
    st.header(words["mapper"])
    st.caption(words["mapper_about"])
    by_hand = {column: role for role, column in used.columns} if used.source == source else {}
    with st.form(f"roles_{source}", border=True):
        chosen = [
            _row(fact, by_hand.get(fact.name, fact.guess), f"role_{number}_{source}", words)
            for number, fact in enumerate(facts)
        ]
        st.form_submit_button(words["apply"], icon=":material/check:")
    wrong = problems(facts, chosen)
    for sentence in wrong:
        st.error(sentence, icon=":material/error:")
    if wrong:
        return None
    return tuple((role, fact.name) for fact, role in zip(facts, chosen, strict=True) if role != fact.guess)


def _row(fact: ColumnFacts, start: str, key: str, words: dict) -> str:
    name, about, role = st.columns([2, 4, 2], vertical_alignment="center")
    # st.text shows letter by letter: column names and values are the visitor's, not Markdown
    name.text(escape.plain(fact.name, 40))
    missing = words["missing"].format(count=f"{fact.n_missing:,}") if fact.n_missing else words["none_missing"]
    guess = words["guessed"].format(role=words["roles"][fact.guess])
    parts = [fact.kind, words["distinct"].format(count=f"{fact.n_distinct:,}"), missing, guess]
    about.text(" · ".join(parts) + "\n" + words["such_as"].format(values=", ".join(fact.samples) or "-"))
    return role.selectbox(
        words["role_of"].format(name=escape.markdown(fact.name, 30)), ROLE_NAMES,
        index=ROLE_NAMES.index(start), key=key, format_func=words["roles"].get,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip


@st.cache_data(max_entries=8, show_spinner="Reading the file …")
def _facts_of(source: str) -> tuple[ColumnFacts, ...]:
    try_file(source)
    return column_facts(read_frame(source))


def _message(error: Exception, source: str) -> str:
    """The error's sentence without the place where the server keeps the file."""
    path = Path(source)
    return escape.markdown(str(error).replace(str(path), "the file").replace(path.name, "the file"), 300)
