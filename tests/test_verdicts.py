import math

import numpy as np
import pytest

from dnis.intervals import Outcomes
from dnis.settings import CompareConfig
from dnis.verdicts import few_units, judged_rows, lost_seeds, verdict

LABELS = {"uniform": "Uniform", "dnis": "DNIS", "mde": "MDE"}


NOISE = "Noise is that of the test users alone: seeds are averaged, and the chance of training is left out."


def row(
    method, n_bytes, mean, compression=2.0, budget=1000, interval=(None, None, None), on_frontier=True, differences=None
):
    difference, low, high = interval
    return {
        "method": method, "label": LABELS[method], "compression": compression, "budget": budget, "n_bytes": n_bytes,
        "mean": mean, "seeds": 3, "difference": difference, "low": low, "high": high, "on_frontier": on_frontier,
        "differences": [difference] * 3 if differences is None else differences, "reference_within": "size",
    }  # fmt: skip


def test_it_says_that_uniform_won_when_it_did():
    rows = [row("uniform", 1000, 0.80), row("dnis", 990, 0.81, interval=(0.01, -0.01, 0.03), on_frontier=False)]
    assert verdict(rows, "mse", higher_is_better=False) == [
        "At 2x uniform dimensions have the best mean: mse 0.8000 at 1,000 bytes; next DNIS with 0.8100; difference to "
        "the best uniform table of at most its size +0.0100, 95 % interval -0.0100 to +0.0300: within noise.",
        "On the frontier of bytes and mse at some size: Uniform. Never on it: DNIS.",
        NOISE,
    ]


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (-0.03, 0.01, "-0.0300 to +0.0100: within noise"),
        (-0.03, -0.01, "-0.0300 to -0.0100: beyond noise"),
        (-0.03, 0.0, "-0.0300 to +0.0000: within noise"),
    ],
)
def test_it_says_whether_a_rival_is_better_beyond_noise(low, high, wanted):
    rows = [row("uniform", 1000, 0.82), row("dnis", 990, 0.80, interval=(-0.02, low, high))]
    assert verdict(rows, "mse", higher_is_better=False) == [
        "At 2x DNIS has the best mean: mse 0.8000 at 990 bytes, uniform 0.8200; difference to the best uniform "
        f"table of at most its size -0.0200, 95 % interval {wanted}.",
        "On the frontier of bytes and mse at some size: DNIS; Uniform.",
        NOISE,
    ]


@pytest.mark.parametrize(
    ("high", "differences", "wanted"),
    [
        (-0.01, [-0.01, 0.01, -0.06], "beyond noise, though its sign differs from seed to seed."),
        (0.01, [-0.01, 0.01, -0.06], "within noise, and its sign differs from seed to seed."),
        (-0.01, [-0.01, 0.0, -0.05], "beyond noise, though its sign differs from seed to seed."),
        (-0.01, [-0.01, -0.01, -0.04], "beyond noise."),
        (0.0, [0.0, 0.0, 0.0], "within noise."),
        (-0.01, [], "beyond noise."),
    ],
)
def test_it_says_where_seeds_do_not_agree(high, differences, wanted):
    rivals = row("dnis", 990, 0.80, interval=(-0.02, -0.03, high), differences=differences)
    first = verdict([row("uniform", 1000, 0.82), rivals], "mse", higher_is_better=False)[0]
    assert first.endswith(f"to {high:+.4f}: {wanted}")


def test_without_an_interval_there_is_no_noise_to_explain():
    rows = [row("uniform", 1000, 0.80), row("dnis", 990, 0.81)]
    assert NOISE not in verdict(rows, "mse", higher_is_better=False)


def test_it_says_which_trainings_were_lost_and_whether_any_was_left_to_begin():
    lost = {"method": "dnis", "compression": 4.0, "diverged": 2, "cells": [{}], "val": 0.5}
    found = [lost, {**lost, "method": "uniform", "cells": [], "val": math.inf}, {**lost, "diverged": 0}]
    assert lost_seeds(found, LABELS) == [
        "DNIS at 4x: 2 of 3 final trainings diverged or lost all of alpha and are left out.",
        "Uniform at 4x: every trial diverged, so there is no final training.",
    ]


