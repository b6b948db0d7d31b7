import math

import numpy as np
import pytest
import torch

from dnis import feeds, gradual, training
from dnis.gradual import GradualMagnitude, LearnedThresholds, ThresholdSelection, sparsity_at
from dnis.joint import START_STD
from dnis.schemes import DimensionScheme
from dnis.selection import HardSelection
from dnis.training import Trainer, train
from tests.judging_data import full_bytes, judging_config, planted_split


@pytest.mark.parametrize(("done", "share"), [(0, 0), (1 / 3, 0.72), (2 / 3, 0.792), (1, 0.7992)])
def test_sparsity_rises_fast_and_then_slowly_to_its_goal(done, share):
    # goal 0.8; 0.01^(1.5 / 3) = 0.1, 0.01^(3 / 3) = 0.01, 0.01^(4.5 / 3) = 0.001
    assert sparsity_at(done, goal=0.8) == pytest.approx(share)


@pytest.fixture
def pruned_shares(monkeypatch):
    """The share of dropped entries after every change of a mask."""
    shares = []

    class Watched(HardSelection):
        def __setattr__(self, name, value):
            if name == "mask" and hasattr(self, "mask"):
                shares.append(1 - float(value.float().mean()))
            super().__setattr__(name, value)

    monkeypatch.setattr(gradual, "HardSelection", Watched)
    return shares


@pytest.mark.parametrize("compression", [2, 8])
def test_the_run_follows_the_schedule_to_what_the_budget_holds(pruned_shares, compression):
    split, config = planted_split(), judging_config()
    n_epochs = 2 * train(split, config.for_training()).best_epoch
    budget = full_bytes(split, config) // compression
    (found,) = GradualMagnitude().candidates(split, config, [budget])
    n_entries, n_steps = found.scheme.mask.size, n_epochs * math.ceil(len(split.train) / config.batch_size)
    # one bit per entry and four bytes per kept value
    kept = (budget - n_entries / 8) / 4
    goal = 1 - kept / n_entries
    wanted = [goal * (1 - 0.01 ** (1.5 * turn / n_steps)) for turn in range(10, n_steps + 1, 10)]
    assert pruned_shares == pytest.approx(wanted, abs=2 / n_entries)
    assert found.scheme.sparsity == pytest.approx(goal, abs=2 / n_entries)


def test_the_schedule_counts_the_steps_of_a_feed_whose_batches_are_smaller_than_asked_for(pruned_shares, monkeypatch):
    monkeypatch.setattr(feeds, "full_softmax_rows", lambda _part: 64)
    split, config = planted_split(), judging_config(model="MF", task="topk", topk_loss="full_softmax", epochs=2)
    n_epochs = 2 * train(split, config.for_training()).best_epoch
    budget = full_bytes(split, config) // 2
    (found,) = GradualMagnitude().candidates(split, config, [budget])
    n_entries, n_steps = found.scheme.mask.size, n_epochs * math.ceil(len(split.train) / 64)
    goal = 1 - (budget - n_entries / 8) / 4 / n_entries
    wanted = [goal * (1 - 0.01 ** (1.5 * turn / n_steps)) for turn in range(10, n_steps + 1, 10)]
    assert pruned_shares == pytest.approx(wanted, abs=2 / n_entries)


def test_a_budget_of_the_full_table_prunes_nothing(pruned_shares):
    split, config = planted_split(), judging_config()
    (found,) = GradualMagnitude().candidates(split, config, [full_bytes(split, config)])
    assert found.scheme.mask.all()
    assert pruned_shares == []


