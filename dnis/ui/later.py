"""What lies below a page's first screen, or in a closed box, is drawn when the reader comes near.

Its place is kept free, so nothing jumps. Call ``reached`` inside a fragment: then only that fragment is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dnis.ui import live

_PAGE, _REACHED, _ALL = "_page_on_show", "_reached", "_all_is_wanted"
_OVERHEARD = "_said_beside_a_part"

ROW_PX, TABLE_ROWS = 35, 10
"""Height of a line of a table, and how many it shows before it scrolls."""


def begin_page(address: str) -> bool:
    """Start a page: one that has just been opened has not been read yet.

    Args:
        address: The page's word in the address bar.

    Returns:
        Whether it has just been opened.
    """
    st.session_state.pop(_OVERHEARD, None)
    before = st.session_state.get(_PAGE)
    if before != address:
        st.session_state[_PAGE], st.session_state[_REACHED], st.session_state[_ALL] = address, frozenset(), False
    if before not in (None, address):
        # the page before may have said its words of the address so late that they stand in this one's: say ours anew
        st.query_params.update()
    return before != address


def reached(key: str, height: int, names: Iterable[str] = (), part: str = "") -> bool:
    """Whether a part of the page is to be drawn; until then its place is kept free.

    Args:
        key: Name of the place, unlike any other on the page.
        height: Height to keep free [pixels].
        names: What widgets in this part are called in the address, where they are bound to it.
        part: Name of the part, where it has several places; whichever is reached first, all of it is drawn.

    Returns:
        True once the reader is within a screen of it; at once where no browser listens, as in a test, and where the
        address has a word for one of its widgets, for only a widget that is drawn takes its word.
    """
    if st.session_state.pop(_OVERHEARD, False):
        st.rerun()
    if st.session_state.get(_ALL) or any(name in st.query_params for name in names):
        _reach(part or key)  # for good: the word leaves the address where its widget is set back
    if not st.context.headers or (part or key) in st.session_state.get(_REACHED, ()):
        return True
    live.nearness(f"near_{key}", height, lambda: _reach(part or key))
    return False


def overhear() -> None:
    """As ``on_change`` of what says something by itself, as a file that has come: have all of the page take notice.

    A part that asks to be drawn in the same turn of the browser would be all that is drawn (``assets/nearness.js``).
    """
    st.session_state[_OVERHEARD] = True


def hurry() -> None:
    """Have the page on show drawn whole, whatever of it lies where: its address is to be taken along."""
    st.session_state[_ALL] = True


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
