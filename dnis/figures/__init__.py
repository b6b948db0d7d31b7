"""Results into Plotly figures: pure functions that know neither torch nor a screen."""

from dnis.figures.courses import ROLES, loss_curves, role_strip, share_scale
from dnis.figures.frontiers import differences, frontier, tradeoff
from dnis.figures.gallery import gallery, makers_of, page
from dnis.figures.popularity import dims_by_block, dims_by_popularity, long_tail
from dnis.figures.style import ACCENT, NEUTRAL, bytes_text, method_label, method_style, percent_text, plain, scale
from dnis.figures.tables import alpha_heatmap, feature_bars

__all__ = [
    "ACCENT", "NEUTRAL", "ROLES", "alpha_heatmap", "bytes_text", "differences", "dims_by_block", "dims_by_popularity",
    "feature_bars", "frontier", "gallery", "long_tail", "loss_curves", "makers_of", "method_label",
    "method_style", "page", "percent_text", "plain", "role_strip", "scale", "share_scale", "tradeoff",
]  # fmt: skip
