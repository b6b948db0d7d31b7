import io
import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from dnis import bilevel, datasets
from dnis.bilevel import Search, search
from dnis.budgets import ROUNDS
from dnis.pruning import prune
from dnis.schemes import make_blocks
from dnis.settings import SearchConfig
from dnis.stopping import DivergedError
from tests.engine_data import poisoned, same_bits, small_config, small_split


def finished(running):
    while not running.done:
        running.step()
    return running


def ran(split=None, task="rating", **changes):
    """A search that ran to its end."""
    return finished(Search(split or small_split(task), small_config(task, **changes)))


def trajectory(running):
    return np.stack([event.alpha for event in running.history])


def weights(running):
    return {name: value.numpy() for name, value in running.trainer.state().items()}


def told(running):
    """All that events say, but for the clock."""
    plain = [(e.epoch, e.phase, e.losses, e.alpha_travel, e.notes) for e in running.history]
    return plain, trajectory(running).tolist(), [e.dims_by_block.tolist() for e in running.history]


def numbers(result):
    arrays = {"embeddings": result.embeddings, "biases": result.biases, "alpha": result.alpha, **result.dense}
    return arrays | {"block_of": result.block_of, "counts": result.counts}


def test_warm_epochs_leave_alpha_untouched():
    running = ran(warm_epochs=3, alpha_start=0.75)
    assert [event.phase for event in running.history] == ["warm"] * 3 + ["search"] * 2
    assert (trajectory(running)[:3] == 0.75).all()
    assert (trajectory(running)[3:] != 0.75).any(axis=(1, 2)).all()
    travel = [event.alpha_travel for event in running.history]
    assert travel[:3] == [0.0] * 3
    assert travel[3:] == pytest.approx(np.abs(trajectory(running)[3:] - 0.75).mean(axis=(1, 2)))


def test_weights_move_while_alpha_warms_up():
    running = Search(small_split(), small_config(warm_epochs=3))
    before = running.trainer.network.embeddings.values.clone()
    running.step()
    assert not torch.equal(running.trainer.network.embeddings.values, before)


def test_alpha_stays_between_zero_and_one():
    path = trajectory(ran(alpha_start=0.5, lr_alpha=0.3, l1_alpha=0.1, epochs=6))
    assert path.min() == 0.0
    assert path.max() == 1.0


def test_the_validation_part_of_the_search_moves_alpha():
    plain, moved = ran(), ran(poisoned(small_split(), "search_val"))
    assert (trajectory(plain)[:2] == trajectory(moved)[:2]).all()
    assert (trajectory(plain)[2:] != trajectory(moved)[2:]).any(axis=(1, 2)).all()


def test_weights_never_see_the_validation_part_but_through_alpha():
    plain, moved = ran(lr_alpha=0.0), ran(poisoned(small_split(), "search_val"), lr_alpha=0.0)
    assert same_bits(weights(plain), weights(moved))
    assert not same_bits(weights(plain), weights(ran(poisoned(small_split(), "train"), lr_alpha=0.0)))


@pytest.mark.parametrize("part", ["select_val", "test"])
@pytest.mark.parametrize("order", [1, 2])
def test_selection_and_test_parts_move_neither_alpha_nor_weights(part, order):
    plain, moved = ran(order=order), ran(poisoned(small_split(), part), order=order)
    assert (trajectory(plain) == trajectory(moved)).all()
    assert same_bits(weights(plain), weights(moved))
    assert [e.losses[part] for e in plain.history] != [e.losses[part] for e in moved.history]


