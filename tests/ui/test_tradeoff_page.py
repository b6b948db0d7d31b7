"""The Trade-off page: the data of the slider, retraining, and the points that stay."""

import json

import pytest

from dnis.runs import add_retrained, load_run
from dnis.ui import desk, texts


@pytest.fixture
def page(app):
    app.run()
    return app.switch_page("pages/4_tradeoff.py").run()


def cut(page):
    return json.loads(page.get("bidi_component")[0].proto.json)


def test_the_slider_gets_the_measured_curve_and_exact_sizes(page):
    assert not page.exception
    shown = cut(page)
    assert shown["measured"]["test"] == [0.82, 0.83, 0.95]
    # by hand: at 0.25 a feature keeps dimensions 3 ... 7 in blocks 0 and 1, and 6 and 7 in block 2
    at = shown["grid"]["threshold"].index(0.25)
    assert shown["grid"]["dims"][at] == [5, 5, 2]
    assert shown["metric"] == "MSE"


def test_retraining_on_the_bundled_run_works_on_a_copy_and_the_point_is_asked_at_the_threshold(app, runs_folder):
    del app.query_params["run"]
    app.query_params["threshold"] = "0.2"
    app.run()
    app.switch_page("pages/4_tradeoff.py").run()
    app.button(key="do_retrain").click().run()
    job = next(iter(desk.runner()._roster.jobs.values())).job
    assert (job["kind"], job["threshold"]) == ("retrain", 0.2)
    copy = runs_folder / app.query_params["run"]
    assert job["run"] == str(copy)
    assert (copy / "run.json").is_file()


def test_retrained_points_stand_on_the_curve_and_in_the_table(page, hand_run):
    assert texts.page("tradeoff")["no_points"] in [caption.value for caption in page.caption]
    point = {"threshold": 0.25, "n_values": 300, "n_bytes": 2_000, "sparsity": 0.5, "val": 0.79, "test": 0.8}
    add_retrained(hand_run, point)
    page.run()
    assert cut(page)["retrained"] == [point]
    row = page.dataframe[0].value.iloc[0]
    # by hand: (0.80 - 0.82) / 0.82
    assert row["change"] == pytest.approx(-2.43902, abs=1e-4)
    assert row["n_kb"] == 2.0
    assert row["share"] == pytest.approx(100 * 300 / load_run(hand_run).result.embeddings.size)


def test_a_run_without_a_curve_says_so(page, hand_run):
    (hand_run / "sweep.parquet").unlink()
    page.run()
    assert not page.exception
    assert [info.value for info in page.info] == [texts.page("tradeoff")["no_sweep"]]
