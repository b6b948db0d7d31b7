"""Importance: a cell explained with its numbers, any feature found by name, neighbours that are right."""

import base64
import json
import shutil

import numpy as np
import pytest

from dnis.pruning import prune
from dnis.runs import load_run
from dnis.schemes import DimensionScheme
from dnis.ui import cell_map, escape, feature_panel, importance_panel, neighbours
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]


@pytest.fixture
def run(runs):
    return load_run(runs / "small-run")


def charts(app):
    return {chart.proto.id.rsplit("-", 1)[-1]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def components(app):
    return [json.loads(c.proto.json) for c in app.get("bidi_component") if c.proto.json]


def map_of(app):
    return next(c for c in components(app) if "examples" in c)


def finder(app, label):
    return next(c for c in components(app) if c.get("label") == label)


def floats(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def feature_of(run, label):
    return next(i for i in range(run.vocabulary.n_features) if run.vocabulary.label(i) == label)


def test_page_gives_the_map_alpha_the_threshold_and_who_stays(open_page, run):
    app = open_page("3_importance")
    shown = map_of(app)
    assert floats(shown["alpha"]).reshape(4, 8).tolist() == run.result.alpha.tolist()
    scheme = prune(run.result, threshold=shown["threshold"])
    kept = [[int(scheme.mask[run.result.block_of == b, k].sum()) for k in range(8)] for b in range(4)]
    assert shown["kept"] == [n for row in kept for n in row]
    assert app.title[0].value.startswith("Importance")


def test_the_map_explains_each_block_by_its_most_frequent_feature_and_by_the_features_on_show(open_page, run):
    a, b = (feature_of(run, name) for name in ("Film 0", "user_id 1"))

    def choose(app):
        app.session_state["_feature_small-run"], app.session_state["_other_small-run"] = a, b

    shown = map_of(open_page("3_importance", before=choose))
    assert [one["label"] for one in shown["examples"][:2]] == ["Film 0", "user_id 1"]
    assert sorted({one["block"] for one in shown["examples"]}) == [0, 1, 2, 3]
    first = shown["examples"][0]
    block = run.result.block_of[a]
    assert floats(first["e"]).tolist() == run.result.embeddings[a].tolist()
    assert floats(first["product"]).tolist() == (run.result.alpha[block] * run.result.embeddings[a]).tolist()
    for one in shown["examples"][2:]:
        inside = np.flatnonzero(run.result.block_of == one["block"])
        assert one["label"] == run.vocabulary.label(int(inside[np.argmax(run.result.counts[inside])]))


def test_two_features_stand_side_by_side_on_one_scale(open_page, run):
    def choose(app):
        app.session_state["_feature_small-run"] = feature_of(run, "Film 0")
        app.session_state["_other_small-run"] = feature_of(run, "user_id 1")

    app = open_page("3_importance", before=choose)
    drawn = charts(app)
    assert {"feature_bars", "other_bars"} <= set(drawn)
    ranges = [drawn[name]["layout"]["yaxis"]["range"] for name in ("feature_bars", "other_bars")]
    assert ranges[0] == ranges[1]
    assert {"item_id 0", "user_id 1"} <= {t.value for t in app.text}
    assert finder(app, "A feature")["chosen"]["name"] == "Film 0"


def entering_by(**address):
    return lambda app: [app.query_params.__setitem__(key, value) for key, value in address.items()]


def names_on_show(app):
    return [(finder(app, label)["chosen"] or {}).get("name") for label in ("A feature", "Compare with")]


def test_a_link_brings_both_features_along_and_a_later_choice_takes_their_place_in_the_address(open_page, run):
    film, user = feature_of(run, "Film 1"), feature_of(run, "user_id 1")
    app = open_page("3_importance", before=entering_by(feature=str(film), other=str(user)))
    assert names_on_show(app) == ["Film 1", "user_id 1"]
    # the first feature is chosen anew, the second taken back, and the address follows
    app.session_state["_feature_small-run"], app.session_state["_other_small-run"] = film + 1, None
    app.run()
    assert names_on_show(app) == [run.vocabulary.label(film + 1), None]
    assert (app.query_params["feature"], "other" in app.query_params) == (str(film + 1), False)


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000, "n_features"])
def test_what_is_no_feature_of_the_run_is_left_out_of_the_choice_and_of_the_address(open_page, run, text):
    text = str(run.vocabulary.n_features) if text == "n_features" else text
    app = open_page("3_importance", before=entering_by(feature=text, other=text))
    assert names_on_show(app) == names_on_show(open_page("3_importance"))
    assert not {"feature", "other"} & set(app.query_params)


