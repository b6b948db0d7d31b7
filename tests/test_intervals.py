import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dnis import intervals
from dnis.intervals import (
    Outcomes,
    drawn_differences,
    joint_intervals,
    on_frontier,
    paired_difference,
    paired_differences,
)


def outcomes(values, unit, metric="mse", target=None):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    target = np.zeros(values.shape[1]) if target is None else np.asarray(target)
    return Outcomes(values, target, np.asarray(unit), metric)


def drawn_pair(metric, seed=0):
    """Two methods with two seeds each on 60 rows of 13 users; scores hold ties."""
    rng = np.random.default_rng(seed)
    unit = np.concatenate([np.arange(13), rng.integers(0, 13, 47)])
    target = rng.integers(0, 2, 60).astype(float)
    both = [np.round(rng.normal(0, 1, (2, 60)) + share * target, 1) for share in (0.8, 0.5)]
    return [outcomes(values, unit, metric, target) for values in both]


def test_a_draw_weighs_every_row_of_its_users():
    # user 0 has one row, user 1 has three; drawn twice and once: (2 * 4 + 1 + 2 + 3) / (2 + 3)
    measured = outcomes([4, 1, 2, 3], unit=[0, 1, 1, 1]).estimate(np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 2.0]]))
    assert measured == pytest.approx([10 / 4, 14 / 5, 2])


def test_the_metric_is_averaged_over_seeds():
    assert outcomes([[1, 3], [5, 9]], unit=[0, 1]).estimate(np.ones((1, 2))) == pytest.approx([4.5])


def test_auc_counts_pairs_in_the_right_order_and_half_of_the_ties():
    # positives 2 and 3 against negatives 1 and 2: 1 + 1/2 and 1 + 1, of 4 pairs
    measured = outcomes([1, 2, 2, 3], [0, 1, 2, 3], "auc", target=[0, 1, 0, 1]).estimate(np.ones((1, 4)))
    assert measured == pytest.approx([3.5 / 4])


def test_auc_of_a_draw_is_that_of_scikit_learn_with_sample_weights():
    ours = drawn_pair("auc")[0]
    weights = np.random.default_rng(1).multinomial(13, np.full(13, 1 / 13), size=20).astype(float)
    assert any(len(np.unique(v)) < len(v) for v in ours.values)
    wanted = [
        np.mean([roc_auc_score(ours.target, scores, sample_weight=w[ours.unit]) for scores in ours.values])
        for w in weights
    ]
    assert ours.estimate(weights) == pytest.approx(wanted, abs=1e-12)


def plain_metric(method, rows, seed):
    values, target = method.values[seed][rows], method.target[rows]
    return roc_auc_score(target, values) if method.metric == "auc" else values.mean()


@pytest.mark.parametrize("metric", ["mse", "auc"])
def test_the_interval_is_that_of_a_plain_loop_over_the_same_draws(metric):
    ours, theirs = drawn_pair(metric)
    rng = np.random.default_rng(5)
    differences = []
    for _ in range(120):
        times = rng.multinomial(13, np.full(13, 1 / 13))
        rows = np.concatenate([np.flatnonzero(ours.unit == u) for u in np.repeat(np.arange(13), times)])
        both = [np.mean([plain_metric(m, rows, seed) for seed in (0, 1)]) for m in (ours, theirs)]
        differences.append(both[0] - both[1])
    everyone = [np.mean([plain_metric(m, np.arange(60), seed) for seed in (0, 1)]) for m in (ours, theirs)]
    wanted = (everyone[0] - everyone[1], *np.quantile(differences, [0.025, 0.975]))
    assert paired_difference(ours, theirs, n_draws=120, seed=5) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("metric", ["mse", "auc"])
def test_identical_outcomes_differ_by_exactly_nothing(metric):
    ours = drawn_pair(metric)[0]
    assert paired_difference(ours, ours, n_draws=60) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", ["mse", "auc"])
def test_how_much_is_held_at_a_time_changes_no_interval(metric, monkeypatch):
    ours, theirs = drawn_pair(metric)
    at_once = paired_difference(ours, theirs, n_draws=120)
    for numbers in (1, 13 * 7, 60 * 3):
        monkeypatch.setattr(intervals, "BLOCK_NUMBERS", numbers)
        ours, theirs = drawn_pair(metric)
        assert paired_difference(ours, theirs, n_draws=120) == pytest.approx(at_once, abs=1e-12)


@pytest.mark.parametrize("metric", ["mse", "auc"])
def test_units_are_drawn_once_for_all_pairs_and_scores_sorted_once_for_all_draws(metric, monkeypatch):
    (one, two), (three, _) = drawn_pair(metric), drawn_pair(metric, seed=1)
    three = Outcomes(three.values, one.target, one.unit, metric)
    pairs = [(one, two), (three, two), (three, one)]
    apart = [paired_difference(*pair, n_draws=120, seed=5) for pair in pairs]
    draw, sort, drawn, sorts = intervals._draws, np.argsort, [], []
    monkeypatch.setattr(intervals, "_draws", lambda *args: drawn.append(args) or draw(*args))
    monkeypatch.setattr(intervals.np, "argsort", lambda *args, **more: sorts.append(1) or sort(*args, **more))
    fresh = {o: Outcomes(o.values, o.target, o.unit, metric) for o in (one, two, three)}
    assert paired_differences([(fresh[a], fresh[b]) for a, b in pairs], n_draws=120, seed=5) == apart
    assert drawn == [(13, 120, 5)]
    assert len(sorts) == (6 if metric == "auc" else 0)  # three methods with two seeds


