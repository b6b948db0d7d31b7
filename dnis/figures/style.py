"""One meaning per colour: the visual language that every figure shares."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

ACCENT = "#4c6ef5"
"""DNIS and its threshold; readable on white and on near-black."""

NEUTRAL = "#868e96"
"""Uniform dimensions, and everything that is cut away."""

FAINT = "rgba(134,142,150,0.25)"

BAR_PX = 28
"""Height that every figure keeps free on top for Plotly's buttons, which always show on a touch screen [pixels]."""

# a legend of many rows pushes the plot down, never its own top row: an empty title keeps that below the buttons
_KEPT_FREE = {"text": " ", "side": "top", "font": {"size": 16}}

FONT = '"Source Sans", sans-serif'
# on the trace's colour, which is Plotly's way, neither white nor black reads well
_HOVER = {"namelength": -1, "bgcolor": "#1a202c", "bordercolor": NEUTRAL, "font": {"family": FONT, "color": "#f3f4f8"}}

VALIDATION_DASH, TEST_DASH = "dash", "solid"
TEXT_LIMIT = 60

CIVIDIS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")
"""The colour-blind-safe scale for alpha and |alpha e|, from dark to bright."""


@dataclass(frozen=True, slots=True)
class MethodStyle:
    """How one method looks on every figure: its name in words, colour and marker."""

    label: str
    colour: str
    symbol: str


METHODS = {
    "dnis": MethodStyle("DNIS", ACCENT, "circle"),
    "dnis-budget": MethodStyle("DNIS, budget", ACCENT, "diamond-open"),
    "dnis-nested": MethodStyle("DNIS, nested", "#7950f2", "star-diamond"),
    "dnis-fit": MethodStyle("DNIS, fit", "#be4bdb", "diamond-tall"),
    "uniform": MethodStyle("Uniform", NEUTRAL, "square"),
    "uniform-turned": MethodStyle("Uniform, turned", NEUTRAL, "square-open"),
    "frozen": MethodStyle("Alpha frozen", "#5f9ea0", "diamond"),
    "magnitude": MethodStyle("Magnitude", "#b08968", "triangle-up"),
    "gradual": MethodStyle("Gradual", "#a17fa6", "triangle-down"),
    "random": MethodStyle("Random blocks", "#8a9a5b", "x"),
    "mde": MethodStyle("MDE", "#c27c88", "cross"),
    "pep": MethodStyle("PEP", "#6c8ea4", "star"),
    "nis": MethodStyle("NIS", "#b59f3b", "hexagon"),
    "sseds": MethodStyle("SSEDS", "#7f8c72", "pentagon"),
}


def method_style(name: str) -> MethodStyle:
    """The look of a method; one that is not on the list is muted and keeps its own name.

    Args:
        name: A method's registry name.

    Returns:
        Its style.
    """
    return METHODS.get(name) or MethodStyle(plain(name), "#9a8f97", "circle-open")


def method_label(name: str) -> str:
    """What a method is called on every page.

    Args:
        name: A method's registry name.

    Returns:
        Its label.
    """
    return method_style(name).label


def plain(text: object, limit: int = TEXT_LIMIT) -> str:
    """User text made literal for Plotly, which reads pseudo-HTML and TeX in every label.

    Args:
        text: Whatever the data says.
        limit: Longest text that is shown; the rest becomes an ellipsis.

    Returns:
        Printable text without markup, at most ``limit`` characters of the original.
    """
    clean = "".join(c if c.isprintable() else " " for c in str(text))
    short = clean if len(clean) <= limit else clean[: limit - 1] + "…"
    return html.escape(short, quote=False).replace("$", "&#36;")


def scale(dark: bool) -> list[tuple[float, str]]:
    """The sequential scale whose zero is the page's own background, so that pruned cells vanish.

    Args:
        dark: Whether the page is dark: then large values are bright, else they are dark.

    Returns:
        A Plotly colour scale; its first colour is fully transparent.
    """
    colours = CIVIDIS if dark else CIVIDIS[::-1]
    # A linear fade-in over the first tenth: a value just above 0 is faint, never a step.
    red, green, blue = (int(colours[0][i : i + 2], 16) for i in (1, 3, 5))
    stops = np.linspace(0.1, 1.0, len(colours))
    fade = [(0.0, f"rgba({red},{green},{blue},0)")]
    return fade + [(float(stop), colour) for stop, colour in zip(stops, colours, strict=True)]


