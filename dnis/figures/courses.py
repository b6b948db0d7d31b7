"""Pictures of what happened over time: losses by epoch, and which role each stretch of time was dealt to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, FAINT, NEUTRAL, TEST_DASH, VALIDATION_DASH, canvas, percent_text

if TYPE_CHECKING:
    from dnis.results import EpochEvent
    from dnis.splits import Split

ROLES = {"train": "train", "search_val": "search validation", "select_val": "selection validation", "test": "test"}
"""The four roles, in the order of the road, and their names in words."""

LOSSES = {"rating": "MSE", "ctr": "logloss", "topk": "1 - NDCG@10"}
"""What a search is judged by, by task."""

LOSS_LINES = {
    "train": {"color": NEUTRAL, "width": 1.5, "dash": "solid"},
    "search_val": {"color": "#c27c88", "width": 2, "dash": "dot"},
    "select_val": {"color": ACCENT, "width": 2, "dash": VALIDATION_DASH},
    "test": {"color": ACCENT, "width": 2, "dash": TEST_DASH},
}
"""The line of every role, as the player of the Search page draws it (``player.css``)."""

TIME_BINS = 48
_ROLE_TOP, _ROLE_BOTTOM = 0.42, 0.96
"""Within a role's lane of height 1, its name stands above the first line and its bars between both."""


def loss_curves(
    history: Sequence[EpochEvent], best_epoch: int | None = None, height: int = 300, task: str = "rating"
) -> go.Figure:
    """Loss on the four roles by epoch: validation broken, test solid.

    Args:
        history: Finished epochs in order.
        best_epoch: The epoch that was kept, marked on selection validation by a ring; None marks none.
        height: Height [pixels].
        task: Task of the search: it names the loss.

    Returns:
        A line figure.
    """
    figure = canvas(height, "epoch", LOSSES[task])
    for role, words in ROLES.items():
        if role == "train" and task == "topk":
            # a ranking trains on another quantity than it is judged by, and would squeeze the other curves flat
            continue
        points = [(event.epoch, event.losses[role]) for event in history if role in event.losses]
        if points:
            figure.add_scatter(
                x=[p[0] for p in points], y=[p[1] for p in points], mode="lines", name=words, line=LOSS_LINES[role],
                hovertemplate="epoch %{x}: %{y:.4f}",
            )  # fmt: skip
    warm = [event.epoch for event in history if event.phase.startswith("warm")]
    if warm:
        figure.add_vrect(x0=min(warm) - 0.5, x1=max(warm) + 0.5, fillcolor=FAINT, opacity=0.4, line_width=0)
    kept = [e.losses["select_val"] for e in history if e.epoch == best_epoch and "select_val" in e.losses]
    if kept:
        figure.add_scatter(
            x=[best_epoch], y=kept, mode="markers", name="kept epoch", hovertemplate="epoch %{x}: %{y:.4f}",
            marker={"color": ACCENT, "symbol": "circle-open", "size": 9, "line": {"width": 2}},
        )  # fmt: skip
    return figure


def share_scale(*figures: go.Figure) -> None:
    """Give figures one vertical scale, with room above and below for the width of a line.

    Args:
        figures: Line figures of the same quantity.
    """
    values = np.concatenate([np.asarray(t.y, dtype=float) for figure in figures for t in figure.data] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    if len(values):
        low, high = float(values.min()), float(values.max())
        pad = 0.06 * ((high - low) or 1)
        for figure in figures:
            figure.update_yaxes(range=[low - pad, high + pad])


def role_strip(split: Split) -> go.Figure:
    """When the interactions of each role happened; without time, how large each role is.

    Args:
        split: The four roles.

    Returns:
        Four lanes over time, each as high as the share of its own busiest stretch of time; or one bar per role.
    """
    parts = {name: getattr(split, name) for name in ROLES}
    total = max(sum(len(part) for part in parts.values()), 1)
    labels = {name: f"{ROLES[name]}, {percent_text(len(part) / total)}" for name, part in parts.items()}
    times = {name: part.timestamp for name, part in parts.items()}
    filled = [t for t in times.values() if t is not None and len(t)]
    if not filled or min(t.min() for t in filled) == max(t.max() for t in filled):
        return _role_bars(labels, [len(part) for part in parts.values()])
    edges = np.linspace(min(t.min() for t in filled), max(t.max() for t in filled), TIME_BINS + 1)
    figure = canvas(290, "", "", legend=False)
    for lane, (name, label) in enumerate(labels.items()):
        moments = times[name]
        counts = np.histogram(moments if moments is not None else [], bins=edges)[0]
        figure.add_bar(**_lane(lane, counts, edges), name=label, marker={"color": LOSS_LINES[name]["color"]})
    _name_lanes(figure, labels)
    # few and level: the dates of a short span would be tilted and cut where the figure is narrow
    figure.update_xaxes(type="date", showgrid=False, nticks=4, tickangle=0)
    return figure.update_layout(margin={"l": 10, "b": 40}, barmode="overlay")


def _lane(lane: int, counts: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    # the share within a role: a role of a tenth of the data must not look ten times lower
    share = counts / max(int(counts.max()), 1)
    return {
        "x": ((edges[:-1] + edges[1:]) / 2 * 1e9).astype("datetime64[ns]"), "width": (edges[1] - edges[0]) * 1e3,
        "y": (_ROLE_TOP - _ROLE_BOTTOM) * share, "base": lane + _ROLE_BOTTOM, "customdata": counts,
        "hovertemplate": "%{x|%d %b %Y}: %{customdata} interactions",
    }  # fmt: skip


def _name_lanes(figure: go.Figure, labels: dict[str, str]) -> None:
    """Write each role's name above its bars, where it takes no width from them."""
    figure.update_layout(
        annotations=[
            {"x": 0, "xref": "paper", "xanchor": "left", "y": lane + _ROLE_TOP, "yanchor": "bottom", "text": label,
             "showarrow": False, "font": {"size": 12}}
            for lane, label in enumerate(labels.values())
        ],
        shapes=[
            {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": lane + _ROLE_BOTTOM,
             "y1": lane + _ROLE_BOTTOM, "line": {"color": FAINT, "width": 1}}
            for lane in range(len(labels))
        ],
    )  # fmt: skip
    figure.update_yaxes(range=[len(labels), 0], showgrid=False, showticklabels=False, showline=False)


def _role_bars(labels: dict[str, str], sizes: list[int]) -> go.Figure:
    figure = canvas(200, "interactions", "", legend=False)
    figure.add_bar(
        x=sizes, y=list(labels.values()), orientation="h",
        marker={"color": [LOSS_LINES[name]["color"] for name in labels]},
        hovertemplate="%{y}: %{x} interactions<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure.update_xaxes(nticks=4)
