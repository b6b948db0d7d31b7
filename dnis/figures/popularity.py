"""Pictures of the long tail, and of who keeps how many dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, NEUTRAL, block_axis, canvas, plain, rule

TAIL_POINTS = 400
COUNT_BINS = 40


def long_tail(counts: np.ndarray, block_of: np.ndarray | None = None, height: int = 320) -> go.Figure:
    """Training frequency against rank, both axes logarithmic, with the borders of the blocks.

    Args:
        counts: Training frequency per feature, (n_features,); features never seen are left out of the curve.
        block_of: Block per feature, (n_features,); None draws no borders.
        height: Height [pixels].

    Returns:
        A line figure; popular features stand on the left.
    """
    figure = canvas(height, "rank of the feature", "interactions", legend=False)
    order = np.argsort(-counts, kind="stable")
    ranked = counts[order]
    n_seen = int((ranked > 0).sum())
    if n_seen:
        # evenly spaced on the logarithmic axis: the shape needs no more points than that
        at = np.unique(np.geomspace(1, n_seen, TAIL_POINTS).astype(int))
        figure.add_scatter(
            x=at, y=ranked[at - 1], mode="lines", line={"color": ACCENT, "width": 2}, fill="tozeroy",
            fillcolor="rgba(76,110,245,0.12)", hovertemplate="rank %{x}: %{y} interactions<extra></extra>",
        )  # fmt: skip
    rule(figure, {"color": NEUTRAL, "width": 1, "dash": "dot"}, x=block_borders(order, block_of, n_seen))
    figure.update_xaxes(type="log", dtick=1)
    top = np.log10(max(int(ranked[0]) if len(ranked) else 1, 2))
    return figure.update_yaxes(type="log", range=[-0.1, top + 0.1], dtick=1)


def block_borders(order: np.ndarray, block_of: np.ndarray | None, n_seen: int) -> list[float]:
    """Ranks between which the block changes, where the blocks follow frequency.

    Args:
        order: Feature ids, most frequent first, (n_features,).
        block_of: Block per feature, (n_features,), or None.
        n_seen: Number of features that the curve shows.

    Returns:
        Positions on the rank axis (first rank is 1); empty where blocks interleave, as blocks per field do.
    """
    if block_of is None:
        return []
    ranked = block_of[order][:n_seen]
    if (np.diff(ranked) < 0).any():
        return []
    return (np.flatnonzero(np.diff(ranked)) + 1.5).tolist()


def dims_by_block(
    dims: np.ndarray, embedding_dim: int, words: Sequence[str] = (), height: int = 260, by_field: bool = False
) -> go.Figure:
    """Mean kept dimensions per feature of every block, against the full width.

    Args:
        dims: Mean dimensions, (n_blocks,).
        embedding_dim: K, drawn as the ceiling.
        words: What the hover says of each block, (n_blocks,) or empty.
        height: Height [pixels].
        by_field: Whether the blocks are made within each field.

    Returns:
        A bar figure; block 0, the most frequent, stands on the left.
    """
    figure = canvas(height, block_axis(by_field), "dimensions", legend=False)
    notes = [plain(w) for w in words] or [""] * len(dims)
    figure.add_bar(
        x=np.arange(len(dims)), y=dims, marker={"color": ACCENT}, customdata=notes,
        hovertemplate="block %{x}: %{y:.1f} dimensions<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    rule(figure, {"color": NEUTRAL, "width": 1, "dash": "dot"}, y=[embedding_dim])
    figure.update_xaxes(tickformat="d", nticks=min(len(dims), 12) or 1, showgrid=False)
    return figure.update_yaxes(range=[0, embedding_dim * 1.05])


def dims_by_popularity(
    counts: np.ndarray, dims: np.ndarray, picked: Sequence[tuple[int, str]] = (), height: int = 340
) -> go.Figure:
    """Kept dimensions of all features against their frequency, popular features on the left.

    A bubble stands for all features of one band of frequency that keep equally many dimensions; the line is their mean.

    Args:
        counts: Training frequency, (n_features,); features never seen are left out.
        dims: Kept dimensions, (n_features,).
        picked: (feature id, name) pairs to mark; one never seen has no place on the axis.
        height: Height [pixels].

    Returns:
        A bubble figure with a line.
    """
    figure = canvas(height, "interactions", "dimensions kept")
    seen = np.flatnonzero(counts > 0)
    if not len(seen):
        return figure
    centre, kept, size = _bubbles(counts[seen], dims[seen])
    figure.add_scatter(
        x=centre, y=kept, mode="markers", name="features", customdata=size,
        marker={"size": 4 + 16 * np.sqrt(size / size.max()), "color": ACCENT, "opacity": 0.35, "line": {"width": 0}},
        hovertemplate="%{customdata} features with about %{x:.3~s} interactions keep %{y}<extra></extra>",
    )  # fmt: skip
    line_x, line_y = _band_means(centre, kept, size)
    figure.add_scatter(
        x=line_x, y=line_y, mode="lines", name="mean", line={"color": NEUTRAL, "width": 2}, hoverinfo="skip"
    )
    for (feature, name), symbol in zip(picked, ("star", "diamond"), strict=False):
        if not counts[feature]:
            continue
        figure.add_scatter(
            x=[int(counts[feature])], y=[int(dims[feature])], mode="markers", name=plain(name, 28),
            marker={"size": 15, "symbol": symbol, "color": ACCENT, "line": {"color": "white", "width": 1.5}},
            customdata=[plain(name, 28)],
            hovertemplate="%{customdata}<br>%{x} interactions, %{y} dimensions<extra></extra>",
        )  # fmt: skip
    # reversed: many interactions on the left, as everywhere
    high, low = np.log10(counts[seen].max()), np.log10(counts[seen].min())
    figure.update_xaxes(type="log", range=[high + 0.15, low - 0.15], dtick=1)
    return figure.update_yaxes(rangemode="tozero")


def _bubbles(counts: np.ndarray, dims: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    logs = np.log10(counts)
    edges = np.linspace(logs.min(), logs.max() + 1e-9, COUNT_BINS + 1)
    band = np.clip(np.digitize(logs, edges) - 1, 0, COUNT_BINS - 1)
    pairs, size = np.unique(np.stack([band, dims.astype(int)], axis=1), axis=0, return_counts=True)
    # a band is drawn where its features are: at their mean logarithm
    n_inside = np.bincount(band, minlength=COUNT_BINS)
    mean_log = np.bincount(band, weights=logs, minlength=COUNT_BINS) / np.maximum(n_inside, 1)
    return 10.0 ** mean_log[pairs[:, 0]], pairs[:, 1], size


def _band_means(centre: np.ndarray, kept: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where, inverse = np.unique(centre, return_inverse=True)
    return where, np.bincount(inverse, weights=kept * size) / np.bincount(inverse, weights=size)
