"""Figures say what the numbers say: positions, sizes and intervals worked out by hand."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dnis import figures
from dnis.figures.courses import LOSS_LINES
from dnis.figures.popularity import block_borders
from dnis.figures.style import BAR_PX
from dnis.results import EpochEvent
from dnis.ui import texts

HOSTILE = '<a href="http://x.example">$\\alpha$</a>'

SWEEP = pd.DataFrame(
    {
        "threshold": [0.0, 0.1, 0.3],
        "sparsity": [0.0, 0.5, 0.9],
        "n_values": [100, 50, 10],
        "n_bytes": [400, 250, 90],
        "val": [0.80, 0.82, 0.95],
        "test": [0.84, 0.85, 0.99],
    }
)

ROWS = [
    {"method": "dnis", "n_bytes": 1000, "mean": 0.90, "sd": 0.01, "seeds": 3, "difference": -0.02, "low": -0.05,
     "high": 0.01, "on_frontier": True},
    {"method": "uniform", "n_bytes": 500, "mean": 0.95, "sd": 0.02, "seeds": 3, "difference": 0.0, "low": 0.0,
     "high": 0.0, "on_frontier": True},
    {"method": "uniform", "n_bytes": 2000, "mean": 0.92, "sd": 0.03, "seeds": 3, "difference": 0.0, "low": 0.0,
     "high": 0.0, "on_frontier": False},
]  # fmt: skip


def events(*losses):
    return [EpochEvent(epoch=i + 1, phase="warm" if i == 0 else "search", losses=loss) for i, loss in enumerate(losses)]


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_pruned_cells_vanish_into_the_background_in_both_themes():
    for dark in (False, True):
        lowest, highest = figures.scale(dark)[0][1], figures.scale(dark)[-1][1]
        assert lowest.endswith(",0)")
        assert highest == ("#fee838" if dark else "#00224e")


def test_heatmap_shows_alpha_with_the_most_frequent_block_on_top():
    alpha = np.array([[1.0, 0.5, 0.0], [0.2, 0.0, 0.0]])
    figure = figures.alpha_heatmap(alpha)
    heat = figure.data[0]
    assert np.asarray(heat.z).tolist() == alpha.tolist()
    assert (heat.zmin, heat.zmax) == (0.0, 1.0)
    bottom, top = figure.layout.yaxis.range
    assert (bottom, top) == (1.5, -0.5)


def test_a_heatmap_cell_says_what_its_block_is_in_literal_text():
    figure = figures.alpha_heatmap(np.array([[1.0, 0.5], [0.25, 0.0]]), block_words=["9 to 7 interactions", HOSTILE])
    (heat,) = figure.data
    assert list(heat.text[0]) == ["9 to 7 interactions"] * 2
    assert "<" not in heat.text[1][0]
    assert "%{text}" in heat.hovertemplate


def test_feature_bars_part_kept_from_cut_and_draw_the_threshold_on_both_sides():
    weighted = np.array([0.5, -0.05, -0.4])
    figure = figures.feature_bars(weighted, np.abs(weighted) >= 0.1, threshold=0.1)
    bars = traces(figure)
    assert list(bars["kept (2)"].x) == [0, 2]
    assert list(bars["kept (2)"].y) == [0.5, -0.4]
    assert list(bars["cut (1)"].x) == [1]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.1, -0.1]
    # both lines are one entry of the legend, which says what they are
    assert [(shape.showlegend, shape.name) for shape in figure.layout.shapes] == [
        (True, "threshold (0.1)"),
        (None, None),
    ]
    assert {shape.legendgroup for shape in figure.layout.shapes} == {"threshold"}
    assert figure.layout.yaxis.range == (-0.525, 0.525)


def test_the_threshold_of_bars_is_in_sight_where_a_given_axis_would_end_below_it():
    small = figures.feature_bars(np.array([0.02, -0.01]), np.zeros(2, bool), threshold=0.1, limit=0.03)
    assert small.layout.yaxis.range == pytest.approx((-0.105, 0.105))
    assert figures.feature_bars(np.array([0.2]), np.ones(1, bool), threshold=0.1, limit=0.3).layout.yaxis.range == (
        -0.3,
        0.3,
    )


def test_long_tail_ranks_features_and_leaves_out_the_unseen():
    curve = figures.long_tail(np.array([1, 5, 0, 3])).data[0]
    assert list(curve.x) == [1, 2, 3]
    assert list(curve.y) == [5, 3, 1]


def test_block_borders_stand_between_the_ranks_where_the_block_changes():
    order = np.array([2, 0, 1, 3])
    assert block_borders(order, np.array([0, 1, 0, 1]), n_seen=4) == [2.5]
    assert block_borders(order, np.array([0, 1, 1, 0]), n_seen=4) == []
    assert len(figures.long_tail(np.array([4, 3, 9, 1]), np.array([0, 1, 0, 1])).layout.shapes) == 1


def test_dims_by_block_starts_with_the_most_frequent_and_shows_the_full_width():
    figure = figures.dims_by_block(np.array([6.0, 1.5]), 8)
    assert list(figure.data[0].x) == [0, 1]
    assert list(figure.data[0].y) == [6.0, 1.5]
    assert figure.layout.shapes[0].y0 == 8


def test_dims_by_popularity_bundles_equal_features_and_averages_them():
    counts = np.array([100, 100, 100, 1, 0])
    figure = figures.dims_by_popularity(counts, np.array([8, 8, 4, 1, 7]), picked=[(3, HOSTILE)])
    bubbles, mean, mark = figure.data
    assert [tuple(p) for p in zip(bubbles.x, bubbles.y, bubbles.customdata, strict=True)] == [
        (1.0, 1, 1), (pytest.approx(100.0), 4, 1), (pytest.approx(100.0), 8, 2),
    ]  # fmt: skip
    assert list(mean.y) == pytest.approx([1.0, 20 / 3])
    assert "<" not in mark.name
    left, right = figure.layout.xaxis.range
    assert left > right


def test_losses_draw_validation_broken_test_solid_and_ring_the_kept_epoch():
    figure = figures.loss_curves(events({"select_val": 0.9, "test": 1.0}, {"select_val": 0.8, "test": 0.95}), 2)
    lines = traces(figure)
    assert lines["selection validation"].line.dash == "dash"
    assert lines["test"].line.dash == "solid"
    assert list(lines["test"].y) == [1.0, 0.95]
    assert "train" not in lines
    ring = lines["kept epoch"]
    assert (list(ring.x), list(ring.y), ring.marker.symbol) == ([2], [0.8], "circle-open")


def test_a_role_has_the_same_line_in_a_figure_as_in_the_player():
    css = (Path(figures.__file__).parents[1] / "ui/assets/player.css").read_text()
    player = {role: re.search(rf"svg \.{role} {{(.*?)}}", css)[1] for role in figures.ROLES}
    assert {role: line["dash"] != "solid" for role, line in LOSS_LINES.items()} == {
        role: "stroke-dasharray" in style for role, style in player.items()
    }
    for role, style in player.items():
        colour = {"var(--soft)": figures.NEUTRAL, "var(--accent)": figures.ACCENT}
        said = re.search(r"stroke: ([^;]+);", style)[1]
        assert LOSS_LINES[role]["color"] == colour.get(said, said)


@pytest.mark.parametrize("task", ["rating", "ctr", "topk"])
def test_losses_are_called_as_on_the_search_page_and_a_ranking_leaves_out_train(task):
    figure = figures.loss_curves(events({"train": 9.0, "test": 1.0}), task=task)
    assert figure.layout.yaxis.title.text == texts.page("search")["losses"][task]
    assert ("train" in traces(figure)) == (task != "topk")


def test_figures_on_one_scale_leave_room_for_their_highest_and_lowest_line():
    pair = [figures.loss_curves(events({"test": value}, {"test": float("nan")})) for value in (1.0, 2.0)]
    figures.share_scale(*pair)
    for figure in pair:
        assert figure.layout.yaxis.range == pytest.approx((0.94, 2.06))


def test_no_scale_is_shared_where_nothing_was_measured():
    empty = figures.loss_curves([])
    figures.share_scale(empty)
    assert empty.layout.yaxis.range is None


def test_role_strip_counts_each_role_per_stretch_of_time():
    times = {"train": [0, 0, 47], "search_val": [47], "select_val": [47], "test": [48, 48]}
    split = SimpleNamespace(**{name: part(np.array(t)) for name, t in times.items()})
    figure = figures.role_strip(split)
    counts = np.array([lane.customdata for lane in figure.data])
    assert counts.shape == (4, 48)
    assert counts[0, 0] == 2
    assert counts[:, 47].tolist() == [1, 1, 1, 2]
    names = [note.text.split(",")[0] for note in figure.layout.annotations]
    assert names == ["train", "search validation", "selection validation", "test"]
    # within its own lane, as high as the share of the role's busiest stretch: 1 of 2 for the last of training
    tops = [(lane.base + np.asarray(lane.y)).tolist() for lane in figure.data]
    assert (tops[0][0], tops[0][47], tops[3][47]) == pytest.approx((0.42, 0.69, 3.42))
    assert figure.layout.xaxis.tickangle == 0


def test_role_strip_without_time_shows_sizes():
    split = SimpleNamespace(train=part(None, 7), search_val=part(None, 1), select_val=part(None, 1), test=part(None, 1))
    bars = figures.role_strip(split).data[0]
    assert list(bars.x) == [7, 1, 1, 1]
    assert bars.y[0] == "train, 70 %"


class part:  # noqa: N801 - stands for Interactions, of which the strip asks only this
    def __init__(self, timestamp, size=None):
        self.timestamp, self.size = timestamp, size

    def __len__(self):
        return self.size if self.size is not None else len(self.timestamp)


def test_tradeoff_marks_the_threshold_between_the_measured_points():
    figure = figures.tradeoff(SWEEP, threshold=0.2, x="n_values", retrained=[{"n_values": 50, "test": 0.83}])
    lines = traces(figure)
    assert lines["DNIS validation"].line.dash == "dash"
    assert lines["DNIS test"].line.dash == "solid"
    assert list(lines["retrained, test"].y) == [0.83]
    assert figure.layout.shapes[0].x0 == pytest.approx(30.0)


def test_tradeoff_draws_the_controls_in_their_own_muted_colours():
    lines = traces(figures.tradeoff(SWEEP, controls={"magnitude": SWEEP, "frozen": SWEEP}))
    colours = {lines[n].line.color for n in ("DNIS test", "Magnitude", "Alpha frozen")}
    assert len(colours) == 3


def test_tradeoff_refuses_an_unknown_size():
    with pytest.raises(ValueError, match="x must be one of sparsity, n_values, n_bytes; got 'time'"):
        figures.tradeoff(SWEEP, x="time")


def test_frontier_draws_every_method_alike_but_for_colour_and_marker():
    lines = traces(figures.frontier(ROWS))
    dnis, uniform = lines["DNIS"], lines["Uniform"]
    assert list(uniform.x) == [500, 2000]
    assert list(uniform.error_y.array) == [0.02, 0.03]
    assert dnis.marker.size == uniform.marker.size
    assert dnis.line.width == uniform.line.width
    assert (dnis.marker.symbol, dnis.marker.color) != (uniform.marker.symbol, uniform.marker.color)


def test_one_seed_claims_no_spread():
    alone = figures.frontier([{**ROWS[0], "seeds": 1, "sd": 0.0}]).data[0]
    assert list(alone.customdata) == ["DNIS<br>1 kB, 0.9000, one seed"]
    assert list(figures.frontier(ROWS[:1]).data[0].customdata) == ["DNIS<br>1 kB, 0.9000 ± 0.0100 over 3 seeds"]


def test_frontier_can_leave_out_dominated_points():
    assert list(traces(figures.frontier(ROWS, dominated=False))["Uniform"].x) == [500]


def test_frontier_axis_is_in_bytes_that_people_read():
    axis = figures.frontier(ROWS).layout.xaxis
    assert axis.type == "log"
    assert dict(zip(axis.tickvals, axis.ticktext, strict=True)) == {500: "500 B", 1000: "1 kB", 2000: "2 kB"}


@pytest.mark.parametrize("sizes", [(5000,), (4999, 5001), (3500, 6100), (86_000, 86_000), (999_400, 1_100_000)])
def test_frontier_of_few_sizes_has_at_least_two_ticks_and_no_two_alike(sizes):
    axis = figures.frontier([{**ROWS[0], "n_bytes": size} for size in sizes]).layout.xaxis
    low, high = axis.range
    assert len(axis.tickvals) >= 2
    # a tick may stand at the very end, and processors differ in the last bit of a logarithm
    assert all(low - 1e-12 <= math.log10(tick) <= high + 1e-12 for tick in axis.tickvals)
    assert len(set(axis.ticktext)) == len(axis.ticktext)


def test_frontier_ticks_of_few_sizes_by_hand():
    axis = figures.frontier([{**ROWS[0], "n_bytes": 5000}]).layout.xaxis
    assert list(axis.ticktext) == ["4.5 kB", "5 kB", "6 kB"]


def test_frontier_of_far_sizes_is_not_crowded():
    axis = figures.frontier([{**ROWS[0], "n_bytes": size} for size in (1000, 400_000)]).layout.xaxis
    assert list(axis.ticktext) == ["1 kB", "10 kB", "100 kB"]


def test_differences_show_the_interval_around_zero():
    point = figures.differences(ROWS).data[0]
    assert list(point.x) == [-0.02]
    assert list(point.error_x.array) == pytest.approx([0.03])
    assert list(point.error_x.arrayminus) == pytest.approx([0.03])


def test_differences_name_the_better_side():
    assert "← better" in figures.differences(ROWS).layout.xaxis.title.text
    assert "better →" in figures.differences(ROWS, higher_is_better=True).layout.xaxis.title.text


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "0 B"), (999, "999 B"), (41_000, "41 kB"), (999_900, "1 MB"), (2_560_000, "2.56 MB")]
)
def test_sizes_read_in_units(n_bytes, words):
    assert figures.bytes_text(n_bytes) == words


def test_user_text_loses_its_markup_and_its_length():
    assert figures.plain(HOSTILE).count("<") == 0
    assert "$" not in figures.plain(HOSTILE)
    assert figures.plain("a\nb") == "a b"
    assert len(figures.plain("x" * 500)) == 60


def test_an_unknown_method_keeps_its_name_but_not_its_markup():
    assert figures.method_style("<b>new</b>").label == "&lt;b&gt;new&lt;/b&gt;"


def test_figures_leave_the_background_to_the_page():
    for figure in (figures.frontier(ROWS), figures.tradeoff(SWEEP), figures.alpha_heatmap(np.ones((2, 2)))):
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_every_figure_keeps_a_strip_free_for_the_buttons():
    for figure in (figures.long_tail(np.array([3, 1])), figures.dims_by_block(np.array([2.0]), 4)):
        assert figure.layout.margin.t >= BAR_PX
    legend = figures.frontier(ROWS).layout.legend
    assert (legend.yanchor, legend.title.side) == ("bottom", "top")
    assert legend.title.text  # an empty one would take no height


def test_bars_without_neighbours_are_no_wider_than_a_dimension():
    figure = figures.feature_bars(np.array([0.5, 0.1, 0.4, 0.1]), np.array([True, False, True, False]), 0.3)
    assert {bars.width for bars in figure.data} == {0.85}


def test_where_blocks_stand_field_by_field_no_axis_calls_the_first_the_most_frequent():
    alpha = np.ones((2, 3))
    for by_field in (False, True):
        drawn = (figures.alpha_heatmap(alpha, by_field=by_field), figures.dims_by_block([1, 2], 3, by_field=by_field))
        titles = [drawn[0].layout.yaxis.title.text, drawn[1].layout.xaxis.title.text]
        assert all(("most frequent" in title) is not by_field for title in titles)


def test_a_feature_that_was_never_seen_has_no_place_on_the_axis_of_counts():
    counts, dims = np.array([100, 10, 0]), np.array([3, 2, 1])
    drawn = traces(figures.dims_by_popularity(counts, dims, [(2, "(unknown)"), (0, "first")]))
    assert "(unknown)" not in drawn
    assert list(drawn["first"].x) == [100]


def test_a_share_is_read_as_a_share():
    for axis, place in (("sparsity", "%{x:.1%}"), ("n_values", "%{x:.4~s}")):
        drawn = figures.tradeoff(SWEEP, x=axis, retrained=[{axis: 0.5, "test": 0.8}], controls={"frozen": SWEEP})
        assert all(place in trace.hovertemplate for trace in drawn.data)


def test_the_label_of_a_point_names_its_trace_once_and_numbers_travel_as_lists():
    dims = figures.dims_by_block(np.array([3.0, 1.5]), 4)
    assert dims.data[0].hovertemplate.count("extra") == 2
    bars = figures.feature_bars(np.array([0.5, -0.1]), np.array([True, False]))
    assert isinstance(bars.data[0].y, tuple)
    tail = figures.long_tail(np.array([5, 3, 1]))
    assert "bdata" not in tail.to_json()
    sweep = pd.DataFrame({"sparsity": [0.0, 0.5], "val": [1.0, 1.1], "test": [1.0, 1.2], "threshold": [0.0, 0.1]})
    named = "%{fullData.name}<br>%{x:.1%}: %{y:.4f}<extra></extra>"
    assert {trace.hovertemplate for trace in figures.tradeoff(sweep).data} == {named}
