"""Plotly figures on a page: transparent, named for those who cannot see them, to be saved as PNG, SVG or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from dnis import figures
from dnis.ui import boxes, live, session, store, texts

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer

    from dnis.runs import Run

_CONFIG = {
    "displaylogo": False,
    # the camera saves a transparent picture, whose letters are lost on another background; "Save figure" does not
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "toImage"],
}

_LOOK: dict[str, Any] = {"config": _CONFIG, "theme": None}
"""Figures dress themselves (``figures.style``): Streamlit's dress would have Plotly draw each of them twice."""


def is_dark() -> bool:
    """Whether the visitor's page is dark, as far as the browser has said."""
    return st.context.theme.type == "dark"


def show(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a figure over the full width.

    Args:
        figure: The figure.
        key: Name of the element.
        alt: What the figure shows, for screen readers; literal text.
    """
    st.plotly_chart(figure, key=key, alt=alt, **_LOOK)
    _save(figure, key, alt)


def stills(run: Run, headings: Sequence[str], key: str) -> None:
    """Below a picture that lives in the browser: a box with its still figures, drawn when it is opened, to be saved.

    Args:
        run: The run on show.
        headings: Which figures of ``figures.makers_of``.
        key: Name of the element.
    """
    menu = _menu(key)
    if not menu.open:
        return
    makers = figures.makers_of(run, store.scheme_of(run, session.threshold()), dark=is_dark())
    with menu:
        st.caption(texts.page("charts")["about_still"])
        for number, heading in enumerate(headings):
            name, figure = f"{key}_{number}", makers[heading]()
            st.markdown(f"**{heading}**")
            _buttons(figure, name, heading)
            st.plotly_chart(figure, key=name, alt=heading, **_LOOK)


def _save(figure: go.Figure, key: str, alt: str) -> None:
    menu = _menu(key)
    if menu.open:
        with menu:
            st.caption(texts.page("charts")["about"])
            _buttons(figure, key, alt)


def _menu(key: str) -> PopoverContainer:
    with st.container(horizontal=True, horizontal_alignment="right"):
        return boxes.box(texts.page("charts")["save"], f"save_{key}", icon=":material/download:", type="tertiary")


def _buttons(figure: go.Figure, key: str, alt: str) -> None:
    words, dark, name = texts.page("charts"), is_dark(), key.replace("_", "-")
    live.saver(key, name, key=f"saver_{key}")
    st.download_button(
        words["html"], lambda: figures.page(alt, {"": figure}, dark).encode(), f"{name}.html", "text/html",
        key=f"html_{key}", on_click="ignore", width="stretch",
    )  # fmt: skip
