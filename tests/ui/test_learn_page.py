"""Learn: seven steps that compute what they say, and a toy that can be won by uniform tables."""

import numpy as np
import pytest

from dnis.ui import fairness, lessons, miniature, texts
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]

WORDS = {"dnis_wins": "DNIS by {percent}", "uniform_wins": "uniform by {percent}"}


def test_all_seven_steps_are_there_untouched(open_page):
    app = open_page("7_learn")
    assert [s.value[0] for s in app.header[:7]] == list("1234567")
    assert len(app.latex) == 7
    assert len(app.get("plotly_chart")) == 8


def test_a_turned_knob_changes_the_numbers_beside_the_formula(open_page):
    app = open_page("7_learn")
    app.slider(key="learn_late").set_value(0.5).run()
    assert not app.exception
    assert any("0.50 · (-0.82) = -0.410" in m.value for m in app.markdown)
    app.slider(key="learn_epoch").set_value(1).run()
    assert any(m.value.startswith("Epoch 1:") and "moved 0.00" in m.value for m in app.markdown)


def test_every_knob_draws(open_page):
    app = open_page("7_learn")
    app.slider(key="learn_blocks").set_value(1).run()
    app.radio(key="learn_kind").set_value("magnitude").run()
    app.toggle(key="learn_normalise").set_value(False).run()
    app.slider(key="learn_threshold").set_value(1.0).run()
    app.toggle(key="learn_tuning").set_value(False).run()
    app.select_slider(key="learn_size").set_value(16).run()
    app.toggle(key="learn_turn").set_value(False).run()
    assert not app.exception


def test_moments_give_the_loss_of_a_double_loop():
    rng = np.random.default_rng(0)
    counts = np.array([3, 2])
    x, y, table = rng.normal(size=(5, 8)), rng.normal(size=5), rng.normal(size=(2, 8))
    owner = [0, 0, 0, 1, 1]
    gram, cross, power = np.zeros((2, 8, 8)), np.zeros((2, 8)), np.zeros(2)
    for row, i in enumerate(owner):
        gram[i] += np.outer(x[row], x[row])
        cross[i] += x[row] * y[row]
        power[i] += y[row] ** 2
    moments = miniature.Moments(gram, cross, power, counts)
    assert moments.loss(table) == pytest.approx(np.mean([(y[r] - x[r] @ table[i]) ** 2 for r, i in enumerate(owner)]))
    step = 1e-6 * np.eye(16)[0].reshape(2, 8)
    slope = 5 * (moments.loss(table + step) - moments.loss(table - step)) / 2e-6
    assert moments.slope(table)[0, 0] == pytest.approx(slope, rel=1e-5)


def test_search_moves_alpha_after_the_warm_up_only_and_keeps_it_in_its_range():
    course = miniature.search(miniature.plant())
    assert (course.alphas[: miniature.WARM_EPOCHS] == 1).all()
    assert course.alphas.min() >= 0
    assert course.alphas.max() <= 1
    assert (course.alphas[-1] < 1).any()


def test_search_gives_rare_blocks_fewer_dimensions_where_that_is_planted():
    data = miniature.plant()
    scheme = miniature.cut(miniature.search(data), 0.4)
    assert scheme.mean_dims_by_block[0] > scheme.mean_dims_by_block[-1] + 1
    assert data.true_dims[0] == 8
    assert data.true_dims[-1] == 1


def test_without_normalisation_alpha_of_rare_blocks_hardly_moves():
    data = miniature.plant()
    moved = {on: np.abs(miniature.search(data, normalise=on).alphas[-1] - 1).mean(axis=1) for on in (True, False)}
    assert moved[False][-1] < 0.1 * moved[True][-1]


def test_masked_retraining_is_ridge_regression_on_the_kept_dimensions():
    data = miniature.plant()
    mask = np.zeros((miniature.N_FEATURES, 8), bool)
    mask[0, [1, 4]] = True
    fitted = fairness.fit(data.train, mask, 0.5)
    kept = np.ix_([0], [1, 4], [1, 4])
    by_hand = np.linalg.solve(data.train.gram[kept][0] + 0.5 * np.eye(2), data.train.cross[0, [1, 4]])
    assert fitted[0, [1, 4]] == pytest.approx(by_hand)
    assert not fitted[~mask].any()


def test_unequal_data_and_tuning_make_uniform_tables_look_worse_than_they_are():
    fair, unfair = (fairness.judge(1.0, on, on, n_seeds=2) for on in (True, False))
    pairs = [(f["mean"], u["mean"]) for f, u in zip(fair, unfair, strict=True) if f["method"] == "uniform"]
    assert all(f < u for f, u in pairs)
    assert [r["mean"] for r in fair if r["method"] == "dnis"] == [r["mean"] for r in unfair if r["method"] == "dnis"]


def test_the_verdict_names_whoever_is_better():
    rows = [
        {"method": "dnis", "n_bytes": 900, "mean": 1.0, "seeds": 3},
        {"method": "uniform", "n_bytes": 960, "mean": 0.9, "seeds": 3},
        {"method": "dnis", "n_bytes": 2000, "mean": 0.1, "seeds": 3},
    ]
    assert lessons.verdict(rows, 960, WORDS)["winner"] == "uniform by 10.0 %"
    rows[1]["mean"] = 1.25
    assert lessons.verdict(rows, 960, WORDS)["winner"] == "DNIS by 20.0 %"


def test_where_dimensions_need_not_differ_uniform_tables_win_the_lesson():
    rows = fairness.judge(0.0, equal_data=True, equal_tuning=True)
    assert lessons.verdict(rows, 960, WORDS)["winner"].startswith("uniform")


def test_what_alpha_has_switched_off_is_cut_at_every_threshold():
    course = miniature.search(miniature.plant())
    off = course.alphas[-1][course.block_of] == 0
    assert off.any()
    assert not miniature.cut(course, 0.0).mask[off].any()


@pytest.mark.parametrize(("epoch", "sentence"), [(5, "judge_still"), (60, "judge_moved")])
def test_the_two_losses_say_whether_alpha_has_seen_the_validation_part(open_page, epoch, sentence):
    page = open_page("7_learn", before=lambda app: app.session_state.__setitem__("learn_epoch", epoch))
    told = texts.page("learn")["losses"][sentence].format(warm=miniature.WARM_EPOCHS)
    assert any(told in m.value for m in page.markdown)
