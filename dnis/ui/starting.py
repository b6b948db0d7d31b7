"""A press of Start, kept until the page has read the settings that it is meant for.

Streamlit calls back what the button was given when the page was last drawn to its end. Where a setting has been changed
a moment before, the press cuts that drawing short, and what the button was given are the settings before: so the press
is only noted, and the page that is drawn for it starts with what it reads.
"""

from __future__ import annotations

import streamlit as st

_WANTED = "_wanted"


def want(kind: str, word: str = "play") -> None:
    """Note a press, as a button's callback.

    Args:
        kind: What is to start, ``search`` or ``compare``; the page that draws the button has this address.
        word: What the worker is told first.
    """
    st.session_state[_WANTED] = (kind, word)


def begin_page(address: str) -> None:
    """Forget a press on a page that has been left.

    Args:
        address: The page's word in the address bar.
    """
    if st.session_state.get(_WANTED, (address,))[0] != address:
        del st.session_state[_WANTED]


def taken(kind: str) -> str | None:
    """The word of a press that has not been answered yet, once; None if there is none."""
    kept, word = st.session_state.get(_WANTED, (None, None))
    if kept != kind:
        return None
    del st.session_state[_WANTED]
    return word