def test_the_largest_entries_of_the_pruned_training_stay(monkeypatch):
    trainers = watched_trainers(monkeypatch)
    split, config = planted_split(), judging_config()
    (found,) = GradualMagnitude().candidates(split, config, [full_bytes(split, config) // 4])
    size = trainers[-1].network.embeddings.values.abs().numpy()
    assert size[found.scheme.mask].min() > size[~found.scheme.mask].max()


def watched_trainers(monkeypatch, home=gradual):
    """The trainers that a module makes, each with the embeddings that it started from."""
    made = []

    class Watched(Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.started_from = self.network.embeddings.values.clone()
            made.append(self)

    monkeypatch.setattr(home, "Trainer", Watched)
    return made


def test_a_threshold_shrinks_entries_towards_zero():
    selection = ThresholdSelection(n_features=3, start=0.0)
    with torch.no_grad():
        # sigmoid(-log 9) = 0.1 and sigmoid(log 9) = 0.9
        selection.threshold.copy_(torch.tensor([[-math.log(9)], [0.0], [math.log(9)]]))
    rows = torch.tensor([[0.5, -0.5, 0.05], [0.5, -0.7, 0.0], [1.0, -0.8, 0.9]])
    wanted = torch.tensor([[0.4, -0.4, 0.0], [0.0, -0.2, 0.0], [0.1, 0.0, 0.0]])
    torch.testing.assert_close(selection(rows, torch.arange(3)), wanted)
    torch.testing.assert_close(selection(rows[[2, 0]], torch.tensor([2, 0])), wanted[[2, 0]])


def test_a_threshold_learns_from_the_entries_that_it_lets_through():
    selection = ThresholdSelection(n_features=1, start=-math.log(9))
    selection(torch.tensor([[0.5, -0.5, 0.05]]), torch.tensor([0])).square().sum().backward()
    # d/ds of 2 * (0.5 - sigmoid(s))^2 = -4 * 0.4 * 0.1 * 0.9
    assert selection.threshold.grad.item() == pytest.approx(-0.144)


@pytest.fixture
def margins(monkeypatch):
    """What |v| - sigmoid(s) was after every epoch of the search for thresholds."""
    seen = []
    measure = LearnedThresholds._margin

    def watched(self, trainer, selection):
        seen.append(measure(self, trainer, selection))
        return seen[-1]

    monkeypatch.setattr(LearnedThresholds, "_margin", watched)
    monkeypatch.setattr(LearnedThresholds, "start", -6.0)
    n_steps = math.ceil(len(planted_split().train) / judging_config().batch_size)
    monkeypatch.setattr(LearnedThresholds, "rise", 0.1 * n_steps)
    return seen


def test_each_budget_is_read_in_the_first_epoch_that_fits(margins):
    split, config = planted_split(), judging_config(epochs=12)
    full = full_bytes(split, config)
    budgets = [full // 8, full // 2, full // 4]
    candidates = LearnedThresholds().candidates(split, config, budgets)
    sizes = [DimensionScheme(margin > 0, candidates[0].scheme.block_of).n_bytes for margin in margins]
    epochs = [next(epoch for epoch, size in enumerate(sizes) if size <= budget) for budget in budgets]
    assert epochs[1] < epochs[2] < epochs[0] == len(margins) - 1
    for candidate, epoch in zip(candidates, epochs, strict=True):
        margin, mask = margins[epoch], candidate.scheme.mask
        assert margin[mask].min() > margin[~mask].max()


def test_a_budget_that_no_epoch_reached_is_cut_from_the_last(margins):
    split, config = planted_split(), judging_config(epochs=2)
    budget = full_bytes(split, config) // 16
    (found,) = LearnedThresholds().candidates(split, config, [budget])
    assert len(margins) == 2
    assert DimensionScheme(margins[-1] > 0, found.scheme.block_of).n_bytes > budget >= found.n_bytes
    assert margins[-1][found.scheme.mask].min() > margins[-1][~found.scheme.mask].max()


@pytest.mark.parametrize("batch_size", [7, 64, 100_000])
def test_thresholds_rise_as_far_in_an_epoch_of_many_steps_as_in_one_of_few(monkeypatch, batch_size):
    trainers = watched_trainers(monkeypatch)
    split, config = planted_split(), judging_config(epochs=1, lr=1e-6, batch_size=batch_size)
    LearnedThresholds().candidates(split, config, [full_bytes(split, config) // 8])
    risen = trainers[0].network.selection.threshold.detach().numpy() + 8
    assert risen == pytest.approx(np.full_like(risen, 1.5), abs=1e-3)


def test_the_thinned_table_is_trained_again_from_the_original_start_values(monkeypatch):
    split, config = planted_split(), judging_config(seed=5)
    proposing, training_again = watched_trainers(monkeypatch), watched_trainers(monkeypatch, training)
    (found,) = LearnedThresholds().candidates(split, config, [full_bytes(split, config) // 4])
    train(split, found.config, found.scheme)
    (first,), (second,) = proposing, training_again
    drawn = START_STD * torch.randn(split.train.n_features, 8, generator=torch.Generator().manual_seed(5))
    drawn[split.vocabulary.offsets[:-1]] = 0
    assert torch.equal(first.started_from, drawn)
    assert torch.equal(second.started_from, drawn)
    assert not torch.equal(first.network.embeddings.values, drawn)
    assert isinstance(second.network.selection, HardSelection)
