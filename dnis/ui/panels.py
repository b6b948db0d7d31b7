"""What a link leaves out: ``?hide=sidebar,settings`` opens the app without them, for a class to look at one thing.

Hiding is a matter of attention, not of rights: every page stays reachable by its address.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dnis.ui import texts

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_HIDDEN, _DONE_WITH = "_hidden_panels", "_link_done_with"


def begin_page() -> None:
    """Take what the address leaves out, or what an earlier page of this session did, and write it into the address."""
    asked = st.query_params.get("hide")
    # the browser may go on sending an address that the visitor has done away with
    if asked is not None and asked != st.session_state.get(_DONE_WITH):
        st.session_state[_HIDDEN] = known(asked.split(","))
    if left_out():
        st.query_params["hide"] = ",".join(left_out())
    elif asked is not None:
        del st.query_params["hide"]


def shown(name: str) -> bool:
    """Whether a panel is to be drawn.

    Args:
        name: A panel of ``texts/panels.toml``.

    Returns:
        False where the link leaves it out.

    Raises:
        KeyError: If there is no such panel.
    """
    if name not in texts.page("panels")["panels"]:
        raise KeyError(f"no panel {name!r} in texts/panels.toml")
    return name not in left_out()


def beside(name: str, widths: list[int]) -> tuple[DeltaGenerator, DeltaGenerator]:
    """A panel on the left and the rest on the right; where the link leaves the panel out, the rest has all the width.

    The panel is drawn even so, out of sight: what it sets still counts, as the link has preset it.

    Args:
        name: A panel of ``texts/panels.toml``.
        widths: Widths of both.

    Returns:
        Where to draw the panel, and where the rest.
    """
    if shown(name):
        with st.container(key=f"beside_{name}"):
            left, right = st.columns(widths, gap="large")
        return left, right
    rest = st.container()
    st.html(f"<style>.st-key-out_of_sight_{name} {{ display: none; }}</style><span hidden></span>")
    return st.container(key=f"out_of_sight_{name}"), rest


def address(file: str) -> str:
    """The word in the address bar that opens a page, which is also the name of its panel.

    Args:
        file: The page's file.

    Returns:
        Such as ``search``.
    """
    return Path(file).stem.partition("_")[2]


def left_out() -> tuple[str, ...]:
    """Names of the panels that the link leaves out."""
    return st.session_state.get(_HIDDEN, ())


def foot() -> None:
    """Where something is left out, say so at the foot of the page, with a button that shows everything."""
    if not left_out():
        return
    words = texts.page("panels")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words["left_out"], width="content")
        st.button(words["show_all"], key="show_all_panels", type="tertiary", on_click=_show_all)


def _show_all() -> None:
    st.session_state[_DONE_WITH], st.session_state[_HIDDEN] = st.query_params.get("hide"), ()


def known(names: Collection[str]) -> tuple[str, ...]:
    """Those names that stand for a panel, in the order of the texts.

    Args:
        names: Words of a link, possibly typed by hand.

    Returns:
        Names of panels.
    """
    return tuple(name for name in texts.page("panels")["panels"] if name in names)
