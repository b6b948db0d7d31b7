"""Pictures of alpha and of one feature's row of the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, FAINT, NEUTRAL, block_axis, canvas, plain, rule, scale


def alpha_heatmap(
    alpha: np.ndarray, block_words: Sequence[str] = (), dark: bool = False, by_field: bool = False
) -> go.Figure:
    """Blocks by dimensions, popular blocks on top; 0 is the page's background.

    Args:
        alpha: Values in [0, 1], (n_blocks, K).
        block_words: What the hover says of each block, for example "782 features, seen 23 to 41 times".
        dark: Whether the page is dark.
        by_field: Whether the blocks are made within each field.

    Returns:
        A figure of one trace.
    """
    n_blocks, width = alpha.shape
    figure = canvas(max(220, min(560, 90 + 26 * n_blocks)), "dimension", block_axis(by_field), legend=False)
    words = [plain(block_words[b]) if b < len(block_words) else "" for b in range(n_blocks)]
    figure.add_heatmap(
        z=alpha, zmin=0.0, zmax=1.0, colorscale=scale(dark), xgap=1, ygap=1,
        text=[[about] * width for about in words],
        hovertemplate="block %{y}, dimension %{x}<br>alpha %{z:.3f}<br>%{text}<extra></extra>",
        colorbar={"title": {"text": "alpha", "font": {"size": 14}}, "thickness": 12, "outlinewidth": 0},
    )  # fmt: skip
    # reversed, so that the most frequent block is on top
    figure.update_yaxes(range=[n_blocks - 0.5, -0.5], showgrid=False, tickformat="d", nticks=min(n_blocks, 12))
    return figure.update_xaxes(range=[-0.5, width - 0.5], showgrid=False, tickformat="d")


BAR = 0.85
"""Width of a bar in dimensions; said aloud, since Plotly widens the bars of a trace that has no two neighbours."""


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
            x=dims[chosen], y=weighted[chosen], name=f"{name} ({int(chosen.sum())})", marker=marker, width=BAR,
            hovertemplate="dimension %{x}: %{y:.4f}, " + name + "<extra></extra>",
        )  # fmt: skip
    if threshold > 0:
        rule(figure, {"color": ACCENT, "width": 1}, y=[threshold, -threshold])
        # in the legend: beside its line a label would lie over the bars, or be cut where the page is narrow
        figure.layout.shapes[0].update(showlegend=True, name=f"threshold ({threshold:.3g})", legendgroup="threshold")
        figure.layout.shapes[1].update(legendgroup="threshold")
    reach = max(limit or 1.05 * max(float(np.abs(weighted).max(initial=0.0)), 1e-6), 1.05 * threshold)
    figure.update_yaxes(range=[-reach, reach], zeroline=True, zerolinecolor=FAINT)
    figure.update_xaxes(range=[-0.7, len(weighted) - 0.3], tickformat="d", showgrid=False)
    return figure.update_layout(barmode="overlay")