@pytest.mark.parametrize(("metric", "n_units"), [("mse", 20_000), ("auc", 20_000), ("auc", 20)])
def test_memory_does_not_grow_by_draws_times_rows(metric, n_units, monkeypatch):
    monkeypatch.setattr(intervals, "BLOCK_NUMBERS", 2**12)
    rng, n_rows = np.random.default_rng(0), 20_000
    unit, target = np.arange(n_rows) % n_units, rng.integers(0, 2, n_rows)
    ours, theirs = (outcomes(rng.normal(0, 1, n_rows), unit, metric, target) for _ in range(2))
    tracemalloc.start()
    paired_difference(ours, theirs, n_draws=60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / n_rows < 150  # bytes; 60 draws of every row are 480


def test_auc_of_one_label_has_no_value():
    assert np.isnan(outcomes([1, 2, 3], [0, 1, 2], "auc", target=[0, 0, 0]).estimate(np.ones((1, 3)))).all()
    ours = outcomes([1, 2, 3], [0, 1, 2], "auc", target=[0, 0, 1])
    found = ours.estimate(np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]))
    assert np.array_equal(found, [np.nan, 1.0, np.nan], equal_nan=True)


def test_draws_that_hold_one_label_are_left_out_of_an_interval():
    # right about every pair, or wrong about every one: no draw that has a value differs by less than 1
    ours, theirs = (outcomes(scores, [0, 1, 2], "auc", target=[0, 0, 1]) for scores in ([1, 2, 3], [3, 3, 1]))
    assert paired_difference(ours, theirs, n_draws=60) == (1.0, 1.0, 1.0)


def test_an_interval_without_any_draw_of_both_labels_is_refused():
    alike = outcomes([1, 2, 3], [0, 1, 2], "auc", target=[1, 1, 1])
    with pytest.raises(ValueError, match="auc needs labels 0 and 1, and none of 20 draws of test users holds both"):
        paired_difference(alike, alike, n_draws=20)


def test_without_pairs_there_are_no_differences():
    assert paired_differences([], n_draws=20) == []


def noise(rng, n_methods, n_units=60):
    """Methods that are equally good, and what they are compared with."""
    shared = rng.normal(0, 1, n_units)
    unit = np.arange(n_units)
    methods = [outcomes(shared + rng.normal(0, 1, n_units), unit, "mse") for _ in range(n_methods + 1)]
    return [(method, methods[0]) for method in methods[1:]]


def test_joint_intervals_hold_together_where_the_best_of_several_is_picked():
    """Of eight methods no better than the ninth, some one seems beyond noise in many samples, jointly in few."""
    rng, alone, together = np.random.default_rng(0), 0, 0
    for _ in range(200):
        drawn = drawn_differences(noise(rng, 8), n_draws=300)
        alone += any(low > 0 or high < 0 for _, low, high in map(intervals.interval, drawn))
        together += any(low > 0 or high < 0 for low, high in joint_intervals(drawn))
    assert alone > 40
    assert together < 20


def test_a_joint_interval_is_as_many_deviations_wide_for_all_and_none_where_nothing_differs():
    pairs = noise(np.random.default_rng(1), 3)
    drawn = drawn_differences([*pairs, (pairs[0][0], pairs[0][0])], n_draws=400)
    found = np.array(joint_intervals(drawn))
    spread = np.array([d[1:].std() for d in drawn])
    assert np.allclose(found.mean(axis=1), [d[0] for d in drawn])
    reach = (found[:3, 1] - found[:3, 0]) / 2 / spread[:3]
    assert np.allclose(reach, reach[0])
    assert 2.0 < reach[0] < 3.0
    inside = [(np.abs(d[1:] - d[0]) <= reach[0] * s + 1e-12) for d, s in zip(drawn, spread, strict=True)]
    assert np.mean(np.all(inside, axis=0)) == pytest.approx(0.95, abs=0.005)
    assert tuple(found[3]) == (0.0, 0.0)


def test_draws_without_an_auc_take_no_part_in_joint_intervals():
    drawn = [np.array([1.0, np.nan, 0.5, 1.5]), np.array([2.0, np.nan, 1.0, 3.0])]
    assert joint_intervals(drawn) == [(0.5, 1.5), (1.0, 3.0)]


def test_a_difference_that_every_row_shares_is_certain():
    rng = np.random.default_rng(0)
    theirs = rng.normal(0, 10, 30)
    found = paired_difference(outcomes(theirs - 0.5, np.arange(30)), outcomes(theirs, np.arange(30)), n_draws=50)
    assert found == pytest.approx((-0.5, -0.5, -0.5))


def test_rows_of_one_user_are_no_independent_witnesses():
    rng = np.random.default_rng(0)
    per_user = np.repeat(rng.normal(0, 1, 10), 20)
    nothing = np.zeros(200)

    def width(unit):
        _, low, high = paired_difference(outcomes(per_user, unit), outcomes(nothing, unit), n_draws=400)
        return high - low

    # the standard error of 10 users is sqrt(20) times that of 200 rows
    assert width(np.repeat(np.arange(10), 20)) / width(np.arange(200)) == pytest.approx(20**0.5, rel=0.15)


def test_the_frontier_holds_what_nothing_beats_in_both_size_and_value():
    n_bytes = np.array([100, 200, 300, 200, 400])
    error = np.array([0.9, 0.8, 0.7, 0.85, 0.7])
    # 200 at 0.85 loses to 200 at 0.8; 400 at 0.7 loses to 300 at 0.7
    wanted = [True, True, True, False, False]
    assert on_frontier(n_bytes, error, higher_is_better=False).tolist() == wanted
    assert on_frontier(n_bytes, 1 - error, higher_is_better=True).tolist() == wanted


def test_equals_share_the_frontier():
    assert on_frontier(np.array([100, 100]), np.array([0.5, 0.5]), higher_is_better=False).tolist() == [True, True]
