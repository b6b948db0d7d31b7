"""All figures of a run on one page that needs no server: to keep, to send, to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dnis.figures.courses import loss_curves
from dnis.figures.frontiers import tradeoff
from dnis.figures.popularity import dims_by_block, dims_by_popularity, long_tail
from dnis.figures.style import plain
from dnis.figures.tables import alpha_heatmap

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

METRICS = {"rating": "MSE", "ctr": "AUC", "topk": "NDCG@10"}
"""What a sweep measures, by task."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def figures_of(run: Run, scheme: DimensionScheme) -> dict[str, go.Figure]:
    """Every figure that a run has the numbers for, by its heading.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.

    Returns:
        Figures in the order of the road.
    """
    result = run.result
    found = {
        "The long tail and its blocks": long_tail(result.counts, result.block_of),
        "Alpha by block and dimension": alpha_heatmap(result.alpha),
        "Losses by epoch": loss_curves(result.history, result.best_epoch),
        "Dimensions kept per block": dims_by_block(scheme.mean_dims_by_block, scheme.mask.shape[1]),
        "Dimensions against popularity": dims_by_popularity(result.counts, scheme.dims),
    }
    if run.sweep is not None:
        found["Quality against the share of values cut"] = tradeoff(
            run.sweep,
            scheme.threshold,
            retrained=run.retrained,
            controls=run.controls,
            metric=METRICS[result.config.task],
        )
    return found


def gallery(run: Run, scheme: DimensionScheme) -> str:
    """The figures as one HTML page that works offline.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.

    Returns:
        HTML; the drawing library is in it once.
    """
    parts = []
    for heading, figure in figures_of(run, scheme).items():
        drawn = figure.to_html(full_html=False, include_plotlyjs=not parts, default_height=f"{figure.layout.height}px")
        parts.append(f"<h2>{heading}</h2>\n{drawn}")
    return _PAGE.format(title=plain(run.name or run.id), body="\n".join(parts))
