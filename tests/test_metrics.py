"""Metrics against numbers worked out by hand, and against scikit-learn."""

import math

import numpy as np
import pytest

from dnis.metrics import auc, hit_rate, logloss, mrr, mse, ndcg, rmse


@pytest.fixture(scope="module")
def clicks():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 500)
    return label, np.round(np.clip(0.4 * label + rng.random(500) * 0.6, 0, 1), 2)  # rounded: ties


def test_mse_and_rmse_by_hand():
    # errors 1, -2, 0, 1: squares 1 + 4 + 0 + 1 over 4
    target, prediction = [1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 3.0, 5.0]
    assert mse(target, prediction) == 1.5
    assert rmse(target, prediction) == pytest.approx(math.sqrt(1.5))


def test_mse_of_float32_is_added_up_in_double_precision():
    target = np.full(2_000_000, 0.1, dtype=np.float32)
    assert mse(target, np.zeros_like(target)) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)


def test_auc_by_hand():
    # pairs (1, 0): 0.8 > 0.3, 0.8 > 0.5, 0.5 > 0.3, 0.5 = 0.5 counts half: 3.5 of 4
    assert auc([1, 0, 1, 0], [0.8, 0.3, 0.5, 0.5]) == 0.875


def test_auc_is_the_share_of_pairs_in_order(clicks):
    label, score = clicks
    above = np.sign(score[label == 1][:, None] - score[label == 0][None, :])
    assert auc(label, score) == pytest.approx((above.mean() + 1) / 2)


def test_auc_of_one_label_only_is_refused():
    with pytest.raises(ValueError, match=r"auc needs labels 0 and 1, got \[1.0\]"):
        auc([1, 1], [0.2, 0.3])


def test_logloss_by_hand():
    assert logloss([1, 0], [0.5, 0.75]) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_logloss_is_that_of_scikit_learn(clicks):
    from sklearn.metrics import log_loss

    label, probability = clicks
    assert logloss(label, probability) == pytest.approx(log_loss(label, np.clip(probability, 1e-7, 1 - 1e-7)))


def test_logloss_of_a_certain_mistake_is_large_but_finite():
    assert logloss([1.0], [0.0]) == pytest.approx(-math.log(1e-7))
    assert logloss([1.0], [1.0]) == pytest.approx(1e-7)


def test_logloss_refuses_scores_that_are_no_probabilities():
    with pytest.raises(ValueError, match=r"probability must be in \[0, 1\], got -0.5 to 0.5"):
        logloss([0, 1], [-0.5, 0.5])
    with pytest.raises(ValueError, match=r"probability must be in \[0, 1\], got 0.5 to 2"):
        logloss([0, 1], [0.5, 2.0])


def test_ranking_metrics_by_hand():
    ranks = np.array([0, 2, 9, 10])
    assert hit_rate(ranks, 10) == 0.75
    assert hit_rate(ranks, 1) == 0.25
    # 1 / log2(2) + 1 / log2(4) + 1 / log2(11), the fourth is outside the list
    assert ndcg(ranks, 10) == pytest.approx((1 + 0.5 + 1 / math.log2(11)) / 4)
    assert ndcg(ranks, 2) == 0.25
    assert mrr(ranks) == pytest.approx((1 + 1 / 3 + 1 / 10 + 1 / 11) / 4)


def test_ndcg_is_that_of_scikit_learn():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    scores = rng.random((40, 25))
    held_out = rng.integers(0, 25, 40)
    relevance = np.eye(25)[held_out]
    ranks = (scores > scores[np.arange(40), held_out][:, None]).sum(axis=1)
    for k in (1, 5, 10):
        assert ndcg(ranks, k) == pytest.approx(ndcg_score(relevance, scores, k=k))


@pytest.mark.parametrize("metric", [mse, rmse, auc, logloss])
def test_arrays_of_different_lengths_or_none_are_refused(metric):
    with pytest.raises(ValueError, match=r"must have one shape and at least one row, got \(2,\) and \(3,\)"):
        metric([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"at least one row, got \(0,\) and \(0,\)"):
        metric([], [])


def test_ranks_and_list_lengths_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        hit_rate([0], 0)
    with pytest.raises(ValueError, match=r"ranks must be 0 or more and not empty, got \[\]"):
        ndcg([], 10)
    with pytest.raises(ValueError, match=r"got \[3.0, -1.0\]"):
        mrr([3, -1])
