"""What each column of an uploaded file is: the guess, the facts that speak for it, and a choice per column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dnis.problems import ColumnFacts
from dnis.reading import DataError
from dnis.roles import ROLE_NAMES
from dnis.settings import DataSpec
from dnis.trial import Examination, examine
from dnis.ui import escape, remedies, texts

_ONCE = ("user", "item", "timestamp", "split", "title")


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
        facts = [ColumnFacts(**fact) for fact in _examined(source, ()).facts]
    except (DataError, OSError) as error:
        st.error(words["unreadable"].format(message=_message(error, source)), icon=":material/error:")
        return None
    st.header(words["mapper"])
    st.caption(words["mapper_about"])
    by_hand = {column: role for role, column in used.columns if role != "clean"} if used.source == source else {}
    if used.source == source:
        remedies.start(source, [column for role, column in used.columns if role == "clean"])
    # no form: a choice that waits for a button of its own is lost when another button is pressed
    with st.container(border=True):
        chosen = [
            _row(fact, by_hand.get(fact.name, fact.guess), role_key(number, source), words)
            for number, fact in enumerate(facts)
        ]
    wrong = problems(facts, chosen)
    for sentence in wrong:
        st.error(sentence, icon=":material/error:")
    if wrong:
        return None
    if not {"user", "item"} <= set(chosen):
        st.info(words["no_pair"], icon=":material/info:")
    pairs = tuple((role, fact.name) for fact, role in zip(facts, chosen, strict=True) if role != fact.guess)
    pairs += tuple(("clean", column) for column in remedies.cleaned(source))
    found = _examined(source, pairs).problems
    remedies.draw(source, found, {fact.name: role_key(number, source) for number, fact in enumerate(facts)})
    return pairs


def role_key(number: int, source: str) -> str:
    """Name of the widget that holds a column's role.

    Args:
        number: The column's number, from 0.
        source: Path of the file.

    Returns:
        The widget's key.
    """
    return f"role_{number}_{source}"


def _row(fact: ColumnFacts, start: str, key: str, words: dict) -> str:
    name, about, role = st.columns([4, 8, 5], vertical_alignment="center")
    # st.text shows letter by letter: column names and values are the visitor's, not Markdown
    name.text(escape.plain(fact.name, 40))
    missing = words["missing"].format(count=f"{fact.n_missing:,}") if fact.n_missing else words["none_missing"]
    guess = words["guessed"].format(role=words["roles"][fact.guess])
    parts = [words["value_kinds"][fact.kind], words["distinct"].format(count=f"{fact.n_distinct:,}"), missing, guess]
    about.text(
        " · ".join(parts)
        + "\n"
        + words["such_as"].format(values=", ".join(escape.plain(v, 24) for v in fact.samples) or "-")
    )
    return role.selectbox(
        words["role_of"].format(name=escape.markdown(fact.name, 30)), ROLE_NAMES,
        index=ROLE_NAMES.index(start), key=key, format_func=words["roles"].get,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip


def _examined(source: str, columns: tuple[tuple[str, str], ...]) -> Examination:
    with st.spinner(texts.page("data")["examining"]):
        return examine(source, columns)


def _message(error: Exception, source: str) -> str:
    """The error's sentence without the place where the server keeps the file."""
    path = Path(source)
    return escape.markdown(str(error).replace(str(path), "the file").replace(path.name, "the file"), 300)
