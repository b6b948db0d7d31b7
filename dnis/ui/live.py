"""The two components that live in the browser: the player of a search and the threshold slider.

Their HTML, CSS and JavaScript lie in ``dnis/ui/assets``; each is declared once, when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).with_name("assets")


def _declare(name: str, *scripts: str) -> Callable[..., Any]:
    def text(file: str) -> str:
        return (ASSETS / file).read_text(encoding="utf-8")

    return st.components.v2.component(
        f"dnis_{name}",
        html=text(f"{name}.html"),
        css=text("marks.css") + text(f"{name}.css"),
        js="".join(text(file) for file in ("marks.js", *scripts, f"{name}.js")),
    )


_PLAYER = _declare("player", "losses.js")
_SLIDER = _declare("threshold")


def player(film: dict[str, Any], key: str) -> None:
    """Draw a search that can be watched, played again and scrubbed through, all in the browser.

    Args:
        film: Data made by ``dnis.ui.film``.
        key: Name of the element; as long as it stays, new data redraws and never rebuilds.
    """
    _PLAYER(data=film, key=key)


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

    _SLIDER(data={**cut, "selected": selected}, key=key, on_threshold_change=report)