class Canvas(go.Figure):
    """A figure that a browser can tell from its copy, and so draws once.

    Streamlit hands every figure to Plotly a second time, copied. Plotly takes a new template, or packed numbers that
    lie elsewhere, for a change of everything; numbers in lists it does not look at while ``datarevision`` stays.
    """

    def add_trace(self, trace: Any, *place: Any, **options: Any) -> go.Figure:
        """Add a trace, its numbers as lists, its name within the label of a point; else as ``go.Figure`` has it."""
        for path, numbers in _arrays(trace.to_plotly_json()):
            trace[path] = None  # else Plotly keeps what equals the list
            trace[path] = numbers.tolist()
        if trace.hovertemplate and "<extra>" not in trace.hovertemplate:
            trace.hovertemplate = f"%{{fullData.name}}<br>{trace.hovertemplate}<extra></extra>"
        return super().add_trace(trace, *place, **options)


def _arrays(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of numbers in a trace, at any depth, with their paths."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _arrays(value, f"{above}{name}.")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            yield above + name, value


def canvas(height: int, x: str, y: str, legend: bool = True) -> go.Figure:
    """An empty figure in the house style: transparent, thin grid, legend above.

    Args:
        height: Height [pixels].
        x: Title of the horizontal axis.
        y: Title of the vertical axis.
        legend: Whether traces are listed.

    Returns:
        A figure without traces.
    """
    # margins that fit numbers: Plotly's own measuring draws every figure twice; an axis of words asks for it
    axis = {"zeroline": False, "automargin": False, "linecolor": FAINT, "tickfont": {"size": 12}, "ticks": ""}
    # all at once: Plotly checks a whole layout far faster than the same entries one after the other
    figure = Canvas(
        layout={
            "height": height,
            "margin": {"l": 60, "r": 10, "t": BAR_PX + 20 if legend else BAR_PX, "b": 46, "pad": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "color": NEUTRAL, "size": 13},
            "showlegend": legend,
            "legend": {
                "orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": _KEPT_FREE, "font": {"size": 12},
            },
            "hovermode": "closest",
            "hoverlabel": _HOVER,
            # Plotly would lay a dark box below its buttons wherever they always show, as on a touch screen
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": ACCENT},
            # dragging zooms by accident on touch screens; the mode bar still offers it
            "dragmode": False,
            "xaxis": {"title": _title(x, 20), "showgrid": False, **axis},
            "yaxis": {"title": _title(y, 24), "gridcolor": FAINT, **axis},
            "datarevision": 1,
        }
    )  # fmt: skip
    figure.layout.template = None
    return figure


def _title(text: str, standoff: int) -> dict[str, Any]:
    return {"text": text, "standoff": standoff, "font": {"size": 14}}


def rule(figure: go.Figure, line: dict[str, Any], x: Sequence[float] = (), y: Sequence[float] = ()) -> None:
    """Draw straight lines over the whole figure; many at once, since each change of the shapes checks all of them.

    Args:
        figure: A figure with one pair of axes.
        line: How the lines look.
        x: Where the upright ones stand.
        y: Where the level ones lie.
    """
    upright = [
        {"type": "line", "x0": at, "x1": at, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain", "line": line}
        for at in x
    ]
    level = [
        {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": at, "y1": at, "yref": "y", "line": line}
        for at in y
    ]
    figure.layout.shapes = [*figure.layout.shapes, *upright, *level]


def percent_text(share: float, digits: int = 0) -> str:
    """A share for people: 0.25 is 25 %.

    Args:
        share: Share of a whole.
        digits: Digits after the point.

    Returns:
        Per cent with a space before the sign, as the pictures drawn in the browser have it.
    """
    return f"{share:.{digits}%}".replace("%", " %")


def bytes_text(n_bytes: float) -> str:
    """A size for people.

    Args:
        n_bytes: Size [bytes].

    Returns:
        Bytes, kB or MB with at most three significant digits.
    """
    if n_bytes < 1000:
        return f"{n_bytes:.0f} B"
    if n_bytes < 1_000_000:
        return f"{n_bytes / 1000:.3g} kB" if n_bytes < 999_500 else "1 MB"
    return f"{n_bytes / 1_000_000:,.3g} MB" if n_bytes < 999_500_000 else f"{n_bytes / 1e9:,.2f} GB"


def block_axis(by_field: bool) -> str:
    """Title of an axis of blocks.

    Args:
        by_field: Whether the blocks are made within each field, so that their order says nothing across fields.

    Returns:
        The title.
    """
    return "block (field by field, each by frequency)" if by_field else "block (0 = most frequent)"