def test_features_of_an_address_are_not_carried_over_to_another_run(open_page, runs):
    shutil.copytree(runs / "small-run", runs / "twin")
    app = open_page("3_importance", before=entering_by(feature="3", other="5"))
    first = names_on_show(app)
    app.query_params["run"] = "twin"
    app.run()
    assert names_on_show(app) not in (first, [first[0], None])
    assert names_on_show(app)[1] is None
    assert not {"feature", "other"} & set(app.query_params)


def test_a_link_to_a_run_that_is_gone_chooses_no_feature_of_the_run_that_stands_in_for_it(open_page):
    app = open_page("3_importance", run="gone", before=entering_by(feature="3", other="5"))
    assert names_on_show(app)[1] is None
    assert "feature" not in app.query_params


@pytest.mark.parametrize(("asked", "shown"), [("kept", "kept"), ("alpha", "alpha"), ("<b>", "alpha")])
def test_a_link_says_what_the_map_shows_and_what_is_no_quantity_is_ignored(open_page, asked, shown):
    app = open_page("3_importance", before=entering_by(map=asked))
    assert map_of(app)["quantity"] == shown
    assert ("map" in app.query_params) == (shown != "alpha")


def test_a_hostile_title_stays_literal(open_page, run):
    hostile = next(i for i in range(run.vocabulary.n_features) if "x.example" in run.vocabulary.label(i))
    app = open_page("3_importance", before=lambda app: app.session_state.__setitem__("_feature_small-run", hostile))
    assert "x.example" in finder(app, "A feature")["chosen"]["name"]
    spoken = [m.value for m in app.markdown] + [c.value for c in app.caption]
    assert not any("](http" in text for text in spoken)
    legend = json.dumps(charts(app)["dims_by_popularity"]["data"])
    assert "<b>" not in legend
    assert "&lt;b&gt;" in legend


def test_the_box_lists_what_was_typed(open_page):
    app = open_page("3_importance", before=lambda app: app.session_state.__setitem__("_other_query", "film 1"))
    listed = finder(app, "Compare with")
    assert listed["query"] == "film 1"
    assert listed["found"]
    assert all(one["name"].startswith("Film 1") for one in listed["found"])
    assert finder(app, "A feature")["query"] == ""


def test_block_means_average_the_features_of_each_block():
    values = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]])
    assert cell_map.block_means(values, np.array([0, 1, 0])).tolist() == [[3.0, 2.0], [3.0, 2.0]]


def test_rank_correlation_is_spearmans():
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 50), rng.integers(0, 9, 50)
    assert importance_panel.rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert importance_panel.rank_correlation(a, np.zeros(50)) == 0.0


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


def test_names_of_neighbours_stay_text_in_a_table_that_reads_markdown(run, monkeypatch):
    monkeypatch.setattr(type(run.vocabulary), "label", lambda self, feature: f"[{feature}](https://beacon)")
    found = neighbours.Neighbours(np.array([3, 4]), np.array([0.9, 0.5]))
    shown = feature_panel.neighbour_table(run, found, neighbours.Neighbours(found.ids[:1], found.cosines[:1]))
    three, four = (escape.markdown(f"[{i}](https://beacon)") for i in (3, 4))
    assert shown.to_numpy().tolist() == [[f"✓ 0.90 {three}", f"✓ 0.90 {three}"], [f"0.50 {four}", ""]]
    assert not shown.map(lambda cell: "](" in cell).to_numpy().any()
