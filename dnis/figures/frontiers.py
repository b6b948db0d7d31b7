"""Pictures of the price of memory: error against size for one search, and for many methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dnis.figures.style import ACCENT, METHODS, NEUTRAL, bytes_text, canvas, method_style, plain, rule

SIZE_AXES = {"sparsity": "share of values cut", "n_values": "kept values", "n_bytes": "bytes as stored, index included"}


def tradeoff(
    sweep: pd.DataFrame,
    threshold: float | None = None,
    x: str = "sparsity",
    retrained: Sequence[Mapping[str, Any]] = (),
    controls: Mapping[str, pd.DataFrame] | None = None,
    metric: str = "error",
    height: int = 380,
) -> go.Figure:
    """Error against size along the threshold: validation dashed, test solid, controls muted, retrained points on top.

    Args:
        sweep: Columns threshold, sparsity, n_values, n_bytes, val, test.
        threshold: The threshold in use; marked by one thin line.
        x: Size on the horizontal axis: sparsity, n_values or n_bytes.
        retrained: Points with sparsity, n_values, n_bytes and test, from masked retraining.
        controls: Sweeps of the controls by name (magnitude, frozen); their test values are drawn.
        metric: Name of the vertical axis.
        height: Height [pixels].

    Returns:
        A line figure.

    Raises:
        ValueError: If ``x`` is not one of the three sizes.
    """
    if x not in SIZE_AXES:
        raise ValueError(f"x must be one of {', '.join(SIZE_AXES)}; got {x!r}")
    figure = canvas(height, SIZE_AXES[x], metric)
    place = "%{x:.1%}" if x == "sparsity" else "%{x:.4~s}"
    for column, dash, words in (("val", "dash", "validation"), ("test", "solid", "test")):
        figure.add_scatter(
            x=sweep[x], y=sweep[column], mode="lines", name=f"DNIS {words}",
            line={"color": ACCENT, "width": 2, "dash": dash}, hovertemplate=f"{place}: %{{y:.4f}}",
        )  # fmt: skip
    for name, frame in (controls or {}).items():
        style = method_style(name)
        figure.add_scatter(
            x=frame[x], y=frame["test"], mode="lines", name=style.label, line={"color": style.colour, "width": 1.5},
            customdata=[style.label] * len(frame),
            hovertemplate=f"%{{customdata}}<br>{place}: %{{y:.4f}}<extra></extra>",
        )  # fmt: skip
    if retrained:
        figure.add_scatter(
            x=[point[x] for point in retrained], y=[point["test"] for point in retrained], mode="markers",
            name="retrained, test", hovertemplate=f"{place}: %{{y:.4f}}",
            marker={"color": ACCENT, "size": 11, "symbol": "circle", "line": {"color": "white", "width": 1.5}},
        )  # fmt: skip
    if threshold is not None and len(sweep):
        rule(figure, {"color": ACCENT, "width": 1}, x=[_at(sweep, threshold, x)])
    if x == "sparsity":
        figure.update_xaxes(tickformat=".0%")
    return figure


def _at(sweep: pd.DataFrame, threshold: float, x: str) -> float:
    rows = sweep.sort_values("threshold")
    return float(np.interp(threshold, rows["threshold"], rows[x]))


_OTHERS = ("star-diamond", "star-triangle-up", "hexagram", "star-square")
"""Marks of other runs."""


def frontier(
    rows: Sequence[Mapping[str, Any]],
    metric: str = "error",
    dominated: bool = True,
    height: int = 420,
    points: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> go.Figure:
    """Every method's error against bytes on a logarithmic axis, with the spread over seeds.

    Args:
        rows: A comparison's rows: method, n_bytes, mean, sd, seeds, on_frontier, and what else the hover shows.
        metric: Name of the vertical axis.
        dominated: Whether points that another point beats in both size and error are drawn, too.
        height: Height [pixels].
        points: Single retrained tables with n_bytes and test, by what they are called; drawn without a spread, for they
            have none. The first are those of the run that was compared.

    Returns:
        One trace per method, its points joined in order of size, and one per name of points.
    """
    figure = canvas(height, "bytes as stored, index included", metric)
    shown = [row for row in rows if dominated or row.get("on_frontier")]
    for method in sorted({str(row["method"]) for row in shown}, key=_drawn_last):
        figure.add_trace(_method_trace(method, sorted((r for r in shown if r["method"] == method), key=_size)))
    for n, (name, found) in enumerate((points or {}).items()):
        colour, symbol = (ACCENT, "star") if n == 0 else (NEUTRAL, _OTHERS[(n - 1) % len(_OTHERS)])
        figure.add_scatter(
            x=[_size(p) for p in found], y=[p["test"] for p in found], mode="markers", name=plain(name),
            marker={"color": colour, "symbol": symbol, "size": 12, "line": {"color": "white", "width": 1}},
            hovertemplate="%{y:.4f}",
        )  # fmt: skip
    sizes = [_size(row) for row in [*shown, *(p for found in (points or {}).values() for p in found)]]
    figure.update_xaxes(type="log", **_byte_ticks(sizes))
    return figure


def _method_trace(method: str, points: list[Mapping[str, Any]]) -> go.Scatter:
    style = method_style(method)
    # the name stands in the label itself: in the box beside it Plotly would decode it twice, and act upon its tags
    words = [f"{style.label}<br>{bytes_text(_size(p))}, {_spread(p)}" for p in points]
    return go.Scatter(
        x=[_size(p) for p in points], y=[p["mean"] for p in points], mode="lines+markers", name=style.label,
        error_y={"type": "data", "array": [p["sd"] for p in points], "thickness": 1.5, "width": 4},
        line={"color": style.colour, "width": 1.5}, customdata=words,
        marker={"color": style.colour, "symbol": style.symbol, "size": 10},
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def differences(rows: Sequence[Mapping[str, Any]], higher_is_better: bool = False) -> go.Figure:
    """Paired difference of every row to the best uniform table of at most its size, with the 95 % interval.

    Zero is the uniform table. An interval that crosses it says that the test users cannot tell the two apart.

    Args:
        rows: A comparison's rows: method, n_bytes, difference, low, high; rows without a difference are left out.
        higher_is_better: Whether the metric is better when larger; then the better side is the right one.

    Returns:
        One line per row.
    """
    told = [row for row in rows if row.get("difference") is not None and row["method"] != "uniform"]
    told.sort(key=lambda row: (_drawn_last(str(row["method"])), _size(row)))
    title = "← worse · better →" if higher_is_better else "← better · worse →"
    figure = canvas(110 + 26 * len(told), title, "", legend=False)
    labels = [f"{method_style(str(r['method'])).label}, {bytes_text(_size(r))}" for r in told]
    values = [float(r["difference"]) for r in told]
    figure.add_scatter(
        x=values, y=labels, mode="markers",
        marker={
            "color": [method_style(str(r["method"])).colour for r in told],
            "symbol": [method_style(str(r["method"])).symbol for r in told], "size": 10,
        },
        error_x={
            "type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": NEUTRAL,
            "array": [_number(r.get("high"), v) - v for r, v in zip(told, values, strict=True)],
            "arrayminus": [v - _number(r.get("low"), v) for r, v in zip(told, values, strict=True)],
        },
        hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
    )  # fmt: skip
    rule(figure, {"color": NEUTRAL, "width": 1.5}, x=[0])
    return figure.update_yaxes(type="category", showgrid=False, automargin=True)


def _drawn_last(method: str) -> tuple[int, str]:
    """Sort key that draws uniform first and DNIS last, so that neither hides the other."""
    order = ("uniform", *(name for name in METHODS if name != "uniform" and not name.startswith("dnis")))
    if method.startswith("dnis"):
        return len(order) + 1, method
    return (order.index(method) if method in order else len(order)), method


def _size(row: Mapping[str, Any]) -> float:
    return float(row["n_bytes"])


def _n_seeds(row: Mapping[str, Any]) -> int:
    seeds = row.get("seeds", 1)
    return int(seeds) if isinstance(seeds, (int, float)) else len(seeds)


def _spread(row: Mapping[str, Any]) -> str:
    """A mean with its spread; one seed has none, and saying 0 would claim certainty."""
    if _n_seeds(row) < 2:
        return f"{row['mean']:.4f}, one seed"
    return f"{row['mean']:.4f} ± {row['sd']:.4f} over {_n_seeds(row)} seeds"


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


_STEPS = (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)
"""Ticks within a power of ten, from coarse to fine; the finest has two within any factor of 1.44, the least range."""


def _byte_ticks(sizes: Sequence[float]) -> dict[str, Any]:
    """Ticks at round sizes, in kB and MB: a log axis in bytes says little otherwise; three at least where it can be."""
    if not sizes or min(sizes) <= 0:
        return {}
    low, high = min(sizes) / 1.2, max(sizes) * 1.2
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    inside: list[float] = []
    for steps in _STEPS if high / low < 200 else ((1,), *_STEPS):
        inside = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(inside) > 2:
            break
    return {
        "tickvals": inside, "ticktext": [plain(bytes_text(tick)) for tick in inside],
        "range": [float(np.log10(low)), float(np.log10(high))],
    }  # fmt: skip
