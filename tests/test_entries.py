"""Single entries leave a table in rounds; and a search that tries both ways ends as the better one."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from dnis import training
from dnis.bilevel import Search, search
from dnis.entries import nth_largest
from dnis.phases import n_entries, turn_in
from dnis.pruning import prune, sweep
from dnis.records import search_settings
from dnis.stopping import DivergedError
from dnis.training import Trainer, train
from tests.engine_data import same_bits, small_config, small_split


def config_of(task="rating", **changes):
    return small_config(task, **{"recipe": "budget", "embedding_dim": 8, "compression": 2.0, "epochs": 22, **changes})


@pytest.mark.parametrize("seed", range(5))
def test_the_nth_largest_is_the_one_that_sorting_gives(seed):
    values = torch.rand(40, 5, generator=torch.Generator().manual_seed(seed))
    values[values < 0.2] = 0.0
    values[3:6] = values[0]  # some are equal
    values[7] *= 1e-30
    ordered = values.flatten().sort(descending=True).values
    for n in (1, 2, 17, 100, 199, 200):
        assert nth_largest(values, n, lambda counts: counts) == ordered[n - 1]


def test_what_has_gone_stays_gone_and_the_last_round_meets_the_budget():
    config = config_of(grain="entries")
    running, kept = Search(small_split(), config), []
    while not running.done:
        running.step()
        if running.phase == "entries":
            kept.append(running.selection.kept.clone())
    assert all((later <= sooner).all() for sooner, later in pairwise(kept))
    sizes = [int(k.sum()) for k in kept]
    assert sizes[0] < kept[0].numel()
    assert sizes[3:] == [n_entries(config, 37)] * len(sizes[3:])
    assert len(sizes) > 4


def test_alpha_moves_in_the_rounds_and_rests_afterwards():
    result = search(small_split(), config_of(grain="entries", patience=4))
    alphas = [e.alpha for e in result.history if e.phase == "entries"]
    assert not np.array_equal(alphas[0], np.ones_like(alphas[0]))
    assert not np.array_equal(alphas[2], alphas[3])
    assert len(alphas) > 5
    assert all(np.array_equal(alpha, alphas[3]) for alpha in alphas[4:])
    assert np.array_equal(result.alpha, alphas[3])


@pytest.mark.parametrize("compression", [2.0, 3.0, 5.0])
def test_a_search_by_entries_leaves_a_table_of_the_size_asked_for(compression):
    result = search(small_split(), config_of(grain="entries", compression=compression))
    assert result.by_entries
    scheme = prune(result, threshold=0.0)
    assert np.array_equal(scheme.mask, result.embeddings != 0)
    assert int(scheme.mask.sum()) == n_entries(result.config, 37)
    assert 37 * 8 * 4 / compression - 5 < scheme.n_bytes <= 37 * 8 * 4 / compression
    again = train(small_split(), result.retraining, scheme)
    assert np.array_equal(again.model.embeddings != 0, scheme.mask)


def test_the_budget_itself_finds_the_same_cut():
    result = search(small_split(), config_of(grain="entries"))
    by_bytes = prune(result, n_bytes=37 * 8 * 4 // 2)
    assert np.array_equal(by_bytes.mask, prune(result, threshold=0.0).mask)


def test_no_cut_brings_back_what_the_search_has_cut():
    split, n_kept = small_split(), n_entries(config_of(), 37)
    result = search(split, config_of(grain="entries"))
    assert prune(result, n_values=result.embeddings.size).n_values == n_kept
    assert prune(result, n_values=n_kept - 7).n_values == n_kept - 7
    found = sweep(result, split)
    assert found["n_values"].max() == n_kept
    assert found["threshold"].iloc[0] == 0
    assert found["val"].iloc[0] == pytest.approx(result.metrics["val"]["mse"], abs=1e-6)


def best_of(result, phase):
    """Lowest select_val of a phase once it has met the budget; infinity where it was given up before."""
    return min([e.losses["select_val"] for e in result.history if e.phase == phase][3:], default=np.inf)


def test_a_search_that_tries_both_ends_as_what_is_better_on_select_val():
    ends = set()
    for seed in range(3):
        result = search(small_split("ctr", 4), config_of("ctr", model="FM", seed=seed, lr=0.1, l2=0.1))
        found = {phase: best_of(result, phase) for phase in ("entries", "search")}
        better = min(found, key=found.get)
        assert result.by_entries == (better == "entries")
        assert result.history[result.best_epoch - 1].losses["select_val"] == found[better]
        assert any("whole dimensions leave instead" in note for e in result.history for note in e.notes)
        if not result.by_entries:
            assert set(np.unique(result.alpha)) <= {0.0, 1.0}
            assert (result.embeddings != 0).all(axis=1).sum() > 30
        ends.add(better)
    assert ends == {"entries", "search"}


@pytest.mark.parametrize("warm", [0, 1])
def test_whole_dimensions_begin_where_the_best_warm_epoch_was(warm, monkeypatch):
    split, config = small_split(), config_of()
    monkeypatch.setattr("dnis.phases.warm_length", lambda config, losses, **_: warm)
    running = Search(split, config)
    if warm:
        running.step()
    before = running.trainer.evaluate(split.search_val)["loss"]
    while running.next_phase != "search":
        running.step()
    assert running.trainer.evaluate(split.search_val)["loss"] != pytest.approx(before)
    running._begin("search")
    running.selection.alpha.data.fill_(1.0)
    assert running.trainer.evaluate(split.search_val)["loss"] == pytest.approx(before, rel=1e-5)
    assert running.start == {}


@pytest.mark.parametrize("grain", ["either", "entries"])
@pytest.mark.parametrize("order", [1, 2])
def test_it_goes_on_from_a_saved_state_bit_by_bit(grain, order):
    config = config_of(grain=grain, order=order, patience=50)
    whole = Search(small_split(), config)
    states = []
    while not whole.done:
        states.append(whole.state())
        whole.step()
    assert {e.phase for e in whole.history} >= ({"entries", "search"} if grain == "either" else {"entries"})
    for arrays, meta in states[1::3]:
        resumed = Search(small_split(), config, state=(arrays, json.loads(json.dumps(meta))))
        while not resumed.done:
            resumed.step()
        assert same_bits(whole.state()[0], resumed.state()[0])
        assert same_bits({"e": whole.result().embeddings}, {"e": resumed.result().embeddings})


def retrained_start(result, split, **cut):
    """Loss on select_val before a retraining has moved anything: its rate is next to nothing."""
    config = replace(result.retraining, epochs=1, lr=1e-6)
    wide = replace(result.retraining, epochs=1)
    begun = training._wide(split.train, replace(wide, patience=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_wide", lambda part, config: begun)
        return train(split, config, prune(result, **cut)).metrics["val"]["loss"]


def test_a_cut_above_nothing_of_whole_dimensions_still_starts_from_the_turned_table():
    split = small_split()
    result = search(split, config_of(grain="dimensions", compression=4.0))
    whole = prune(result, threshold=0.0)
    tighter = prune(result, n_values=whole.n_values - 1)
    assert whole.structured
    assert not tighter.structured
    at_zero = retrained_start(result, split, threshold=0.0)
    assert retrained_start(result, split, n_values=whole.n_values - 1) == pytest.approx(at_zero, rel=0.02)


def test_single_entries_stay_with_their_features_where_every_feature_is_a_block():
    split = small_split()
    result = search(split, config_of(grain="entries", n_blocks=1000))
    scheme = prune(result, threshold=0.0)
    assert len(np.unique(result.block_of)) == 37
    assert not scheme.structured
    assert scheme.regrouped(split.development.counts, split.vocabulary.field_of) is scheme
    assert prune(result, n_bytes=300).by_entries


@pytest.mark.parametrize("when", [1, 3, 6])
def test_whole_dimensions_are_tried_where_single_entries_go_astray(when, monkeypatch):
    run_epoch, split = Trainer.run_epoch, small_split()

    def astray(self, epoch, before_step=None):
        if self.network.selection.kept is not None and turn_in(running.history, "entries") + 1 == when:
            raise DivergedError("training diverged")
        return run_epoch(self, epoch, before_step)

    monkeypatch.setattr(Trainer, "run_epoch", astray)
    running = Search(split, config_of())
    while not running.done:
        before = running.state()
        running.step()
    said = [note for e in running.history for note in e.notes if "whole dimensions are tried instead" in note]
    assert said == ["training diverged; whole dimensions are tried instead"]
    assert turn_in(running.history, "entries") == when - 1
    assert turn_in(running.history, "search") >= 4
    result = running.result()
    assert result.warnings == ()
    met = best_of(result, "search") if when < 5 else min(best_of(result, p) for p in ("entries", "search"))
    assert result.history[result.best_epoch - 1].losses["select_val"] == met
    resumed = Search(split, config_of(), state=before)
    while not resumed.done:
        resumed.step()
    assert same_bits(running.state()[0], resumed.state()[0])


@pytest.mark.parametrize("after", [2, 9])
def test_a_search_from_before_there_was_a_choice_goes_on_with_whole_dimensions(after):
    """Its state is that of a search by whole dimensions, and its settings say nothing."""
    old = Search(small_split(), config_of(grain="dimensions", epochs=12))
    for _ in range(after):
        old.step()
    resumed = Search(small_split(), config_of(epochs=22), state=old.state())
    while not resumed.done:
        resumed.step()
    assert turn_in(resumed.history, "entries") == 0
    assert not resumed.result().by_entries
    assert prune(resumed.result(), threshold=0.0).n_bytes <= 37 * 8 * 4 / 2
    assert search_settings({"recipe": "budget", "compression": 2.0}).grain == "dimensions"
    assert search_settings({"recipe": "budget", "compression": 2.0, "grain": "either"}).grain == "either"
    assert search_settings({}).grain == "either"
