"""Importance: a cell explained with its numbers, any feature found by name, neighbours that are right."""

import json

import numpy as np
import pytest

from dnis.pruning import prune
from dnis.runs import load_run
from dnis.schemes import DimensionScheme
from dnis.ui import feature_panel, importance_panel, neighbours
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]


@pytest.fixture
def run(runs):
    return load_run(runs / "small-run")


def charts(app):
    return {chart.proto.id.rsplit("-", 1)[-1]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def box(app, label):
    return next(b for b in app.selectbox if b.label == label)


def test_page_shows_alpha_of_the_run(open_page, run):
    app = open_page("3_importance")
    heat = charts(app)["heatmap"]["data"][0]
    assert np.shape(run.result.alpha) == (4, 8)
    assert heat["type"] == "heatmap"
    assert app.title[0].value.startswith("Importance")


def test_card_has_the_numbers_of_the_chosen_cell_in_its_formula(open_page, run):
    app = open_page("3_importance")
    app.number_input(key="cell_block").set_value(2)
    app.number_input(key="cell_dimension").set_value(5).run()
    assert not app.exception
    inside = np.flatnonzero(run.result.block_of == 2)
    feature = inside[np.argmax(run.result.counts[inside])]
    alpha, e = run.result.alpha[2, 5], run.result.embeddings[feature, 5]
    formula = next(m.value for m in app.markdown if "aligned" in m.value)
    assert f"{alpha:.3f} \\cdot ({e:.3f})" in formula
    assert f"{alpha * e:.4f}" in formula


def test_a_feature_is_found_by_name_and_shown_beside_another(open_page):
    app = open_page("3_importance")
    assert "Film 0" in box(app, "A feature").options
    box(app, "A feature").select("Film 0").run()
    box(app, "Compare with").select("user_id 1").run()
    assert not app.exception
    assert {"one_bars", "two_bars"} <= set(charts(app))
    assert "item_id 0" in [t.value for t in app.text]


def test_a_hostile_title_stays_literal(open_page):
    app = open_page("3_importance")
    hostile = next(name for name in box(app, "A feature").options if "x.example" in name)
    box(app, "A feature").select(hostile).run()
    assert not app.exception
    spoken = [m.value for m in app.markdown] + [c.value for c in app.caption]
    assert not any("](http" in text for text in spoken)
    legend = json.dumps(charts(app)["dims_by_popularity"]["data"])
    assert "<b>" not in legend
    assert "&lt;b&gt;" in legend


def test_every_quantity_and_order_draws(open_page):
    app = open_page("3_importance")
    for quantity in ("size", "kept"):
        app.radio(key="quantity").set_value(quantity).run()
        assert not app.exception
    app.radio(key="dimension_order").set_value("sorted").run()
    assert not app.exception


def test_block_means_average_the_features_of_each_block():
    values = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]])
    assert importance_panel.block_means(values, np.array([0, 1, 0])).tolist() == [[3.0, 2.0], [3.0, 2.0]]


def test_rank_correlation_is_spearmans():
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 50), rng.integers(0, 9, 50)
    assert importance_panel.rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert importance_panel.rank_correlation(a, np.zeros(50)) == 0.0


def test_a_cell_of_another_block_borrows_its_most_frequent_feature(run):
    scheme = prune(run.result, threshold=0.2)
    other = int(np.flatnonzero(run.result.block_of == 3)[0])
    numbers = importance_panel.cell_numbers(run, scheme, 0, 1, other)
    inside = np.flatnonzero(run.result.block_of == 0)
    assert numbers["feature"] == inside[np.argmax(run.result.counts[inside])]
    assert numbers["n_features"] == len(inside)
    assert numbers["n_kept"] == scheme.mask[inside, 1].sum()


def test_nearest_sorts_by_cosine_and_leaves_out_itself_and_empty_rows():
    table = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    found = neighbours.nearest(table, 0, np.arange(5), n=3)
    assert found.ids.tolist() == [1, 4, 2]
    assert found.cosines == pytest.approx([2 / np.hypot(2, 0.1), 1 / np.sqrt(2), 0.0])
    assert neighbours.nearest(table, 3, np.arange(5)).ids.tolist() == []


def test_neighbours_come_from_the_same_field_before_and_after_the_cut(run):
    n, item = run.vocabulary.n_features, int(run.vocabulary.offsets[1] + 1)
    full = DimensionScheme(np.ones((n, 8), bool), run.result.block_of)
    before, after = neighbours.around(run, full, item)
    assert set(run.vocabulary.field_of[before.ids]) == {1}
    assert neighbours.overlap(before, after) == len(before.ids)
    nothing = DimensionScheme(np.zeros((n, 8), bool), run.result.block_of)
    assert neighbours.overlap(*neighbours.around(run, nothing, item)) == 0


def test_a_search_in_names_ignores_case_and_puts_frequent_ones_first():
    names = np.array(["Alien", "aliens", "Heat", "ALIEN 3"], dtype=object)
    assert feature_panel.matches(names, "alien", np.array([1, 9, 5, 9])).tolist() == [1, 3, 0]


def test_features_of_one_name_are_told_apart(run):
    names = feature_panel.names_of(run)
    assert len(set(names)) == len(names)


def test_a_large_vocabulary_gets_a_search_field(open_page, monkeypatch):
    monkeypatch.setattr(feature_panel, "DIRECT", 3)
    app = open_page("3_importance")
    app.text_input(key="feature_text").set_value("Film 1").run()
    assert not app.exception
    assert all("Film 1" in name for name in box(app, "A feature").options)
    app.text_input(key="feature_text").set_value("no such thing").run()
    assert not app.exception
    assert any("No feature has" in c.value for c in app.caption)
