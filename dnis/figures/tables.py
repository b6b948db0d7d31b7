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
    block_counts: Sequence[str] = (),
    picked: tuple[int, int] | None = None,
    dark: bool = False,
    quantity: str = "alpha",
) -> go.Figure:
    """Blocks by dimensions, popular blocks on top; 0 is the page's background.

    Args:
        alpha: Values at least 0, (n_blocks, K).
        block_counts: What stands beside each block in the hover, for example "23 to 41 interactions".
        picked: A (block, dimension) cell to outline.
        dark: Whether the page is dark.
        quantity: What a cell holds, in a word.

    Returns:
        A figure whose second trace is a grid of invisible points, one a cell, so that cells can be clicked;
        their customdata is (block, dimension, value, words).
    """
    n_blocks, width = alpha.shape
    figure = canvas(max(220, min(560, 90 + 26 * n_blocks)), "dimension", "block (0 = most frequent)", legend=False)
    top = max(float(alpha.max(initial=0.0)), 1e-9)
    figure.add_heatmap(
        z=alpha, zmin=0.0, zmax=1.0 if quantity == "alpha" else top, colorscale=scale(dark), xgap=1, ygap=1,
        hoverinfo="skip", colorbar={"title": {"text": plain(quantity)}, "thickness": 12, "outlinewidth": 0},
    )  # fmt: skip
    if alpha.size <= CLICKABLE_CELLS:
        figure.add_trace(_click_targets(alpha, block_counts, quantity))
    if picked is not None:
        block, k = picked
        figure.add_shape(
            type="rect", x0=k - 0.5, x1=k + 0.5, y0=block - 0.5, y1=block + 0.5, line={"color": ACCENT, "width": 2}
        )
    # reversed, so that the most frequent block is on top
    figure.update_yaxes(range=[n_blocks - 0.5, -0.5], showgrid=False, tickformat="d", nticks=min(n_blocks, 12))
    figure.update_xaxes(range=[-0.5, width - 0.5], showgrid=False, tickformat="d")
    return figure.update_layout(clickmode="event+select", hoverdistance=40)


def _click_targets(alpha: np.ndarray, block_counts: Sequence[str], quantity: str) -> go.Scatter:
    n_blocks, width = alpha.shape
    block, k = (axis.ravel() for axis in np.mgrid[0:n_blocks, 0:width])
    words = [plain(block_counts[b]) if b < len(block_counts) else "" for b in block]
    data = list(zip(block.tolist(), k.tolist(), alpha.ravel().tolist(), words, strict=True))
    return go.Scatter(
        x=k, y=block, mode="markers", customdata=data, showlegend=False,
        marker={"size": 14, "opacity": 0.0, "symbol": "square"},
        selected={"marker": {"opacity": 0.0}}, unselected={"marker": {"opacity": 0.0}},
        hovertemplate="block %{y}, dimension %{x}<br>" + plain(quantity)
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


def mask_picture(
    weighted: np.ndarray, mask: np.ndarray, order: np.ndarray, rows: int = 120, dark: bool = False
) -> go.Figure:
    """What is left of the table: the mean kept |alpha e| of groups of neighbouring features, popular ones on top.

    Args:
        weighted: alpha[block(i)] * e_i, (n_features, K).
        mask: Kept entries, (n_features, K) bool.
        order: Feature ids, most frequent first, (n_features,).
        rows: Most rows drawn; more features than that are averaged in groups.
        dark: Whether the page is dark.

    Returns:
        A heatmap.
    """
    left = np.abs(weighted[order]) * mask[order]
    edges = np.unique(np.linspace(0, len(left), min(rows, len(left)) + 1).astype(int))
    picture = np.add.reduceat(left, edges[:-1], axis=0) / np.diff(edges)[:, None]
    figure = canvas(360, "dimension", "features, most frequent on top", legend=False)
    figure.add_heatmap(
        z=picture, y=edges[:-1] + 1, zmin=0.0, colorscale=scale(dark),
        colorbar={"thickness": 12, "outlinewidth": 0},
        hovertemplate="from rank %{y}, dimension %{x}: %{z:.4f}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure.update_xaxes(showgrid=False)
