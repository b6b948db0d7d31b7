from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from dnis import tasks
from dnis.network import Network
from dnis.results import Fitted, SearchResult, TrainResult
from dnis.selection import UniformSelection
from dnis.settings import SearchConfig
from dnis.tasks import TASKS, evaluate
from tests.engine_data import interactions, small_config

LN2 = float(np.log(2))

SEEN_OF_SIX = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
"""What two seen pairs count, each followed by two drawn ones."""


def task_of(name, **changes):
    return TASKS[name](small_config(name, **changes))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def bias_only(task, biases, part, model=None):
    """A finished model whose score is the sum of the biases of user and item."""
    config = small_config(task, embedding_dim=1, **({"model": model} if model else {}))
    n = part.n_features
    values = np.zeros(n, dtype=np.float32)
    values[list(biases)] = list(biases.values())
    return Fitted(config, np.zeros((n, 1), np.float32), values, {"global_bias": np.array(0.0, dtype=np.float32)})


def test_the_bias_of_a_rating_starts_at_the_mean():
    assert task_of("rating").start_bias(3.0) == 3.0


def test_the_bias_of_a_click_starts_at_its_log_odds():
    # three clicks in four rows
    assert task_of("ctr").start_bias(0.75) == pytest.approx(np.log(3))


def test_the_bias_of_a_click_is_finite_where_all_or_none_click():
    bounds = [task_of("ctr").start_bias(label) for label in (0.0, 1.0)]
    assert bounds == pytest.approx([-13.8155, 13.8155], abs=1e-3)


def test_the_bias_of_a_ranking_starts_at_zero():
    assert task_of("topk").start_bias(1.0) == 0.0


def test_the_loss_of_a_rating_is_the_mean_squared_error():
    loss = task_of("rating").loss(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0]))
    assert loss.item() == 5.0  # (1 + 9) / 2


def test_the_loss_of_a_click_is_the_cross_entropy_of_its_logit():
    # sigmoid(log 3) = 3/4: -log(3/4) for the click, -log(1/4) for the other row
    loss = task_of("ctr").loss(torch.tensor([np.log(3), np.log(3)]), torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert loss.item() == pytest.approx((np.log(4 / 3) + np.log(4)) / 2)


def test_the_loss_of_a_ranking_is_cross_entropy_over_seen_and_drawn_items():
    scores = torch.tensor([0.0, np.log(3), 0.0])
    loss = task_of("topk", topk_loss="bce").loss(scores, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    assert loss.item() == pytest.approx((LN2 + np.log(4) + LN2) / 3)


def test_bpr_compares_each_seen_item_with_the_items_drawn_for_it():
    # two seen items with two drawn ones each; differences log 3, 0 and 0, log 3
    scores = torch.tensor([np.log(3), 0.0, np.log(3), 5.0, 5.0, 5.0 - np.log(3)])
    loss = task_of("topk", topk_loss="bpr").loss(scores, SEEN_OF_SIX)
    assert loss.item() == pytest.approx((np.log(4 / 3) + LN2) / 2)


def test_a_sampled_softmax_asks_for_the_seen_items_share_among_those_drawn_for_it():
    # shares 3 / (3 + 1 + 1) and 1 / (1 + 1 + 2)
    scores = torch.tensor([np.log(3), 0.0, 0.0, 5.0, 5.0, 5.0 + LN2])
    loss = task_of("topk", topk_loss="softmax").loss(scores, SEEN_OF_SIX)
    assert loss.item() == pytest.approx((np.log(5 / 3) + np.log(4)) / 2, rel=1e-6)


@pytest.mark.parametrize("topk_loss", ["bce", "bpr", "softmax", "full_softmax"])
def test_a_seen_pair_counts_in_every_loss_of_a_ranking_as_its_weight_says(topk_loss):
    task, full = task_of("topk", topk_loss=topk_loss), topk_loss == "full_softmax"
    scores = torch.tensor([-0.5, -2.0]) if full else torch.tensor([0.5, 1.0, 0.0, 2.0, -1.0, 0.3])
    size = 1 if full else 3
    alone = [
        float(task.loss(scores[:size], SEEN_OF_SIX[:size])),
        float(task.loss(scores[size : 2 * size], SEEN_OF_SIX[:size])),
    ]
    weights = torch.zeros(2, size)
    weights[:, 0] = torch.tensor([0.25, 1.75])
    both = float(task.loss(scores, weights.flatten()))
    assert both == pytest.approx((0.25 * alone[0] + 1.75 * alone[1]) / 2, rel=1e-6)


@pytest.mark.parametrize("name", ["rating", "ctr"])
def test_ratings_and_clicks_are_trained_on_as_they_are(name):
    ids, target = torch.tensor([[1, 5]]), torch.tensor([1.0])
    part = interactions([[1, 5]], [1.0], task=name)
    assert task_of(name).expand(ids, target, part, generator()) == (ids, target)


def test_each_seen_pair_is_followed_by_drawn_items_of_the_same_user():
    part = interactions([[1, 6], [3, 5]], sizes=(4, 5), task="topk")
    ids = torch.from_numpy(part.ids.astype(np.int64))
    every, labels = task_of("topk", n_negatives=3).expand(ids, torch.ones(2), part, generator())
    assert every[:, 0].tolist() == [1] * 4 + [3] * 4
    assert every[[0, 4]].tolist() == [[1, 6], [3, 5]]
    assert labels.tolist() == [1, 0, 0, 0] * 2


def test_drawn_items_are_all_known_items_equally_often():
    part = interactions([[1, 5]], sizes=(4, 5), task="topk")
    ids = torch.tensor([[1, 5]]).expand(1000, 2)
    every, labels = task_of("topk", n_negatives=4).expand(ids, torch.ones(1000), part, generator())
    drawn, times = every[labels == 0, 1].unique(return_counts=True)
    assert drawn.tolist() == [5, 6, 7, 8]  # 4 is the unknown item
    assert times.tolist() == pytest.approx([1000] * 4, rel=0.1)


def test_drawn_items_depend_on_the_generator_alone():
    part = interactions([[1, 5]], sizes=(4, 50), task="topk")
    one, same, other = (
        task_of("topk").expand(torch.tensor([[1, 5]] * 9), torch.ones(9), part, generator(s))[0] for s in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_rating_model_is_judged_by_its_squared_errors():
    part = interactions([[1, 5], [2, 5]], [1.0, 3.0])
    found = evaluate(bias_only("rating", {1: 2.0, 2: 4.0, 5: 1.0}, part), part)
    # predictions 3 and 5, errors 2 and 2
    assert found == {"loss": 4.0, "mse": 4.0, "rmse": 2.0}


def test_a_click_model_is_judged_by_area_and_logloss_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    label, bias = rng.integers(0, 2, 40).astype(float), rng.normal(0, 1, 41)
    part = interactions([[user, 41] for user in range(1, 41)], label, sizes=(41, 2), task="ctr")
    found = evaluate(bias_only("ctr", dict(enumerate(bias)), part, "FM"), part)
    chance = 1 / (1 + np.exp(-bias[1:]))
    assert found["auc"] == pytest.approx(roc_auc_score(label, chance))
    assert found["logloss"] == found["loss"] == pytest.approx(log_loss(label, chance), rel=1e-6)


def test_a_single_class_has_no_area_but_a_logloss():
    part = interactions([[1, 5], [2, 5]], [1.0, 1.0], task="ctr")
    found = evaluate(bias_only("ctr", {}, part, "FM"), part)
    assert np.isnan(found["auc"])
    assert found["logloss"] == pytest.approx(LN2)


@pytest.fixture
def ranked():
    """Twelve items whose biases fall from 12 to 1; held out are those ranked 0, 6 and 11."""
    part = interactions([[1, 5], [2, 11], [3, 16]], sizes=(4, 13), task="topk")
    return bias_only("topk", {5 + i: 12.0 - i for i in range(12)}, part), part


def test_a_ranking_is_judged_by_where_the_held_out_items_stand(ranked):
    found = evaluate(*ranked)
    assert found["hr@10"] == pytest.approx(2 / 3)
    assert found["ndcg@10"] == pytest.approx((1 + 1 / 3 + 0) / 3)  # 1 / log2(2) and 1 / log2(8)
    assert found["mrr"] == pytest.approx((1 + 1 / 7 + 1 / 12) / 3)
    assert found["loss"] == pytest.approx(1 - found["ndcg@10"])


def test_items_seen_before_are_left_out_of_a_ranking(ranked):
    seen = interactions([[2, 5], [2, 6]], sizes=(4, 13), task="topk")
    assert evaluate(*ranked, seen)["mrr"] == pytest.approx((1 + 1 / 5 + 1 / 12) / 3)


@pytest.mark.parametrize("name", TASKS)
def test_the_metric_follows_from_what_happened_on_every_row(name, ranked):
    label = np.array([1.0, 1.0, 0.0])
    part = replace(ranked[1], target=label)
    fitted = replace(ranked[0], config=small_config(name, embedding_dim=1, model={"ctr": "FM"}.get(name, "MF")))
    task = TASKS[name](fitted.config)
    rows = task.outcomes(Network.from_fitted(fitted, 2), part)
    whole = roc_auc_score(label, rows) if name == "ctr" else rows.mean()
    assert whole == pytest.approx(evaluate(fitted, part)[task.metric])


# of 15 rows every third is sampled; ratings 1, 4, 7, 10, 13 around a bias of 6: (25 + 4 + 1 + 16 + 49) / 5
@pytest.mark.parametrize(("name", "bias", "wanted"), [("rating", 6.0, 19.0), ("ctr", 0.0, LN2), ("topk", 0.0, LN2)])
def test_the_loss_before_learning_is_measured_on_an_even_sample(name, bias, wanted, monkeypatch):
    monkeypatch.setattr(tasks, "SAMPLED_ROWS", 5)
    target = {"rating": np.arange(1, 16), "ctr": np.arange(15) % 2, "topk": np.ones(15)}[name]
    part = interactions([[1, 5], [2, 5], [2, 5]] * 5, target, task=name)
    task = task_of(name)
    network = Network.create(8, 2, task.config, UniformSelection(), np.arange(8))
    network.biases.values[2] = 100.0  # a user of whom the sample holds no row
    network.model.global_bias.data.fill_(bias)
    assert task.start_loss(network, part, generator()) == pytest.approx(wanted)


def uneven(name):
    """40 rows of which every eighth is sampled, and the one that matters is not."""
    target = np.where(np.arange(40) == 3, 1.0 if name == "ctr" else 400.0, 0.0)
    return interactions([[1, 5], [2, 6]] * 20, target, task=name)


# by hand: the mean of the ratings is 10, their variance 400^2 / 40 - 100 = 3900; one row in 40 is a click
@pytest.mark.parametrize(
    ("name", "wanted"), [("rating", 3900.0), ("ctr", -(np.log(1 / 40) + 39 * np.log(39 / 40)) / 40)]
)
def test_the_loss_before_learning_is_at_least_that_of_the_best_constant_over_all_rows(name, wanted, monkeypatch):
    monkeypatch.setattr(tasks, "SAMPLED_ROWS", 5)
    part, task = uneven(name), task_of(name)
    network = Network.create(8, 2, task.config, UniformSelection(), np.arange(8))
    network.model.global_bias.data.fill_(-20.0 if name == "ctr" else 0.0)  # no sampled row is far from its score
    assert task.start_loss(network, part, generator()) == pytest.approx(wanted)


def test_a_search_is_judged_with_alpha_folded_in_and_a_training_by_its_model():
    part = interactions([[1, 5]], [1.0])
    table = np.zeros((8, 1), dtype=np.float32)
    table[1], table[5] = 2.0, 4.0
    config = SearchConfig(embedding_dim=1)
    dense, none = {"global_bias": np.array(0.0, dtype=np.float32)}, np.zeros(8, dtype=np.float32)
    alpha = np.array([[0.5]], dtype=np.float32)
    searched = SearchResult(config, table, none, dense, alpha, np.zeros(8, dtype=np.int32), np.ones(8))
    # 1 * 2 = 2 with alpha, 2 * 4 = 8 without
    assert evaluate(searched, part)["mse"] == 1.0
    assert evaluate(TrainResult(Fitted(config, table, none, dense)), part)["mse"] == 49.0


def test_nothing_cannot_be_judged():
    part = interactions([[1, 5]], [1.0])
    with pytest.raises(ValueError, match="at least one row, got 0"):
        evaluate(bias_only("rating", {}, part), part.take(np.array([], dtype=int)))


def test_data_of_another_vocabulary_are_refused():
    fitted = bias_only("rating", {}, interactions([[1, 5]], [1.0]))
    with pytest.raises(ValueError, match="interactions have 9 features, the model has 8"):
        evaluate(fitted, interactions([[1, 5]], [1.0], sizes=(4, 5)))
