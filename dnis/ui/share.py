"""The link that opens a page as it stands, and, for a class, one that leaves some of its panels out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlencode

import streamlit as st

from dnis.ui import boxes, data_link, later, panels, texts


def link(hidden: Collection[str]) -> str:
    """The address that opens the page on show as it stands: run, threshold, features, settings, seed and knobs.

    Args:
        hidden: Panels that it leaves out.

    Returns:
        The address.
    """
    base = (st.context.url or "").partition("?")[0]
    kept = [(key, value) for key in st.query_params if key != "hide" for value in st.query_params.get_all(key)]
    if hidden:
        kept.append(("hide", ",".join(hidden)))
    return f"{base}?{urlencode(kept, safe=',')}" if kept else base


def draw(page: str) -> Callable[[], None]:
    """Draw the button that opens the link and the choice of what it leaves out.

    Args:
        page: Address of the page on show, such as ``search``; its own panels come first.

    Returns:
        What writes the link anew, for when the page has changed its address since.
    """
    words = texts.page("panels")
    # the content is made when it is opened: only then does the address hold what knobs have said to the browser alone
    opened = boxes.box(words["label"], "share", icon=":material/link:", width="stretch")
    if not opened.open:
        return lambda: None
    later.hurry()  # a widget that is not drawn says nothing in the address
    about = words["panels"]
    names = sorted(about, key=lambda name: (about[name]["page"] != page, about[name]["page"] != ""))
    with opened:
        st.caption(words["about"])
        if not data_link.travels():
            st.caption(words["own_data"])
        place = st.empty()
        hidden = st.multiselect(
            words["hide"], names, panels.left_out(), key="link_leaves_out", help=words["hide_help"],
            format_func=lambda name: about[name]["label"], persist_state="session",
        )  # fmt: skip

    def write() -> None:
        place.code(link(hidden), language=None, wrap_lines=True)

    write()
    return write