def test_a_single_seed_is_said_to_be_one():
    one, other = row("uniform", 1000, 0.80), row("dnis", 990, 0.81)
    said = [verdict([{**one, "seeds": n}, {**other, "seeds": 1}], "mse", higher_is_better=False) for n in (1, 2)]
    assert said[0][-1] == "Only one seed: how far two trainings differ by chance is not in these numbers."
    assert said[0][:-1] == said[1]


def test_where_larger_is_better_the_largest_wins():
    rows = [row("uniform", 1000, 0.82), row("dnis", 990, 0.80, interval=(-0.02, -0.03, -0.01))]
    first = verdict(rows, "auc", higher_is_better=True)[0]
    assert first.startswith(
        "At 2x uniform dimensions have the best mean: auc 0.8200 at 1,000 bytes; next DNIS with 0.8000;"
    )
    assert first.endswith("-0.0300 to -0.0100: beyond noise.")


def test_a_tie_is_no_victory_over_uniform():
    rows = [row("dnis", 990, 0.80, interval=(0.0, 0.0, 0.0)), row("uniform", 1000, 0.80)]
    assert "uniform dimensions have the best mean" in verdict(rows, "mse", higher_is_better=False)[0]


def test_a_narrower_uniform_table_beats_a_rival_too():
    rows = [
        row("uniform", 1000, 0.85),
        row("dnis", 990, 0.82, interval=(0.02, 0.01, 0.03)),
        row("uniform", 500, 0.80, compression=4.0, budget=500),
        row("dnis", 495, 0.81, compression=4.0, budget=500),
    ]
    first = verdict(rows, "mse", higher_is_better=False)[0]
    assert (
        first == "At 2x and 4x uniform dimensions have the best mean: mse 0.8000 at 500 bytes; next DNIS with 0.8100."
    )


def test_a_smaller_table_of_a_rival_wins_a_larger_budget_too():
    rows = [
        row("uniform", 1000, 0.83),
        row("dnis", 990, 0.82, interval=(-0.01, -0.02, 0.01)),
        row("uniform", 500, 0.84, compression=4.0, budget=500),
        row("dnis", 495, 0.81, compression=4.0, budget=500, interval=(-0.03, -0.04, -0.02)),
    ]
    first, second, *_ = verdict(rows, "mse", higher_is_better=False)
    assert first.startswith(
        "At 2x DNIS has the best mean: mse 0.8100 at 495 bytes, uniform 0.8300; difference to the best uniform "
    )
    assert second.startswith("At 4x DNIS has the best mean: mse 0.8100 at 495 bytes, uniform 0.8400; ")


def test_a_table_above_the_budget_wins_nothing():
    # one dimension is 800 bytes: uniform does not go lower
    rows = [row("uniform", 800, 0.80, 32.0, budget=250), row("dnis", 250, 0.90, 32.0, budget=250)]
    first = verdict(rows, "mse", higher_is_better=False)[0]
    assert first == "At 32x DNIS has the best mean: mse 0.9000 at 250 bytes; no uniform table is that small."
    first = verdict(rows[:1], "mse", higher_is_better=False)[0]
    assert first == "At 32x no table is small enough."


