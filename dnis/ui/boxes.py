"""Boxes whose content is made when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis.ui import live

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer


def box(label: str, key: str, **look: Any) -> PopoverContainer:
    """A button that opens a box; the server hears of its opening and closing.

    Args:
        label: The button's words.
        key: Name of the element.
        look: What else ``st.popover`` takes.

    Returns:
        The box, which says whether it is ``open``.
    """
    opened = st.popover(label, on_change="rerun", key=key, **look)
    if opened.open:
        with opened:
            live.leaving(key)
    return opened