def test_alpha_takes_one_step_per_training_batch_on_rows_of_the_validation_part(monkeypatch):
    calls = []

    def spy(trainer, train, validation, order):
        calls.append((train, validation, order))
        return torch.zeros_like(trainer.network.selection.alpha)

    monkeypatch.setattr(bilevel, "alpha_gradient", spy)
    split = small_split()
    ran(order=2, epochs=4, batch_size=50)
    assert len(calls) == 2 * 9  # two epochs of 420 rows in batches of 50
    assert {order for *_, order in calls} == {2}
    rows = {
        name: {(*ids, target) for ids, target in zip(part.ids.tolist(), part.target.tolist(), strict=True)}
        for name, part in split.parts.items()
    }
    for batches, part in (([c[0] for c in calls], "train"), ([c[1] for c in calls], "search_val")):
        seen = {(*i, t) for ids, target in batches for i, t in zip(ids.tolist(), target.tolist(), strict=True)}
        assert seen == rows[part]
    # 60 rows make a walk of two batches: each walk is dealt anew
    walks = [calls[i][1][1].tolist() + calls[i + 1][1][1].tolist() for i in (0, 2, 4, 9)]
    assert all(sorted(a) == sorted(b) and a != b for a, b in pairwise(walks))


def test_blocks_are_made_from_training_counts():
    split = small_split()
    counts = np.bincount(split.train.ids.ravel(), minlength=37)
    result = ran(n_blocks=4).result()
    assert result.counts.tolist() == counts.tolist()
    assert result.block_of.tolist() == make_blocks(counts, 4).tolist()
    by_field = Search(split, small_config(blocks="field", n_blocks=2))
    assert by_field.block_of.tolist() == make_blocks(counts, 2, "field", split.train.vocabulary.field_of).tolist()


def test_dense_layers_rest_where_they_are_frozen():
    running = Search(small_split(), small_config(model="MLP", freeze_dense=True))
    before = running.trainer.network.model.perceptron[0].weight.clone()
    finished(running)
    assert torch.equal(running.trainer.network.model.perceptron[0].weight, before)
    assert not torch.equal(ran(model="MLP").trainer.network.model.perceptron[0].weight, before)


def test_looking_one_step_ahead_takes_another_path():
    one, two = trajectory(ran(order=1)), trajectory(ran(order=2))
    assert not np.array_equal(one, two)
    assert np.abs(one - two).max() < 0.5


RESUMABLE = [
    {},
    {"alpha_optimizer": "adam", "model": "NeuMF", "order": 2, "optimizer": "adagrad"},
    {"task": "topk", "patience": 2},
    {"compression": 3.0, "warm_epochs": 1, "epochs": ROUNDS + 2},
    {"lr": 0.1, "warm_epochs": 8, "epochs": 9},  # the warm start ends before its time
]


@pytest.mark.parametrize("changes", RESUMABLE)
def test_a_search_saved_at_any_epoch_goes_on_bit_for_bit(changes):
    through = ran(**changes)
    split, config = small_split(changes.get("task", "rating")), through.config
    for pause in range(len(through.history) + 1):
        stopped = Search(split, config)
        for _ in range(pause):
            stopped.step()
        arrays, meta = stopped.state()
        on_disk = io.BytesIO()
        np.savez(on_disk, **arrays)
        on_disk.seek(0)
        loaded = dict(np.load(on_disk))
        resumed = finished(Search(split, config, state=(loaded, json.loads(json.dumps(meta)))))
        assert told(resumed) == told(through)
        assert same_bits(weights(resumed), weights(through))
        assert same_bits(numbers(resumed.result()), numbers(through.result()))
        assert resumed.result().metrics == through.result().metrics


def test_a_saved_state_does_not_move_with_the_search():
    running = Search(small_split(), small_config())
    running.step()
    arrays, meta = running.state()
    copies, before = {name: array.copy() for name, array in arrays.items()}, json.dumps(meta)
    finished(running)
    assert same_bits(arrays, copies)
    assert json.dumps(meta) == before


def test_the_clock_of_a_resumed_search_goes_on():
    running = Search(small_split(), small_config())
    running.step()
    arrays, meta = running.state()
    resumed = Search(small_split(), running.config, state=(arrays, {**meta, "elapsed_s": 100.0}))
    assert resumed.step().seconds > 100.0