def test_each_compression_has_its_sentence_in_order():
    rows = [row("uniform", 4000 // c, 0.8 + c / 100, float(c), budget=4000 // c) for c in (8, 1, 2)]
    starts = [sentence.split(" uniform")[0] for sentence in verdict(rows, "mse", higher_is_better=False)[:-1]]
    assert starts == ["At 1x", "At 2x", "At 8x"]


def cell(n_bytes, elapsed_s=1.0, peak_bytes=None, seed=0):
    return {
        "embedding_dim": n_bytes / 100, "n_values": n_bytes // 4, "n_bytes": n_bytes, "layout": "dense",
        "block_dims": None, "settings": {"lr": 0.1, "seed": seed}, "elapsed_s": elapsed_s, "peak_bytes": peak_bytes,
    }  # fmt: skip


def judged(*methods, metric="mse", higher_is_better=False, target=None, budget=1000, times=5):
    """Rows of (method, bytes of all seeds or of each, values per seed); four test users, each there several times."""
    found = [
        {
            "method": method,
            "compression": 2.0,
            "budget": budget,
            "val": 0.5,
            "diverged": 0,
            "cells": [cell(int(size), seed=seed) for seed, size in enumerate(np.broadcast_to(sizes, len(values)))],
        }
        for method, sizes, values in methods
    ]
    target = np.tile(np.zeros(4) if target is None else target, times)
    outcomes = outcomes_of(methods, target, metric, times)
    return judged_rows(found, outcomes, CompareConfig(n_bootstrap=60), LABELS, higher_is_better)


def outcomes_of(methods, target, metric="mse", times=5):
    unit = np.arange(4 * times)
    return [Outcomes(np.tile(np.asarray(v, dtype=float), (1, times)), target, unit, metric) for _, _, v in methods]


UNIFORM = ("uniform", 1000, [[1, 2, 3, 4], [3, 4, 5, 6]])


def test_a_row_tells_mean_and_spread_over_seeds():
    (found,) = judged(UNIFORM)
    assert found["values"] == [2.5, 4.5]
    assert found["mean"] == 3.5
    assert found["sd"] == pytest.approx(2**0.5)
    assert (found["method"], found["label"], found["seeds"], found["budget"]) == ("uniform", "Uniform", 2, 1000)


def test_one_seed_has_no_spread():
    assert judged(("uniform", 1000, [[1, 2, 3, 4]]))[0]["sd"] == 0.0


def test_the_difference_is_taken_row_by_row_to_uniform():
    rows = judged(UNIFORM, ("dnis", 990, [[0, 1, 2, 3], [2, 3, 4, 5]]))
    assert (rows[1]["difference"], rows[1]["low"], rows[1]["high"]) == pytest.approx((-1, -1, -1))
    assert rows[1]["reference"] == 10.0
    assert [r["on_frontier"] for r in rows] == [False, True]


def test_differences_are_told_seed_by_seed():
    rows = judged(UNIFORM, ("dnis", 990, [[0, 1, 2, 3], [4, 5, 6, 7]]))
    assert [r["differences"] for r in rows] == [[], [-1.0, 1.0]]


def test_a_seed_that_diverged_has_no_difference_and_shifts_none():
    found = [
        {"method": method, "compression": 2.0, "budget": 1000, "val": 0.5, "diverged": 3 - len(seeds), "cells": cells}
        for method, seeds in (("uniform", (0, 1, 2)), ("dnis", (0, 2)))
        for cells in [[cell(1000, seed=seed) for seed in seeds]]
    ]
    values = [[[1.0], [2.0], [3.0]], [[1.5], [2.75]]]
    outcomes = [Outcomes(np.tile(v, (1, 12)), np.zeros(12), np.arange(12), "mse") for v in values]
    rows = judged_rows(found, outcomes, CompareConfig(n_bootstrap=20), LABELS, higher_is_better=False)
    assert rows[1]["differences"] == [0.5, -0.25]


def test_where_no_uniform_table_is_as_small_the_one_of_the_same_budget_is_the_reference():
    wide, rows = ("uniform", 1500, [[9, 9, 9, 9]]), []
    for size in (600, 990):
        rows.append(judged(UNIFORM, wide, ("dnis", size, [[0, 1, 2, 3], [2, 3, 4, 5]]))[2])
    assert [(r["reference"], r["reference_within"], r["difference"]) for r in rows] == [
        (10.0, "budget", -1.0),
        (10.0, "size", -1.0),
    ]
    told = verdict([*judged(UNIFORM), rows[0]], "mse", higher_is_better=False)[0]
    assert "the best uniform table of at most its budget -1.0000" in told


def test_the_best_uniform_table_of_at_most_the_same_bytes_is_the_reference():
    narrow, wide = ("uniform", 500, [[2, 2, 2, 2]]), ("uniform", 1000, [[4, 4, 4, 4]])
    rows = judged(narrow, wide, ("dnis", 985, [[3, 3, 3, 3]]), ("dnis", 600, [[5, 5, 5, 5]]))
    assert [r["difference"] for r in rows] == pytest.approx([None, 2, 1, 3])
    assert [r["reference"] for r in rows] == [5.0] * 4


def test_a_larger_uniform_table_is_no_reference_but_five_percent_are_forgiven():
    sizes = (("uniform", 1000, [[4, 4, 4, 4]]), ("dnis", 952, [[3, 3, 3, 3]]), ("dnis", 953, [[3, 3, 3, 3]]))
    rows = judged(*sizes, budget=500)
    assert [r["difference"] for r in rows] == [None, None, -1.0]
    assert rows[1]["reference"] is None


def test_where_larger_is_better_the_reference_is_the_largest_and_auc_is_judged_on_scores():
    # uniform ranks 3 of 4 pairs right, or all of them; DNIS none
    weak, strong = ("uniform", 500, [[1, 3, 2, 4]]), ("uniform", 900, [[1, 2, 3, 4]])
    rows = judged(
        weak, strong, ("dnis", 1000, [[4, 3, 2, 1]]), metric="auc", higher_is_better=True, target=[0, 0, 1, 1]
    )
    assert [r["mean"] for r in rows] == [0.75, 1.0, 0.0]
    assert (rows[2]["reference"], rows[2]["difference"]) == (9.0, -1.0)
    assert [r["on_frontier"] for r in rows] == [True, True, False]


def test_time_is_the_mean_and_memory_the_most_over_seeds():
    cells = [cell(1000, elapsed_s=1.0, peak_bytes=None), cell(1000, elapsed_s=3.0, peak_bytes=70)]
    found = [{"method": "uniform", "compression": 1.0, "budget": 1000, "val": 0.5, "diverged": 0, "cells": cells}]
    outcomes = [Outcomes(np.ones((2, 4)), np.zeros(4), np.arange(4), "mse")]
    (judged_row,) = judged_rows(found, outcomes, CompareConfig(), LABELS, higher_is_better=False)
    assert (judged_row["elapsed_s"], judged_row["peak_bytes"]) == (2.0, 70)


@pytest.mark.parametrize("sizes", [(600, 990), (990, 600)])
def test_a_mean_over_tables_of_several_sizes_is_had_for_the_largest(sizes):
    narrow = ("uniform", 600, [[9, 9, 9, 9], [9, 9, 9, 9]])
    (_, _, found) = judged(UNIFORM, narrow, ("dnis", sizes, [[0, 1, 2, 3], [2, 3, 4, 5]]))
    assert (found["n_bytes"], found["n_values"], found["embedding_dim"]) == (990, 247, 9.9)
    assert (found["reference"], found["difference"]) == (10.0, -1.0)


@pytest.mark.parametrize(("times", "said"), [(2, 1), (3, 0)])
def test_few_test_users_give_no_interval_and_the_verdict_says_so(times, said):
    methods = UNIFORM, ("dnis", 990, [[0, 1, 2, 3], [2, 3, 4, 5]])
    assert (judged(*methods, times=times)[1]["low"] is None) == bool(said)
    sentences = few_units(outcomes_of(methods, np.zeros(4 * times), times=times))
    assert len(sentences) == said
    assert all("tells 8 users apart" in sentence for sentence in sentences)


def test_it_says_that_the_best_of_many_was_picked_on_the_test():
    rivals = [row("dnis", 990, 0.80, interval=(-0.02, -0.03, -0.01)), row("mde", 990, 0.81)]
    said = verdict([row("uniform", 1000, 0.82), *rivals], "mse", higher_is_better=False)
    assert said[-1].startswith("Each interval is for one method alone; here the best of 2 is picked on the test part")
    assert not [s for s in verdict([row("uniform", 1000, 0.82), rivals[0]], "mse", False) if "picked" in s]


def test_the_verdict_goes_by_the_intervals_that_hold_together():
    rivals = [row("dnis", 990, 0.80, interval=(-0.02, -0.03, -0.01)), row("mde", 990, 0.81)]
    wide = {**rivals[0], "joint_low": -0.05, "joint_high": 0.01}
    first, *_, last = verdict([row("uniform", 1000, 0.82), wide, rivals[1]], "mse", higher_is_better=False)
    assert first.endswith("95 % interval -0.0500 to +0.0100: within noise.")
    assert last.startswith("These 95 % intervals hold for all 1 differences to uniform at once")


def test_several_methods_have_joint_intervals_and_one_has_none():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 1, (4, 2, 4))
    uniform, dnis, mde = (
        (name, size, list(map(list, v)))
        for name, size, v in zip(("uniform", "dnis", "mde"), (1000, 990, 980), values, strict=False)
    )
    plain, one, two = judged(uniform, dnis, mde)
    assert plain["joint_low"] is None
    for found in (one, two):
        assert found["joint_low"] < found["difference"] < found["joint_high"]
    assert judged(uniform, dnis)[1]["joint_low"] is None
