"""Plotly figures on a page: transparent, named for those who cannot see them, to be saved as PNG, SVG or HTML."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from dnis import figures
from dnis.ui import boxes, live, texts

_CONFIG = {
    "displaylogo": False,
    # the camera saves a transparent picture, whose letters are lost on another background; "Save figure" does not
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "toImage"],
}


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
    st.plotly_chart(figure, key=key, alt=alt, config=_CONFIG)
    _save(figure, key, alt)


def _save(figure: go.Figure, key: str, alt: str) -> None:
    words, dark, name = texts.page("charts"), is_dark(), key.replace("_", "-")
    with st.container(horizontal=True, horizontal_alignment="right"):
        menu = boxes.box(words["save"], f"save_{key}", icon=":material/download:", type="tertiary")
    if not menu.open:
        return
    with menu:
        st.caption(words["about"])
        live.saver(key, name, key=f"saver_{key}")
        st.download_button(
            words["html"], lambda: figures.page(alt, {"": figure}, dark).encode(), f"{name}.html", "text/html",
            key=f"html_{key}", on_click="ignore", width="stretch",
        )  # fmt: skip
