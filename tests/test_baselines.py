from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis import baselines, bilevel
from dnis.baselines import BASELINES
from dnis.bilevel import Search, search
from dnis.rivals import Baseline, feature_blocks
from dnis.schemes import DimensionScheme
from dnis.settings import METHODS
from dnis.stopping import DivergedError
from dnis.training import Trainer, train
from tests.judging_data import full_bytes, judging_config, planted_split, with_another_test

COMPRESSIONS = (2, 4)

WHOLE_DIMENSIONS = (
    "uniform", "dnis-budget", "dnis-nested", "dnis-fit", "uniform-turned", "random", "mde", "sseds", "nis",
)  # fmt: skip
"""Methods whose features of a block share their dimensions, so that a budget cannot be met to the byte."""


def config_of(name, **changes):
    # a search that is told its budget needs eight epochs to get there
    epochs = {"dnis-budget": 11, "dnis-nested": 11, "dnis-fit": 21}
    return judging_config(epochs=epochs.get(name, 5), **changes)


def budgets_of(split, config):
    return [full_bytes(split, config) // c for c in COMPRESSIONS]


def proposed(name, split=None, **changes):
    split = planted_split() if split is None else split
    config = config_of(name, **changes)
    return BASELINES[name]().candidates(split, config, budgets_of(split, config))


def masks(candidates):
    return [None if c.scheme is None else c.scheme.mask.tolist() for c in candidates]


def alphas(candidates):
    schemes = [c.scheme for c in candidates]
    return [None if s is None or s.alpha is None else s.alpha.tolist() for s in schemes]


def test_every_method_of_the_settings_has_its_class():
    assert tuple(BASELINES) == METHODS
    assert all(issubclass(kind, Baseline) and kind.label for kind in BASELINES.values())
    assert len({kind.label for kind in BASELINES.values()}) == len(BASELINES)


def next_size(candidate, split):
    """Bytes of the table with one more dimension for the smallest block that has not all of them."""
    if candidate.scheme is None:
        return candidate.n_bytes + 4 * split.train.n_features
    scheme, k = candidate.scheme, candidate.config.embedding_dim
    dims, sizes = scheme.block_dims, np.bincount(scheme.block_of)
    block = min(np.flatnonzero(dims < k), key=lambda b: sizes[b])
    more = DimensionScheme.from_block_dims(dims + (np.arange(len(dims)) == block), scheme.block_of, k, scheme.projected)
    return more.bytes_by_layout["block"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_turns_settings_and_budgets_into_one_fitting_table_each(name):
    split = planted_split()
    candidates = proposed(name)
    assert len(candidates) == len(COMPRESSIONS)
    for candidate, budget in zip(candidates, budgets_of(split, config_of(name)), strict=True):
        assert candidate.n_bytes <= budget
        assert candidate.n_bytes >= 0.98 * budget or (name in WHOLE_DIMENSIONS and next_size(candidate, split) > budget)
        if candidate.scheme is not None:
            assert candidate.scheme.mask.shape == (split.train.n_features, candidate.config.embedding_dim)
            assert np.array_equal(candidate.scheme.block_of, feature_blocks(split, config_of(name)))
            assert (candidate.n_values, candidate.n_bytes) == (candidate.scheme.n_values, candidate.scheme.n_bytes)
        result = train(split, replace(candidate.config, epochs=1), candidate.scheme)
        assert np.isfinite(result.metrics["val"]["loss"])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_repeats_itself_and_never_looks_at_test(name):
    fine = {"embedding_dim": 32, "seed": 3}  # so many dimensions that a small leak would move some
    once = proposed(name, **fine)
    again = proposed(name, with_another_test(planted_split()), **fine)
    assert masks(once) == masks(again)
    assert alphas(once) == alphas(again)
    assert [c.config for c in once] == [c.config for c in again]
    if name not in ("uniform", "uniform-turned", "mde"):  # these draw no dimensions
        assert masks(once) != masks(proposed(name, **{**fine, "seed": 4}))


def test_uniform_is_the_widest_table_that_the_budget_holds():
    split, config = planted_split(), judging_config()
    one = 4 * split.train.n_features
    found = BASELINES["uniform"]().candidates(split, config, [8 * one, 4 * one - 1, 2 * one, 99 * one, one // 3])
    assert [c.config.embedding_dim for c in found] == [8, 3, 2, 8, 1]
    assert [c.n_bytes // one for c in found] == [8, 3, 2, 8, 1]
    assert [c.n_values for c in found] == [split.train.n_features * d for d in (8, 3, 2, 8, 1)]
    assert masks(found) == [None] * 5


def test_turned_uniform_cuts_a_trained_table_to_the_same_dimensions_for_all():
    split, config = planted_split(), config_of("uniform-turned")
    one = 4 * split.train.n_features
    exact, more = BASELINES["uniform-turned"]().candidates(split, config, [4 * one, 5 * one - 4])
    assert exact.scheme.block_dims.tolist() == [4] * 4
    assert set(more.scheme.block_dims.tolist()) == {4, 5}  # what is left over goes to some blocks
    assert exact.n_bytes == 4 * one
    assert exact.config.wide_epochs == train(split, config.for_training(patience=1)).best_epoch
    assert exact.config.wide_epochs > 0


@pytest.mark.parametrize("name", ["uniform-turned", "gradual", "sseds", "nis"])
def test_what_trains_without_a_mean_lasts_as_long_as_without_one(name):
    # steps so large that the best epoch comes early, and that of the mean late
    split, config = planted_split(), judging_config(epochs=14, lr=0.05, l2=0.0, patience=4)
    assert (
        train(split, config.for_training(ema_decay=0.9)).best_epoch > 2 * train(split, config.for_training()).best_epoch
    )
    plain, averaging = (
        BASELINES[name]().candidates(split, replace(config, ema_decay=decay), budgets_of(split, config))
        for decay in (0.0, 0.9)
    )
    assert masks(averaging) == masks(plain)
    assert [c.config for c in averaging] == [replace(c.config, ema_decay=0.9) for c in plain]


def largest(size, candidate):
    """The mask of the largest entries, as many as a candidate keeps."""
    cut = np.sort(size, axis=None)[-candidate.n_values]
    return (size >= cut).tolist()


def test_magnitude_keeps_the_largest_entries_of_a_trained_table():
    size = np.abs(train(planted_split(), config_of("magnitude").for_training()).model.embeddings)
    candidates = proposed("magnitude")
    assert masks(candidates) == [largest(size, c) for c in candidates]
    assert all(c.scheme.alpha is None for c in candidates)


@pytest.mark.parametrize(
    ("name", "changes"), [("dnis", {}), ("frozen", {"lr_alpha": 0.0}), ("dnis-budget", {"compression": 2.0})]
)
def test_a_search_is_cut_at_the_largest_weighted_entries_and_keeps_its_alpha(name, changes):
    result = search(planted_split(), replace(config_of(name), **changes))
    first = proposed(name)[0]
    assert masks([first]) == [largest(np.abs(result.weighted), first)]
    assert np.array_equal(first.scheme.alpha, result.alpha)
    assert (first.scheme.alpha == 1).all() == (name == "frozen")


@pytest.mark.parametrize(
    ("name", "compressions"), [("dnis", [0]), ("frozen", [0]), ("dnis-budget", [2, 4]), ("dnis-nested", [2, 4])]
)
def test_only_a_search_that_is_told_its_budget_runs_once_per_budget(monkeypatch, name, compressions):
    told = []

    class Watched(Search):
        def __init__(self, split, config, *more, **state):
            told.append(config.compression)
            super().__init__(split, config, *more, **state)

    monkeypatch.setattr(bilevel, "Search", Watched)
    monkeypatch.setattr(baselines, "Search", Watched)
    proposed(name)
    assert told == pytest.approx(compressions, rel=1e-3)


@pytest.mark.parametrize("name", ["dnis-budget", "dnis-nested"])
def test_searches_of_several_budgets_run_once_what_they_do_before_alpha_moves(monkeypatch, name):
    split, config, epochs = planted_split(), config_of(name), []
    alone = [BASELINES[name]().candidates(split, config, [budget])[0] for budget in budgets_of(split, config)]
    run_epoch = Trainer.run_epoch
    monkeypatch.setattr(Trainer, "run_epoch", lambda *args: epochs.append(args[1]) or run_epoch(*args))
    together = proposed(name)
    assert masks(together) == masks(alone)
    assert alphas(together) == alphas(alone)
    assert [c.config for c in together] == [c.config for c in alone]
    assert epochs.count(1) == 1
    assert epochs.count(11) == 2


def test_a_search_too_short_for_its_budget_is_cut_to_it():
    budget = full_bytes(planted_split(), judging_config()) // 4
    (found,) = BASELINES["dnis-budget"]().candidates(planted_split(), judging_config(epochs=2), [budget])
    assert 0.98 * budget < found.n_bytes <= budget


def lost_in(epoch, monkeypatch):
    """Trainings that diverge in an epoch."""
    run_epoch = Trainer.run_epoch

    def failing(trainer, number, *more):
        if number == epoch:
            raise DivergedError(f"training diverged in epoch {number}")
        return run_epoch(trainer, number, *more)

    monkeypatch.setattr(Trainer, "run_epoch", failing)


@pytest.mark.parametrize("epoch", [3, 6])
def test_a_search_that_diverges_before_it_meets_its_budget_proposes_nothing(monkeypatch, epoch):
    # four epochs train the full table, and the dimensions are whole after four more
    lost_in(epoch, monkeypatch)
    with pytest.raises(DivergedError, match=f"before its table met the budget: training diverged in epoch {epoch}"):
        proposed("dnis-nested")


def test_a_search_that_diverges_after_it_met_its_budget_proposes_its_best_epoch(monkeypatch):
    lost_in(10, monkeypatch)
    budgets = budgets_of(planted_split(), config_of("dnis-nested"))
    assert [c.n_bytes <= b for c, b in zip(proposed("dnis-nested"), budgets, strict=True)] == [True, True]


def test_the_frozen_control_forgets_settings_of_alpha():
    assert masks(proposed("frozen", alpha_start=0.5, compression=8.0)) == masks(proposed("frozen"))


def test_random_blocks_draw_once_for_all_budgets():
    config, split = judging_config(embedding_dim=64, n_blocks=5), planted_split()
    full = full_bytes(split, config)
    wide, narrow = BASELINES["random"]().candidates(split, config, [full // 3, full // 6])
    drawn = np.random.default_rng(config.seed).uniform(0.1, 1.0, 5)
    for candidate in (wide, narrow):
        dims = candidate.scheme.block_dims
        assert dims == pytest.approx(drawn * dims.sum() / drawn.sum(), abs=1.5)  # dimensions are whole


def test_mixed_dimensions_follow_popularity_and_pay_for_their_projections():
    config, split = judging_config(embedding_dim=64), planted_split()
    (found,) = BASELINES["mde"]().candidates(split, config, [full_bytes(split, config) // 4])
    blocks, dims = found.scheme.block_of, found.scheme.block_dims
    popularity = np.array([(split.counts[blocks == b] + 1).mean() for b in range(4)])
    assert dims == pytest.approx(popularity**0.3 * dims.sum() / (popularity**0.3).sum(), abs=1.5)
    assert found.scheme.projected
    assert found.n_values == sum(d * (np.sum(blocks == b) + 64) for b, d in enumerate(dims))


def test_saliency_is_what_the_loss_loses_per_stored_value_without_a_pair(monkeypatch):
    trainers, gains = [], []

    class Watched(Trainer):
        def __init__(self, *args):
            super().__init__(*args)
            trainers.append(self)

    deal = baselines.fit_pairs
    monkeypatch.setattr(baselines, "Trainer", Watched)
    monkeypatch.setattr(baselines, "fit_pairs", lambda gain, *rest: gains.append(gain) or deal(gain, *rest))
    proposed("sseds")
    n_epochs = train(planted_split(), config_of("sseds").for_training()).best_epoch
    network, batches = trainers[0].network, list(trainers[0].feed.batches(n_epochs + 1))
    sizes = np.bincount(network.selection.block_of.numpy())

    @torch.no_grad()
    def loss_at(block, k, weight):
        network.alpha[block, k] = weight
        loss = sum(float(trainers[0].task.loss(network.scores(network.look_up(ids)), y)) for ids, y in batches)
        network.alpha[block, k] = 1
        return loss

    for pair in [(0, 0), (0, 5), (1, 2), (3, 7)]:
        slope = (loss_at(*pair, 1.05) - loss_at(*pair, 0.95)) / 0.1
        assert gains[0][pair] == pytest.approx(abs(slope) / sizes[pair[0]], rel=0.02, abs=1e-6)


@pytest.mark.parametrize("method", ["dnis", "dnis-budget"])
def test_a_search_whose_alpha_has_collapsed_proposes_no_empty_table(method):
    split, config = planted_split(), judging_config(epochs=8, warm_epochs=1, l1_alpha=10.0, lr_alpha=1.0)
    with pytest.raises(DivergedError, match="alpha collapsed in epoch"):
        BASELINES[method]().candidates(split, config, [full_bytes(split, config) // 2])
