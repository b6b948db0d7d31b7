"""What lives in the browser: player, threshold slider, map of cells, finder, saver of figures, and what is not seen.

Their HTML, CSS and JavaScript lie in ``dnis/ui/assets``; each is declared once, when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).with_name("assets")

FILM, SMALL_FILM, CUT, MAP, FINDER = 770, 500, 920, 460, 73
"""About how high each is on a wide window [pixels]: kept free until the browser has it, so that nothing below jumps."""


def _text(file: str) -> str:
    return (ASSETS / file).read_text(encoding="utf-8")


def _declare(name: str, *scripts: str) -> Callable[..., Any]:
    return st.components.v2.component(
        f"dnis_{name}",
        html=_text(f"{name}.html"),
        css=_text("marks.css") + _text(f"{name}.css"),
        js="".join(_text(file) for file in ("marks.js", *scripts, f"{name}.js")),
    )


_PLAYER = _declare("player", "losses.js")
_SLIDER = _declare("threshold")
_SAVER = _declare("saver")
_CELLS = _declare("cells")
_FINDER = _declare("finder")
# without what the others share: a page has many of these, and none draws anything
_NEARNESS = st.components.v2.component(
    "dnis_nearness", html=_text("nearness.html"), css=_text("nearness.css"), js=_text("pages.js") + _text("nearness.js")
)
_LEAVING, _ADDRESS = (
    st.components.v2.component(f"dnis_{name}", html="<span hidden></span>", js=_text("pages.js") + _text(f"{name}.js"))
    for name in ("leaving", "address")
)


def player(film: dict[str, Any], key: str) -> None:
    """Draw a search that can be watched, played again and scrubbed through, all in the browser.

    Args:
        film: Data made by ``dnis.ui.film``.
        key: Name of the element; as long as it stays, new data redraws and never rebuilds.
    """
    _PLAYER(data=film, key=key, height=SMALL_FILM if film["compact"] else FILM)


def threshold(cut: dict[str, Any], selected: float, key: str, on_change: Callable[[float], None]) -> None:
    """Draw the threshold slider over the measured curve; it moves in the browser and reports when let go.

    Args:
        cut: Data made by ``dnis.ui.cut``.
        selected: The threshold to stand at.
        key: Name of the element.
        on_change: Called with the threshold that the visitor has chosen.
    """

    def report() -> None:
        chosen = st.session_state[key].get("threshold") or {}
        value = chosen.get("value")
        # a late message of the browser may still speak of the run before
        if chosen.get("id") == cut["id"] and isinstance(value, int | float) and 0 <= value < float("inf"):
            on_change(float(value))

    _SLIDER(data={**cut, "selected": selected}, key=key, height=CUT, on_threshold_change=report)


def saver(chart: str, name: str, key: str) -> None:
    """Draw the buttons that save a figure as it stands on the page, as SVG or PNG.

    Args:
        chart: Key of the Plotly chart.
        name: File name without its ending.
        key: Name of the element.
    """
    _SAVER(data={"chart": chart, "name": name}, key=key)


def cells(map_of_cells: dict[str, Any], quantity: str, key: str, on_quantity: Callable[[Any], None]) -> None:
    """Draw the map of blocks and dimensions, whose cells explain themselves without a question to the server.

    Args:
        map_of_cells: Data made by ``dnis.ui.cell_map``.
        quantity: What the colours show at first; later the browser knows best.
        key: Name of the element.
        on_quantity: Called with what the browser says that the colours show now.
    """

    def report() -> None:
        on_quantity(st.session_state[key].get("quantity"))

    _CELLS(data={**map_of_cells, "quantity": quantity}, key=key, height=MAP, on_quantity_change=report)


def finder(
    found: dict[str, Any], key: str, on_query: Callable[[str], None], on_chosen: Callable[[int | None], None]
) -> None:
    """Draw a box that finds a feature while somebody types.

    Args:
        found: What ``dnis.ui.finding.listed`` says, with ``id``, ``label``, ``words``, ``optional`` and ``chosen``.
        key: Name of the element.
        on_query: Called with what has been typed.
        on_chosen: Called with the chosen feature, or None where the choice was taken back.
    """

    def heard(name: str) -> dict[str, Any]:
        said = st.session_state[key].get(name) or {}
        # a late message of the browser may still speak of the run before
        return said if said.get("id") == found["id"] else {}

    def asked() -> None:
        said = heard("query")
        if isinstance(said.get("text"), str):
            on_query(said["text"])

    def chosen() -> None:
        said = heard("chosen")
        if "feature" in said and isinstance(said["feature"], int | None):
            on_chosen(said["feature"])

    _FINDER(data=found, key=key, height=FINDER, on_query_change=asked, on_chosen_change=chosen)


def nearness(key: str, height: int, on_near: Callable[[], None]) -> None:
    """Keep a place free, and hear when the reader is near it or the browser has time to spare.

    Where something else was pressed in that very moment, the whole page is drawn.

    Args:
        key: Name of the element.
        height: Height of the place [pixels].
        on_near: Called once.
    """
    _NEARNESS(key=key, height=height, on_near_change=on_near, on_crossed_change=st.rerun)


def leaving(box: str) -> None:
    """Inside a box of ``boxes.box``: let a click on another page's link close the box and be heard as well.

    Args:
        box: Key of the box.
    """
    _LEAVING(key=f"leaving_{box}")


def address() -> None:
    """On every page: Back leads to the page or run before, and a page or file that does not come is asked for again."""
    _ADDRESS(key="address")