@pytest.mark.parametrize("task", ["rating", "ctr", "topk"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_other_numbers(task):
    one, same, other = (search(small_split(task), small_config(task, seed=s)) for s in (0, 0, 1))
    assert same_bits(numbers(one), numbers(same))
    assert one.metrics == same.metrics
    assert not np.array_equal(one.embeddings, other.embeddings)
    assert not np.array_equal(one.alpha, other.alpha)


def test_early_stopping_keeps_the_best_epoch_after_the_warm_ones():
    result = search(small_split(), small_config(lr=0.1, l2=0.0, epochs=60, patience=3))
    losses = [event.losses["select_val"] for event in result.history]
    assert result.best_epoch == 3 + int(np.argmin(losses[2:]))
    assert len(losses) == result.best_epoch + 3 < 60
    assert result.metrics["val"]["loss"] == pytest.approx(min(losses[2:]), rel=1e-5)
    for part, name in (("test", "test"), ("search_val", "search_val")):
        assert result.metrics[name]["loss"] == pytest.approx(
            result.history[result.best_epoch - 1].losses[part], rel=1e-5
        )
    assert np.array_equal(result.alpha, result.history[result.best_epoch - 1].alpha)


def test_a_warm_epoch_is_never_the_answer():
    # at this rate alpha falls so fast that every epoch after the warm ones is worse
    result = search(
        small_split(), small_config(lr=0.1, lr_alpha=0.05, l1_alpha=5.0, warm_epochs=5, epochs=9, patience=2)
    )
    losses = [event.losses["select_val"] for event in result.history]
    n_warm = sum(event.phase == "warm" for event in result.history)
    assert int(np.argmin(losses)) + 1 <= n_warm < result.best_epoch
    assert (result.alpha < 1).any()


def test_the_warm_start_ends_when_select_val_first_gets_worse():
    history = search(small_split(), small_config(lr=0.1, warm_epochs=8, epochs=9, patience=9)).history
    losses = [event.losses["select_val"] for event in history]
    worse = next(i for i in range(1, len(losses)) if losses[i] > losses[i - 1])
    assert 1 <= worse < 7
    assert [event.phase for event in history] == ["warm"] * (worse + 1) + ["search"] * (8 - worse)


def test_events_are_told_in_order_and_one_that_raises_loses_nothing():
    heard = []

    def listen(event):
        heard.append(event.epoch)
        if event.epoch == 3 and len(heard) == 3:
            raise InterruptedError

    running = Search(small_split(), small_config(), on_event=listen)
    with pytest.raises(InterruptedError):
        finished(running)
    assert told(finished(running)) == told(ran())
    assert heard == [1, 2, 3, 4, 5]


def test_a_finished_search_takes_no_further_step():
    running = ran()
    assert running.step() is None
    assert len(running.history) == 5


def test_the_result_holds_embeddings_without_alpha_and_folds_it_in_when_asked():
    result = ran(epochs=5).result()
    np.testing.assert_allclose(result.weighted, result.alpha[result.block_of] * result.embeddings)
    assert (result.alpha < 1).any()
    mask = np.random.default_rng(0).random(result.embeddings.shape) < 0.5
    np.testing.assert_allclose(result.fitted(mask).embeddings, result.weighted * mask)


def test_a_collapsed_alpha_is_named_and_ends_the_search():
    running = ran(l1_alpha=10.0, lr_alpha=1.0, epochs=9)
    assert len(running.history) == 3
    assert running.warnings == [
        "alpha collapsed in epoch 3: its largest value is 0; lower l1_alpha (now 10) or lr_alpha (now 1)"
    ]
    result = running.result()
    assert result.warnings == tuple(running.warnings)
    assert (result.alpha == 0).all()


def test_a_search_that_diverges_at_once_is_refused_by_name():
    with pytest.raises(DivergedError, match=r"diverged in epoch 1: .*lower lr \(now 1\)"):
        search(small_split(), small_config(lr=1.0, embedding_dim=16))


def test_a_search_that_diverges_later_is_named_and_keeps_its_best_epoch():
    running = Search(small_split(), small_config(epochs=9))
    for _ in range(4):
        running.step()
    best = running.stopping.best_epoch
    running.trainer.network.embeddings.values.fill_(100.0)
    assert running.step() is None
    assert running.done
    assert len(running.warnings) == 1
    assert running.warnings[0].startswith("training diverged in epoch 5: the loss is ")
    assert running.warnings[0].endswith(f"kept epoch {best}")
    result = running.result()
    assert (result.best_epoch, len(result.history)) == (best, 4)
    assert np.abs(result.embeddings).max() < 10.0


def test_a_search_that_is_told_its_budget_meets_it_and_never_takes_a_pair_back():
    running = ran(compression=4.0, warm_epochs=1, epochs=ROUNDS + 4, embedding_dim=8)
    assert len(running.history) == ROUNDS + 4
    present = trajectory(running) > 0
    assert present[0].all()
    assert all((later <= earlier).all() for earlier, later in pairwise(present[1:]))
    rows = np.bincount(running.block_of)
    kept = [(p * rows[:, None]).sum() / (37 * 8) for p in present]
    shares = [4.0 ** (-min(epoch - 1, ROUNDS) / ROUNDS) for epoch in range(1, ROUNDS + 5)]
    assert all(k <= s for k, s in zip(kept, shares, strict=True))
    assert kept[-1] > 0.5 / 4
    assert prune(running.result(), threshold=0.0).n_bytes <= 37 * 8
    assert running.result().best_epoch >= 1 + ROUNDS


def test_a_short_search_meets_its_budget_in_its_last_epoch():
    running = ran(compression=4.0, warm_epochs=1, epochs=4, embedding_dim=8, patience=1)
    rows = np.bincount(running.block_of)
    kept = ((trajectory(running) > 0) * rows[:, None]).sum(axis=(1, 2)) / (37 * 8)
    assert (kept <= [1, 4 ** (-1 / 3), 4 ** (-2 / 3), 1 / 4]).all()
    assert kept[-1] > 0.5 / 4
    assert running.result().best_epoch == 4


def test_a_search_with_a_budget_does_not_stop_before_it_is_met():
    running = ran(compression=4.0, warm_epochs=1, epochs=30, patience=1, lr=0.1, l2=0.0)
    assert len(running.history) >= 1 + ROUNDS
    assert len(running.history) < 30


def test_alpha_falls_where_a_dimension_is_noise_and_stays_where_it_is_not():
    # ratings follow from the first two of four dimensions; the weights hold the truth and noise beside it
    rng = np.random.default_rng(0)
    split = small_split()
    table = rng.normal(0, 1, (37, 4)).astype(np.float32)

    def rated(part):
        user, item = table[part.ids[:, 0]], table[part.ids[:, 1]]
        return replace(part, target=3 + (user * item)[:, :2].sum(1))

    truth = replace(split, **{name: rated(part) for name, part in split.parts.items()})
    config = small_config(lr=1e-6, l1_alpha=0.0, warm_epochs=0, epochs=6, n_blocks=2, lr_alpha=0.02)
    running = Search(truth, config)
    running.trainer.network.embeddings.values = torch.from_numpy(table)
    alpha = finished(running).alpha.numpy()
    assert alpha[:, :2].min() > 0.8
    assert alpha[:, 2:].max() < 0.4


def rank_correlation(planted, seed):
    """Between true dimensions per block and those that stay when half of the values go."""
    split = planted.interactions.split(seed=seed)
    result = search(split, SearchConfig(seed=seed, epochs=16))
    true = np.bincount(result.block_of, weights=planted.dims_in(split.vocabulary)) / np.bincount(result.block_of)
    learned = prune(result, n_values=result.embeddings.size // 2).mean_dims_by_block
    return spearmanr(true, learned).statistic


@pytest.mark.parametrize("seed", range(5))
def test_learned_dimensions_rank_the_blocks_as_planted(seed):
    planted = datasets.planted(seed, n_users=750, n_items=400, n_interactions=30_000)
    assert rank_correlation(planted, seed) >= 0.9


@pytest.mark.parametrize("seed", range(5))
def test_learned_dimensions_follow_the_ratings_where_popularity_says_otherwise(seed):
    planted = datasets.planted(seed, n_users=750, n_items=400, n_interactions=60_000, order="shuffled")
    assert rank_correlation(planted, seed) >= 0.75
