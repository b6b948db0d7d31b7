"""Pictures of alpha and of one feature's row of the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, FAINT, NEUTRAL, canvas, plain, scale

CLICKABLE_CELLS = 20_000
"""Above this many cells the invisible click targets would cost more than they give."""


def alpha_heatmap(
    alpha: np.ndarray,
    block_words: Sequence[str] = (),
    order: np.ndarray | None = None,
    picked: tuple[int, int] | None = None,
    dark: bool = False,
    quantity: str = "alpha",
    top: float | None = 1.0,
) -> go.Figure:
    """Blocks by dimensions, popular blocks on top; 0 is the page's background.

    Args:
        alpha: Values at least 0, (n_blocks, K).
        block_words: What the hover says of each block, for example "782 features, seen 23 to 41 times".
        order: Dimensions from left to right, (K,); as trained where None.
        picked: A (block, dimension) cell to outline.
        dark: Whether the page is dark.
        quantity: What a cell holds, in a word.
        top: Value at the end of the scale; the largest one where None.

    Returns:
        A figure whose second trace is a grid of invisible points, one a cell, so that cells can be clicked;
        their customdata is (block, dimension, value, words).
    """
    n_blocks, width = alpha.shape
    order = np.arange(width) if order is None else order
    title = "dimension" if (order == np.arange(width)).all() else "dimensions, sorted"
    figure = canvas(max(220, min(560, 90 + 26 * n_blocks)), title, "block (0 = most frequent)", legend=False)
    end = max(float(alpha.max(initial=0.0)), 1e-9) if top is None else top
    figure.add_heatmap(
        z=alpha[:, order], zmin=0.0, zmax=end, colorscale=scale(dark), xgap=1, ygap=1,
        hoverinfo="skip", colorbar={"title": {"text": plain(quantity)}, "thickness": 12, "outlinewidth": 0},
    )  # fmt: skip
    if alpha.size <= CLICKABLE_CELLS:
        figure.add_trace(_click_targets(alpha, block_words, order, quantity))
    if picked is not None:
        block, x = picked[0], int(np.flatnonzero(order == picked[1])[0])
        for colour, width_px in (("white", 5), (ACCENT, 2)):  # a white seam parts the outline from dark cells
            line = {"color": colour, "width": width_px}
            figure.add_shape(type="rect", x0=x - 0.5, x1=x + 0.5, y0=block - 0.5, y1=block + 0.5, line=line)
    # reversed, so that the most frequent block is on top
    figure.update_yaxes(range=[n_blocks - 0.5, -0.5], showgrid=False, tickformat="d", nticks=min(n_blocks, 12))
    figure.update_xaxes(range=[-0.5, width - 0.5], showgrid=False, tickformat="d", showticklabels=title == "dimension")
    return figure.update_layout(clickmode="event+select", hoverdistance=40)


def _click_targets(alpha: np.ndarray, block_words: Sequence[str], order: np.ndarray, quantity: str) -> go.Scatter:
    n_blocks, width = alpha.shape
    block, x = (axis.ravel() for axis in np.mgrid[0:n_blocks, 0:width])
    words = [plain(block_words[b]) if b < len(block_words) else "" for b in block]
    data = list(zip(block.tolist(), order[x].tolist(), alpha[block, order[x]].tolist(), words, strict=True))
    return go.Scatter(
        x=x, y=block, mode="markers", customdata=data, showlegend=False,
        marker={"size": 14, "opacity": 0.0, "symbol": "square"},
        selected={"marker": {"opacity": 0.0}}, unselected={"marker": {"opacity": 0.0}},
        hovertemplate="block %{customdata[0]}, dimension %{customdata[1]}<br>" + plain(quantity)
        + " %{customdata[2]:.3f}<br>%{customdata[3]}<extra></extra>",
    )  # fmt: skip


def feature_bars(
    weighted: np.ndarray, kept: np.ndarray, threshold: float = 0.0, limit: float | None = None, height: int = 260
) -> go.Figure:
    """One feature's alpha · e per dimension, with the threshold; cut dimensions are grey outlines.

    Args:
        weighted: alpha[block(i)] * e_i, (K,).
        kept: Whether the scheme keeps the dimension, (K,) bool.
        threshold: Smallest kept |alpha e|; 0 draws no line.
        limit: Half the height of the vertical axis, so that two features can share one scale.
        height: Height [pixels].

    Returns:
        A bar figure.
    """
    figure = canvas(height, "dimension", "alpha · e")
    dims = np.arange(len(weighted))
    for name, chosen, marker in (
        ("kept", kept, {"color": ACCENT}),
        ("cut", ~kept, {"color": FAINT, "line": {"color": NEUTRAL, "width": 1}}),
    ):
        figure.add_bar(
            x=dims[chosen], y=weighted[chosen], name=f"{name} ({int(chosen.sum())})", marker=marker,
            hovertemplate="dimension %{x}: %{y:.4f}, " + name + "<extra></extra>",
        )  # fmt: skip
    if threshold > 0:
        for side in (threshold, -threshold):
            figure.add_hline(y=side, line={"color": ACCENT, "width": 1})
    reach = limit or 1.05 * max(float(np.abs(weighted).max(initial=0.0)), threshold, 1e-6)
    figure.update_yaxes(range=[-reach, reach], zeroline=True, zerolinecolor=FAINT)
    figure.update_xaxes(range=[-0.7, len(weighted) - 0.3], tickformat="d", showgrid=False)
    return figure.update_layout(bargap=0.15, barmode="overlay")
