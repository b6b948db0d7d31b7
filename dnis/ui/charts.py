"""Plotly figures on a page: transparent, named for those who cannot see them, and without tools nobody asked for."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
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


def pick(figure: go.Figure, key: str, alt: str) -> list[Any] | None:
    """Draw a figure whose points can be clicked.

    Args:
        figure: A figure whose clickable points carry customdata.
        key: Name of the element.
        alt: What the figure shows, for screen readers; literal text.

    Returns:
        customdata of the clicked point, or None.
    """
    event = st.plotly_chart(
        figure, key=key, alt=alt, config=_CONFIG, on_select="rerun", selection_mode="points"
    )  # fmt: skip
    points = event["selection"]["points"]
    return points[0].get("customdata") if points else None
