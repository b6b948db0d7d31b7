"""The frame around every page: navigation on top, the workbench in the sidebar, and the guard for deep links."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st

from dnis.files import disk_fault
from dnis.ui import data_link, desk, gate, later, live, panels, session, starting, status, unfinished, workbench

ICON = Path(__file__).with_name("assets") / "icon.png"

STYLE = """<style>
div[data-testid='stSliderThumbValue'] { color: inherit; }
.stPopover button, button[data-testid='stBaseButton-tertiary'] { color: inherit !important; }
.stPlotlyChart :is(.xtick, .ytick, .g-xtitle, .g-ytitle, .legend, .cbaxis, .cbtitle, .annotation) text {
  fill: currentColor !important; fill-opacity: 0.75 !important;
}
@media (max-width: 1000px) {
  [class*='st-key-beside_'] > div > div[data-testid='stHorizontalBlock'] { flex-wrap: wrap; }
  [class*='st-key-beside_'] > div > div > div[data-testid='stColumn'] { min-width: 100%; }
}
@media (hover: none) and (max-width: 640px) { .js-plotly-plot .modebar { display: none; } }
</style><span hidden></span>"""
"""Streamlit writes these in the accent colour or a darker one, which is too faint for small letters on a dark page.
The letters of figures take the page's colour, light or dark, without being drawn anew.
Beside the sidebar of a small window, settings would be left a strip of a few letters; there they stand above instead.
On a phone a figure's buttons would always show, on top of its legend; "Save figure" below it stays.

A style sheet alone would take the place of a toast that a button's callback has just shown; hence the empty span.
"""

_HERE = threading.local()
# Not in the session: once a page has stopped, Streamlit refuses every look at the session, so a mark in there would
# stay set and let a page that is run alone pass the guard.

PAGES = (
    ("pages/1_data.py", "Data", ":material/table:"),
    ("pages/2_search.py", "Search", ":material/play_circle:"),
    ("pages/3_importance.py", "Importance", ":material/grid_on:"),
    ("pages/4_tradeoff.py", "Trade-off", ":material/tune:"),
    ("pages/5_compare.py", "Compare", ":material/balance:"),
    ("pages/6_export.py", "Export", ":material/download:"),
    ("pages/7_learn.py", "Learn", ":material/school:"),
)
"""File, title and icon of every page but the overview, in the order of the road; the address is the file's name without
its number, which is what Streamlit makes of it by itself."""


def navigation(overview: Callable[[], None] = lambda: None) -> st.Page:
    """Register every page, so that each can be entered by its own link.

    Args:
        overview: The default page, ``dnis.ui.overview.draw``.

    Returns:
        The page that the visitor asked for.
    """
    # first of all: else the browser takes the page's icon for the tab, and fetches its picture from another server
    st.set_page_config(page_icon=str(ICON), layout="wide")
    pages = [st.Page(overview, title="Overview", icon=":material/home:", url_path="overview", default=True)]
    pages += [st.Page(file, title=title, icon=icon, visibility=_seen(file)) for file, title, icon in PAGES]
    if status.is_wanted():
        pages.append(st.Page(status.draw, title="Status", url_path="status", visibility="hidden"))
    return st.navigation(pages, position="top")


def _seen(file: str) -> Literal["visible", "hidden"]:
    return "visible" if panels.shown(panels.address(file)) else "hidden"


def require_shell() -> None:
    """First line of every page: if the page was run without ``app.py`` around it, start again through ``app.py``.

    On a fresh server Streamlit's older router serves a deep link by running the page's file alone, until the first
    ``st.navigation`` call anywhere; that call is made here.
    """
    if not getattr(_HERE, "in_shell", False):
        navigation()
        st.rerun()


def run(overview: Callable[[], None]) -> None:
    """Last line of ``app.py``: draw the frame and the page in it.

    Args:
        overview: The default page.

    Raises:
        OSError: Whatever the disk refuses but for being full or read-only, which is said in one sentence.
    """
    panels.begin_page()
    page = navigation(overview)
    st.set_page_config(page_title=f"{page.title} · DNIS")
    _HERE.in_shell = True
    try:
        gate.require_entry()
        session.begin_page()
        data_link.begin_page()
        address = page.url_path or "overview"
        starting.begin_page(address)
        desk.begin_page(address)
        if later.begin_page(address):
            desk.runner().rest()
        write_link = workbench.draw(address)
        unfinished.offer()
        page.run()
        write_link()
        panels.foot()
        st.html(STYLE)
        live.address()
    except OSError as error:
        sentence = disk_fault(error)
        if sentence is None:
            raise
        st.error(sentence, icon=":material/hard_drive:")
    finally:
        _HERE.in_shell = False
