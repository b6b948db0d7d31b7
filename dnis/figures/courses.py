"""Pictures of what happened over time: losses by epoch, and which role each stretch of time was dealt to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, FAINT, NEUTRAL, canvas, percent_text, rule, scale

if TYPE_CHECKING:
    from dnis.results import EpochEvent
    from dnis.splits import Split

ROLES = {"train": "train", "search_val": "search validation", "select_val": "selection validation", "test": "test"}
"""The four roles, in the order of the road, and their names in words."""

TIME_BINS = 48

_LOSS_LINES = {
    "train": {"color": NEUTRAL, "width": 1.5, "dash": "dot"},
    "search_val": {"color": NEUTRAL, "width": 1.5, "dash": "dash"},
    "select_val": {"color": ACCENT, "width": 2, "dash": "dash"},
    "test": {"color": ACCENT, "width": 2, "dash": "solid"},
}


def loss_curves(history: Sequence[EpochEvent], best_epoch: int | None = None, height: int = 300) -> go.Figure:
    """Loss on the four roles by epoch: validation dashed, test solid.

    Args:
        history: Finished epochs in order.
        best_epoch: The epoch that was kept, marked by a thin line; None marks none.
        height: Height [pixels].

    Returns:
        A line figure.
    """
    figure = canvas(height, "epoch", "loss")
    for role, words in ROLES.items():
        points = [(event.epoch, event.losses[role]) for event in history if role in event.losses]
        if points:
            figure.add_scatter(
                x=[p[0] for p in points], y=[p[1] for p in points], mode="lines", name=words, line=_LOSS_LINES[role],
                hovertemplate="epoch %{x}: %{y:.4f}",
            )  # fmt: skip
    warm = [event.epoch for event in history if event.phase.startswith("warm")]
    if warm:
        figure.add_vrect(x0=min(warm) - 0.5, x1=max(warm) + 0.5, fillcolor=FAINT, opacity=0.4, line_width=0)
    if best_epoch is not None and history:
        rule(figure, {"color": ACCENT, "width": 1}, x=[best_epoch])
    return figure


def role_strip(split: Split, dark: bool = False) -> go.Figure:
    """When the interactions of each role happened; without time, how large each role is.

    Args:
        split: The four roles.
        dark: Whether the page is dark.

    Returns:
        Four strips over time, the share of the role's interactions per stretch of time, or one bar per role.
    """
    parts = {name: getattr(split, name) for name in ROLES}
    total = max(sum(len(part) for part in parts.values()), 1)
    labels = [f"{ROLES[name]}, {percent_text(len(part) / total)}" for name, part in parts.items()]
    times = {name: part.timestamp for name, part in parts.items()}
    filled = [t for t in times.values() if t is not None and len(t)]
    if not filled or min(t.min() for t in filled) == max(t.max() for t in filled):
        return _role_bars(labels, [len(part) for part in parts.values()])
    edges = np.linspace(min(t.min() for t in filled), max(t.max() for t in filled), TIME_BINS + 1)
    counts = np.array([np.histogram(t if t is not None else [], bins=edges)[0] for t in times.values()])
    figure = canvas(190, "time", "", legend=False)
    # the share within a role: a role of a tenth of the data must not look ten times fainter; the root lifts quiet times
    share = counts / np.maximum(counts.max(axis=1, keepdims=True), 1)
    middles = ((edges[:-1] + edges[1:]) / 2 * 1e9).astype("datetime64[ns]")
    figure.add_heatmap(
        z=np.sqrt(share), x=middles, y=labels, customdata=counts, colorscale=scale(dark), zmin=0, zmax=1, ygap=4,
        showscale=False, hovertemplate="%{y}<br>%{x|%b %Y}: %{customdata} interactions<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure.update_xaxes(showgrid=False)


def _role_bars(labels: list[str], sizes: list[int]) -> go.Figure:
    figure = canvas(190, "interactions", "", legend=False)
    figure.add_bar(
        x=sizes, y=labels, orientation="h", marker={"color": ACCENT},
        hovertemplate="%{y}: %{x} interactions<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure
