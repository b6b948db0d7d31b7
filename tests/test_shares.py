"""A full softmax: every pair's share among all items, of batches that hold few users."""

import numpy as np
import pytest
import torch

from dnis import shares
from dnis.bilevel import search
from dnis.feeds import Feed
from dnis.selection import UniformSelection
from dnis.training import Trainer, train
from tests.engine_data import small_config, small_split

IDS = torch.tensor([[1, 22], [3, 36], [1, 21], [0, 30]])  # items are 21 to 36, the first of them the unknown one


def config_of(**changes):
    return small_config("topk", topk_loss="full_softmax", **changes)


def trainer_of(**changes):
    return Trainer(small_split("topk").train, config_of(**changes), UniformSelection())


def filled(trainer):
    generator = torch.Generator().manual_seed(2)
    for table in (trainer.network.embeddings, trainer.network.biases):
        table.values = torch.randn(table.values.shape, generator=generator)
    return trainer.network


@pytest.mark.parametrize("model", ["MF", "NeuMF"])
def test_shares_are_those_of_a_loop_over_all_items(model):
    network = filled(trainer_of(model=model))
    found = network.scores(network.look_up(IDS)).detach().exp()
    for (user, item), share in zip(IDS.tolist(), found.tolist(), strict=True):
        scores = network.score(torch.tensor([[user, other] for other in range(21, 37)])).double().exp()
        assert share == pytest.approx((scores[item - 21] / scores.sum()).item(), rel=1e-5)


def test_an_item_to_compare_with_does_not_count_as_one_that_was_met():
    look = trainer_of().network.look_up(IDS)
    assert look.features.tolist() == [0, 1, 3, *range(21, 37)]
    times = dict(zip(look.features.tolist(), look.times.tolist(), strict=True))
    assert {f: n for f, n in times.items() if n} == {0: 1, 1: 2, 3: 1, 21: 1, 22: 1, 30: 1, 36: 1}


def test_a_users_bias_learns_nothing_for_it_moves_all_items_alike():
    trainer = trainer_of(l2=0.0)
    trainer.run_epoch(1)
    biases = trainer.network.biases.values[:, 0]
    assert biases[:21].abs().max() == 0.0
    assert biases[22:].abs().min() > 0.0


def test_finished_models_and_other_losses_score_pairs_alone():
    assert len(Trainer(small_split("topk").train, small_config("topk"), UniformSelection()).network.items) == 0
    assert len(trainer_of().network.items) == 16


def test_users_stay_together_in_an_order_of_every_epochs_own():
    part = small_split("topk").train
    walks = []
    for epoch in (1, 2, 1):
        batches = list(Feed(part, config_of(batch_size=50)).batches(epoch))
        assert max(len(ids[:, 0].unique()) for ids, _ in batches) <= 5
        walks.append(torch.cat([ids for ids, _ in batches]))
    changes = (walks[0][1:, 0] != walks[0][:-1, 0]).sum().item()
    assert changes == len(np.unique(part.ids[:, 0])) - 1
    assert sorted(map(tuple, walks[0].tolist())) == sorted(map(tuple, part.ids.tolist()))
    assert torch.equal(walks[0], walks[2])
    assert not torch.equal(walks[0], walks[1])


def test_a_batch_has_as_many_rows_as_a_million_scores_serve(monkeypatch):
    part = small_split("topk").train  # 420 rows of 20 users, 16 items
    assert len(next(Feed(part, config_of(batch_size=400)).batches(1))[0]) == 400
    monkeypatch.setattr(shares, "BATCH_GRID", 20 * 16 // 4)
    assert len(next(Feed(part, config_of(batch_size=400)).batches(1))[0]) == 105
    assert len(next(Feed(part, config_of(batch_size=50)).batches(1))[0]) == 50
    assert len(next(Feed(part, small_config("topk", batch_size=400, n_negatives=1)).batches(1))[0]) == 800


def test_learning_raises_the_shares_of_what_was_met():
    assert trainer_of().start_loss == pytest.approx(np.log(16))
    losses = [event.losses["train"] for event in train(small_split("topk"), config_of(epochs=30)).history]
    assert losses[0] == pytest.approx(np.log(16), abs=0.1)
    assert losses[-1] < losses[0] - 0.1


def test_a_search_moves_alpha_by_it():
    result = search(small_split("topk"), config_of(epochs=4, warm_epochs=1))
    assert np.abs(result.alpha - 1.0).max() > 0.01


def test_a_batch_with_too_many_scores_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(shares, "LARGEST_GRID", 47)
    network = trainer_of(batch_size=2).network
    assert network.scores(network.look_up(IDS[[0, 2]])).shape == (2,)
    with pytest.raises(ValueError, match=r"all 16 items for all 3 users of a batch, at most 47 at once; lower batch"):
        network.scores(network.look_up(IDS))
