"""All figures of a run on one page that needs no server: to keep, to send, to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dnis.figures.courses import loss_curves
from dnis.figures.frontiers import differences, frontier, tradeoff
from dnis.figures.popularity import dims_by_block, dims_by_popularity, long_tail
from dnis.figures.style import plain
from dnis.figures.tables import alpha_heatmap

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

METRICS = {"rating": "MSE", "ctr": "AUC", "topk": "NDCG@10"}
"""What a sweep measures, by task."""

ALPHA, LOSSES, QUALITY = "Alpha by block and dimension", "Losses by epoch", "Quality against the share of values cut"
"""Headings of the figures that a picture on a page also draws, live."""

TITLE_LIMIT = 200

_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
background: {paper}; color: {ink}; }}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""

_PAPERS = {False: ("#ffffff", "#0d1220"), True: ("#10141d", "#e7eaf2")}
"""Background and letters of a page, light or dark: zero of the sequential scale is the background itself."""


def makers_of(
    run: Run, scheme: DimensionScheme, comparison: Mapping[str, Any] | None = None, dark: bool = False
) -> dict[str, Callable[[], go.Figure]]:
    """What makes each figure that a run has the numbers for, by its heading; nothing is drawn yet.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        comparison: A comparison of the run, where there is one.
        dark: Whether the page is dark.

    Returns:
        Functions in the order of the road.
    """
    result, by_field = run.result, run.result.config.blocks == "field"
    found: dict[str, Callable[[], go.Figure]] = {
        "The long tail and its blocks": lambda: long_tail(result.counts, result.block_of),
        ALPHA: lambda: alpha_heatmap(result.alpha, dark=dark, by_field=by_field),
        LOSSES: lambda: loss_curves(result.history, result.best_epoch, task=result.config.task),
        "Dimensions kept per block": lambda: dims_by_block(
            scheme.mean_dims_by_block, scheme.mask.shape[1], by_field=by_field
        ),
        "Dimensions against popularity": lambda: dims_by_popularity(result.counts, scheme.dims),
    }
    measured = run.sweep
    if measured is not None:
        found[QUALITY] = lambda: tradeoff(
            measured, scheme.threshold, retrained=run.retrained, controls=run.controls,
            metric=METRICS[result.config.task],
        )  # fmt: skip
    if comparison is not None:
        rows, metric = comparison["rows"], comparison["metric"]
        word = next((word for word in METRICS.values() if word.lower() == metric), plain(metric))
        found["Methods against bytes"] = lambda: frontier(rows, word)
        found["Difference to uniform"] = lambda: differences(rows, comparison["higher_is_better"])
    return found


def gallery(run: Run, scheme: DimensionScheme, comparison: Mapping[str, Any] | None = None) -> str:
    """The figures as one HTML page that works offline.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        comparison: A comparison of the run, where there is one.

    Returns:
        HTML; the drawing library is in it once.
    """
    return page(run.name or run.id, {heading: make() for heading, make in makers_of(run, scheme, comparison).items()})


def page(title: str, drawn: Mapping[str, go.Figure], dark: bool = False) -> str:
    """Figures as one HTML page that works offline, each of which can be zoomed and saved as a picture.

    Args:
        title: What stands on top.
        drawn: Figures by heading; an empty heading is left out.
        dark: Whether the figures were made for a dark page.

    Returns:
        HTML; the drawing library is in it once.
    """
    parts = []
    for heading, figure in drawn.items():
        body = figure.to_html(
            full_html=False, include_plotlyjs=not parts, default_height=f"{figure.layout.height}px", config=_CONFIG
        )
        parts.append(f"<h2>{plain(heading)}</h2>\n{body}" if heading else body)
    paper, ink = _PAPERS[dark]
    return _PAGE.format(title=plain(title, TITLE_LIMIT), body="\n".join(parts), paper=paper, ink=ink)
