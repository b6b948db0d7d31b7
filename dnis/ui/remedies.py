"""Problems of an uploaded table, each in a sentence with its rows, and what may be done about it at one click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dnis.counting import counted
from dnis.ui import escape, texts

_CLEANED = "_cleaned"


def start(source: str, columns: Sequence[str]) -> None:
    """Take over what was cleaned when the data were put to use, unless something else was chosen since.

    Args:
        source: Path of the file.
        columns: Columns whose unusable cells cost their rows.
    """
    st.session_state.setdefault(_CLEANED, {}).setdefault(source, list(columns))


def cleaned(source: str) -> tuple[str, ...]:
    """Columns whose unusable cells cost their rows.

    Args:
        source: Path of the file.

    Returns:
        Their names.
    """
    return tuple(st.session_state.get(_CLEANED, {}).get(source, ()))


def draw(source: str, problems: Sequence[Mapping[str, Any]], role_keys: Mapping[str, str]) -> None:
    """Draw every problem with its remedies, and what was cleaned with the way back.

    Args:
        source: Path of the file.
        problems: The fields of ``Problem``.
        role_keys: Name of the widget that holds a column's role, by column.
    """
    words = texts.page("data")
    if problems:
        st.subheader(words["problems"])
    for number, problem in enumerate(problems):
        with st.container(border=True):
            st.text(sentence(problem))
            if not problem["remedies"]:
                st.caption(words["by_itself"])
                continue
            with st.container(horizontal=True):
                for remedy in problem["remedies"]:
                    st.button(
                        words["remedies"][remedy], key=f"remedy_{number}_{remedy}_{source}", on_click=_apply,
                        args=(source, remedy, problem["column"], role_keys[problem["column"]]),
                    )  # fmt: skip
    for number, column in enumerate(cleaned(source)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(words["is_cleaned"].format(column=escape.plain(column, 30)))
            st.button(
                words["take_back"], key=f"take_back_{number}_{source}", on_click=_take_back, args=(source, column)
            )


def sentence(problem: Mapping[str, Any]) -> str:
    """What is wrong, in words; literal text, not Markdown.

    Args:
        problem: The fields of ``Problem``.

    Returns:
        One sentence, with the first rows concerned.
    """
    words = texts.page("data")
    rows = ("data row " if problem["n_rows"] == 1 else "data rows ") + ", ".join(f"{row:,}" for row in problem["rows"])
    more = ", …" if problem["n_rows"] > len(problem["rows"]) else ""
    sentence = words["problem_kinds"][problem["kind"]].format(
        column=escape.plain(problem["column"], 30), count=f"{problem['n_rows']:,}", rows=f"{rows}{more}",
        cells=counted(problem["n_rows"], "row"), values=counted(problem["n_rows"], "value"),
        value=escape.plain(problem["value"], 30),
    )  # fmt: skip
    return sentence.replace("….", "…")


def _apply(source: str, remedy: str, column: str, role_key: str) -> None:
    if remedy == "clean":
        st.session_state.setdefault(_CLEANED, {}).setdefault(source, []).append(column)
    else:
        st.session_state[role_key] = remedy


def _take_back(source: str, column: str) -> None:
    st.session_state[_CLEANED][source].remove(column)
