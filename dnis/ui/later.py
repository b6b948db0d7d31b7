"""What lies below the first screen is drawn when the reader comes near, so that a page stands at once.

Its height is kept free, so nothing jumps. Call ``reached`` inside a fragment: then only that fragment is drawn again.
"""

from __future__ import annotations

import streamlit as st

from dnis.ui import live

_PAGE, _REACHED = "_page_on_show", "_reached"

ROW_PX, TABLE_ROWS = 35, 10
"""Height of a line of a table, and how many it shows before it scrolls."""


def begin_page(address: str) -> None:
    """Start a page: one that has just been opened has not been read yet.

    Args:
        address: The page's word in the address bar.
    """
    if st.session_state.get(_PAGE) != address:
        st.session_state[_PAGE], st.session_state[_REACHED] = address, frozenset()


def reached(key: str, height: int) -> bool:
    """Whether a part of the page is to be drawn; until then its place is kept free.

    Args:
        key: Name of the part, unlike any other on the page.
        height: Height to keep free [pixels].

    Returns:
        True once the reader is within a screen of it; at once where no browser listens, as in a test.
    """
    if not st.context.headers or key in st.session_state.get(_REACHED, ()):
        return True
    live.nearness(f"near_{key}", height, lambda: _reach(key))
    return False


def table_px(n_rows: int) -> int:
    """Height of a table.

    Args:
        n_rows: Its lines, without the heading.

    Returns:
        Height [pixels].
    """
    return ROW_PX * (min(n_rows, TABLE_ROWS) + 1) + 3


def _reach(key: str) -> None:
    st.session_state[_REACHED] = st.session_state.get(_REACHED, frozenset()) | {key}
