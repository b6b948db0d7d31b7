"""The glossary on the Learn page."""

from __future__ import annotations

import streamlit as st

from dnis.ui import later, texts

_HIGH = 2_000
"""About how high all words are on a wide window [pixels]."""


def draw() -> None:
    """Draw a closed box of all words, a sentence each, which comes when the rest of the page is there."""
    words = texts.page("learn")
    with st.expander(words["words"]):
        if later.reached("glossary", _HIGH):
            # one text: forty of one sentence each take a browser as long as a figure
            st.markdown("\n\n".join(f"**{_name(word, words)}**: {text}" for word, text in texts.glossary().items()))


def _name(word: str, words: dict) -> str:
    return words["names"].get(word) or word.replace("_", " ")
