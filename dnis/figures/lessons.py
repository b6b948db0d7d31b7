"""The two pictures that only the lessons need."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from dnis.figures.courses import LOSS_LINES
from dnis.figures.popularity import dims_by_block
from dnis.figures.style import ACCENT, FAINT, NEUTRAL, canvas, rule


def before_and_after(plain: np.ndarray, weighted: np.ndarray, names: tuple[str, str], height: int = 260) -> go.Figure:
    """An embedding as outlines, and what is left of it after alpha as filled bars.

    Args:
        plain: e, (K,).
        weighted: alpha * e, (K,).
        names: What the two are called.
        height: Height [pixels].

    Returns:
        A bar figure.
    """
    figure = canvas(height, "dimension", "")
    dims = np.arange(len(plain))
    outline = {"color": FAINT, "line": {"color": NEUTRAL, "width": 1.5}}
    figure.add_bar(x=dims, y=plain, name=names[0], marker=outline, hovertemplate="%{y:.2f}")
    figure.add_bar(x=dims, y=weighted, name=names[1], marker={"color": ACCENT}, width=0.5, hovertemplate="%{y:.2f}")
    figure.update_xaxes(dtick=1, showgrid=False)
    return figure.update_layout(barmode="overlay")


def course(losses: Mapping[str, np.ndarray], epoch: int, names: Mapping[str, str], height: int = 260) -> go.Figure:
    """Losses of the miniature by epoch, with the epoch on show.

    Args:
        losses: Values per epoch for train, search_val and test.
        epoch: The epoch on show, from 1.
        names: What the roles are called.
        height: Height [pixels].

    Returns:
        A line figure.
    """
    figure = canvas(height, "epoch", "loss")
    for role, values in losses.items():
        figure.add_scatter(
            x=np.arange(1, len(values) + 1), y=values, mode="lines", name=names[role], line=LOSS_LINES[role],
            hovertemplate="epoch %{x}: %{y:.3f}",
        )  # fmt: skip
    rule(figure, {"color": ACCENT, "width": 1}, x=[epoch])
    return figure


def kept_and_planted(
    dims: np.ndarray, planted: np.ndarray, embedding_dim: int, name: str, height: int = 260
) -> go.Figure:
    """Dimensions kept per block, with the planted ones as a line.

    Args:
        dims: Mean kept dimensions, (n_blocks,).
        planted: Mean planted dimensions, (n_blocks,).
        embedding_dim: K.
        name: What the line is called.
        height: Height [pixels].

    Returns:
        A bar figure with a line.
    """
    figure = dims_by_block(dims, embedding_dim, height=height)
    figure.add_scatter(
        x=np.arange(len(planted)), y=planted, mode="lines+markers", name=name, line={"color": NEUTRAL, "width": 2},
        hovertemplate="block %{x}: %{y:.1f}<extra>" + name + "</extra>",
    )  # fmt: skip
    return figure
