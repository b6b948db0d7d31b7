from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis.bilevel import search
from dnis.feeds import Feed, epoch_generator
from dnis.schemes import DimensionScheme, make_blocks
from dnis.selection import HardSelection, SoftSelection, UniformSelection, make_selection
from dnis.settings import SearchConfig
from dnis.stopping import DivergedError
from dnis.training import Trainer, train
from tests.engine_data import interactions, poisoned, same_bits, small_config, small_split

HARD = {
    "narrow": lambda block_of: DimensionScheme.from_block_dims(np.array([3, 2, 1]), block_of, 4),
    "single": lambda block_of: DimensionScheme(np.random.default_rng(0).random((len(block_of), 4)) < 0.5, block_of),
}


def blocks_of(split):
    return make_blocks(split.counts, 3)


def trainer_of(task="rating", n_fields=2, selection=None, freeze_dense=False, **changes):
    config = small_config(task, **changes)
    return Trainer(small_split(task, n_fields).train, config, selection or UniformSelection(), freeze_dense)


def numbers(result):
    """Everything that a finished model consists of, by name."""
    model = result.model
    return {"embeddings": model.embeddings, "biases": model.biases, **model.dense}


def test_an_epoch_visits_every_row_once():
    part = small_split().train
    batches = list(Feed(part, small_config(batch_size=64)).batches(1))
    assert [len(ids) for ids, _ in batches] == [64] * 6 + [420 - 6 * 64]
    rows = [[*ids, t] for b in batches for ids, t in zip(b[0].tolist(), b[1].tolist(), strict=True)]
    wanted = [[*ids, t] for ids, t in zip(part.ids.tolist(), part.target.tolist(), strict=True)]
    assert sorted(rows) == sorted(wanted)


def test_the_order_of_rows_depends_on_seed_epoch_and_stream_alone():
    def order(seed=0, epoch=1, stream=0):
        feed = Feed(small_split().train, small_config(seed=seed))
        return torch.cat([target for _, target in feed.batches(epoch, stream)]).tolist()

    assert order() == order()
    others = [order(seed=1), order(epoch=2), order(stream=1)]
    assert all(order() != other for other in others)
    assert others[0] != others[1] != others[2] != others[0]


def test_what_is_drawn_for_an_epoch_does_not_depend_on_the_epochs_before_it():
    feed = Feed(small_split("topk").train, small_config("topk"))
    list(feed.batches(1))
    after = [ids for ids, _ in feed.batches(2)]
    alone = [ids for ids, _ in Feed(small_split("topk").train, small_config("topk")).batches(2)]
    assert all(torch.equal(a, b) for a, b in zip(after, alone, strict=True))


def test_generators_of_neighbouring_seeds_epochs_and_streams_draw_different_numbers():
    draws = {
        torch.rand(1, generator=epoch_generator(s, e, t)).item() for s in range(3) for e in range(3) for t in (0, 1)
    }
    assert len(draws) == 18


@pytest.mark.parametrize("model", ["MF", "DeepFM"])
def test_steps_are_those_of_torch_adam_on_loss_and_penalty(model):
    # every batch holds every feature, so that the lazy moments of a table are those of a dense one
    part = interactions([[u, 4 + i] for u in range(4) for i in range(4)], np.arange(16) / 4)
    config = small_config(model=model, embedding_dim=3, lr=0.05, l2=0.2, l2_nu=0.7)
    mine, theirs = (Trainer(part, config, UniformSelection()) for _ in range(2))
    start = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) / 2
    mine.network.embeddings.values = start.clone()
    table, bias = torch.nn.Parameter(start), torch.nn.Parameter(torch.zeros(8, 1))
    net = theirs.network.model
    optimiser = torch.optim.Adam([table, bias, *net.parameters()], lr=0.05)
    ids, target = torch.from_numpy(part.ids.astype(np.int64)), torch.from_numpy(part.target)
    for _ in range(5):
        optimiser.zero_grad()
        loss = (net(table[ids], bias[ids][..., 0]) - target).square().mean()
        assert mine.step((ids, target)).item() == pytest.approx(loss.item(), rel=1e-4)
        norms = table[ids].square().sum(-1) + bias[ids].square().sum(-1)
        (loss + 0.2 * norms.sum(1).mean()).backward()  # all counts are equal, so nu changes nothing
        optimiser.step()
    torch.testing.assert_close(mine.network.embeddings.values, table.detach(), rtol=0, atol=1e-4)
    torch.testing.assert_close(mine.network.biases.values, bias.detach(), rtol=0, atol=1e-4)
    for parameter, wanted in zip(mine.network.model.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(parameter, wanted, rtol=0, atol=1e-4)


def test_frozen_dense_layers_stay_and_the_rest_moves():
    trainer = trainer_of(model="MLP", freeze_dense=True)
    before = {name: p.detach().clone() for name, p in trainer.network.model.named_parameters()}
    rows = trainer.network.embeddings.values.clone()
    trainer.run_epoch(1)
    moved = {name for name, p in trainer.network.model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"global_bias"}
    assert not torch.equal(trainer.network.embeddings.values, rows)


def test_projections_move_at_a_tenth_of_the_rate():
    scheme = DimensionScheme.from_block_dims(np.array([3, 2, 1]), blocks_of(small_split()), 4, projected=True)
    trainer = trainer_of(selection=make_selection(scheme, torch.Generator().manual_seed(0)), lr=0.02)
    lift, bias = trainer.network.selection.lift, trainer.network.model.global_bias
    before = lift.detach().clone(), bias.detach().clone()
    trainer.step(next(trainer.feed.batches(1)))
    # the first step of Adam moves each number by its rate
    assert (lift.detach() - before[0]).abs().max().item() == pytest.approx(0.002, rel=1e-3)
    assert (bias.detach() - before[1]).abs().item() == pytest.approx(0.02, rel=1e-3)


def test_the_global_bias_starts_where_the_task_says():
    assert trainer_of().network.model.global_bias.item() == pytest.approx(small_split().train.target.mean())


def test_the_mean_loss_of_an_epoch_is_that_of_its_steps():
    stepped, whole = trainer_of(), trainer_of()
    seen = []
    losses, sizes = zip(*((stepped.step(b).item(), len(b[1])) for b in stepped.feed.batches(3)), strict=True)
    assert len(set(sizes)) == 2  # the last batch is smaller, and counts for less
    assert whole.run_epoch(3, before_step=seen.append) == pytest.approx(np.average(losses, weights=sizes))
    assert len(seen) == len(losses) == 7


def test_a_reloaded_trainer_goes_on_bit_for_bit():
    through, stopped, resumed = (trainer_of(model="NeuMF", seed=s) for s in (0, 0, 1))
    for epoch in (1, 2):
        through.run_epoch(epoch)
        stopped.run_epoch(epoch)
    resumed.config = stopped.config
    resumed.feed.config = stopped.config
    resumed.load(stopped.state())
    assert through.run_epoch(3) == resumed.run_epoch(3)
    assert same_bits(through.state(), resumed.state())


@pytest.mark.parametrize(("task", "model"), [("rating", "MF"), ("ctr", "DeepFM"), ("topk", "NeuMF")])
def test_a_rate_of_one_diverges_and_is_named(task, model):
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+: the loss is .* at the start; lower lr \(now 1\)"):
        train(small_split(task), small_config(task, model=model, lr=1.0, embedding_dim=16, epochs=40))


@pytest.mark.parametrize("task", ["rating", "ctr"])
def test_one_row_that_holds_most_of_the_loss_is_no_divergence(task):
    """40,000 play counts or clicks; every ninth row is sampled, and the one that is unlike all others is not."""
    rng = np.random.default_rng(0)
    target = np.zeros(40_000) if task == "ctr" else rng.poisson(2, 40_000)
    target[1] = 1 if task == "ctr" else 60_000
    ids = np.column_stack([rng.integers(1, 21, 40_000), rng.integers(22, 37, 40_000)])
    split = replace(small_split(task), train=interactions(ids, target, (21, 16), task))
    config = small_config(task, model="MF" if task == "rating" else "FM", lr=1e-6, epochs=2, batch_size=5000)
    assert len(train(split, config).history) == 2


def test_a_target_that_is_no_number_is_named_as_divergence():
    split = small_split()
    bad = replace(split, train=replace(split.train, target=np.full(420, np.nan, dtype=np.float32)))
    with pytest.raises(DivergedError, match="diverged in epoch 1: the loss is nan"):
        train(bad, small_config())


def test_a_rate_that_overshoots_at_first_and_then_learns_is_left_in_peace():
    config = small_config(lr=0.5, optimizer="adagrad", embedding_dim=16, epochs=8)
    losses = [event.losses["train"] for event in train(small_split(), config).history]
    constant = small_split().train.target.var()
    assert losses[0] > 2 * constant
    assert losses[-1] < 0.2 * constant


def test_early_stopping_keeps_the_best_epoch():
    config, heard = small_config(lr=0.1, epochs=60, patience=3, l2=0.0), []
    result = train(small_split(), config, on_event=heard.append)
    losses = [event.losses["select_val"] for event in result.history]
    assert result.best_epoch == 1 + int(np.argmin(losses))
    assert len(losses) == result.best_epoch + 3 < 60
    assert result.metrics["val"]["loss"] == pytest.approx(min(losses))
    assert result.metrics["val"]["loss"] < losses[-1]
    assert result.metrics["test"]["loss"] == pytest.approx(result.history[result.best_epoch - 1].losses["test"])
    assert list(result.history) == heard
    alone = train(small_split(), config)
    assert [sorted(event.losses) for event in alone.history] == [["select_val", "train"]] * len(losses)
    assert [event.losses["select_val"] for event in alone.history] == losses
    assert np.array_equal(alone.model.embeddings, result.model.embeddings)


def epoch_weights(split, config, data, n_epochs):
    """What moves in a training without a mean, after each epoch."""
    part = split.development if data == "development" else split.train
    trainer = Trainer(part, config, UniformSelection())
    found = []
    for epoch in range(1, n_epochs + 1):
        trainer.run_epoch(epoch)
        found.append([weight.detach().clone() for weight in trainer.network.weights()])
    return found


@pytest.mark.parametrize("data", ["train", "development"])
@pytest.mark.parametrize("model", ["MF", "NeuMF"])
def test_a_training_may_end_as_the_running_mean_of_its_weights_and_still_moves_as_without(data, model):
    split, config = small_split(), small_config(model=model, epochs=5, patience=9, ema_decay=0.75)
    result = train(split, config, data=data)
    first, *later = epoch_weights(split, config, data, result.best_epoch)
    expected = first
    for weights in later:
        expected = [0.75 * mean + 0.25 * weight for mean, weight in zip(expected, weights, strict=True)]
    assert result.best_epoch > 2
    np.testing.assert_allclose(result.model.embeddings, expected[0].numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(result.model.biases, expected[1].numpy()[:, 0], rtol=1e-5, atol=1e-7)
    dense = [
        result.model.dense[name]
        for name, _ in Trainer(split.train, config, UniformSelection()).network.model.named_parameters()
    ]
    for value, mean in zip(dense, expected[2:], strict=True):
        np.testing.assert_allclose(value, mean.numpy(), rtol=1e-5, atol=1e-7)


def test_every_epoch_is_judged_by_the_mean():
    split, config = small_split(), small_config(lr=0.1, epochs=12, patience=20, l2=0.0, ema_decay=0.9)
    averaged, moving = train(split, config), train(split, replace(config, ema_decay=0.0))
    assert averaged.metrics["val"]["loss"] == min(event.losses["select_val"] for event in averaged.history)
    assert averaged.history[0].losses == moving.history[0].losses  # the mean of one epoch is that epoch
    assert averaged.history[1].losses["select_val"] != moving.history[1].losses["select_val"]
    assert [e.losses["train"] for e in averaged.history] == [e.losses["train"] for e in moving.history]


def test_a_search_moves_as_without_a_mean():
    plain, averaging = (search(small_split(), small_config(epochs=3, ema_decay=decay)) for decay in (0.0, 0.9))
    assert np.array_equal(plain.alpha, averaging.alpha)
    assert np.array_equal(plain.embeddings, averaging.embeddings)
    assert averaging.retraining.ema_decay == 0.9


def test_events_tell_every_epoch_in_order_and_may_stop_a_training():
    heard = []

    def listen(event):
        heard.append((event.epoch, event.phase, sorted(event.losses)))
        if event.epoch == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(small_split(), small_config(), on_event=listen)
    names = ["search_val", "select_val", "test", "train"]
    assert heard == [(1, "train", names), (2, "train", names), (3, "train", names)]


@pytest.mark.parametrize("task", ["rating", "topk"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_other_numbers(task):
    one, same, other = (train(small_split(task), small_config(task, seed=s)) for s in (0, 0, 1))
    assert same_bits(numbers(one), numbers(same))
    assert one.metrics == same.metrics
    assert not np.array_equal(one.model.embeddings, other.model.embeddings)


@pytest.mark.parametrize(
    ("part", "learnt"), [("train", True), ("search_val", False), ("select_val", False), ("test", False)]
)
def test_weights_learn_from_the_training_part_alone(part, learnt):
    def losses(split):
        return [event.losses["train"] for event in train(split, small_config(epochs=4)).history]

    # the loss of an epoch follows from the weights that the epochs before it left
    assert (losses(poisoned(small_split(), part)) != losses(small_split())) == learnt


def test_a_training_beats_the_mean_of_the_ratings():
    split = small_split()
    result = train(split, small_config(epochs=40, lr=0.03))
    constant = float(np.mean((split.test.target - split.train.target.mean()) ** 2))
    assert result.metrics["test"]["mse"] < 0.6 * constant


@pytest.mark.parametrize("data", ["train", "development"])
@pytest.mark.parametrize("kind", HARD)
def test_masked_retraining_leaves_dropped_entries_at_exactly_zero(kind, data):
    scheme = HARD[kind](blocks_of(small_split()))
    result = train(small_split(), small_config(), scheme, data=data)
    assert result.scheme.n_values == scheme.n_values
    assert (result.model.embeddings[~result.scheme.mask] == 0.0).all()
    known = ~np.isin(np.arange(37), [0, 21])  # no batch holds an unknown feature, whose row starts at zero
    assert (result.model.embeddings[result.scheme.mask & known[:, None]] != 0.0).all()


def test_dropped_entries_rest_at_their_start_values_under_the_mask():
    trainer = trainer_of(selection=HardSelection(HARD["single"](blocks_of(small_split()))), l2=1.0)
    mask, table = trainer.network.selection.mask, trainer.network.embeddings
    before = table.values.clone()
    trainer.run_epoch(1)
    assert torch.equal(table.values[~mask], before[~mask])
    known = torch.ones(37, dtype=torch.bool)
    known[[0, 21]] = False
    assert (table.values != before)[mask & known[:, None]].all()


def test_masked_retraining_keeps_alpha_as_it_was():
    block_of = blocks_of(small_split())
    alpha = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    scheme = DimensionScheme(np.ones((37, 4), dtype=bool), block_of, alpha.copy())
    trainer = Trainer(small_split().train, small_config(), HardSelection(scheme))
    trainer.run_epoch(1)
    np.testing.assert_array_equal(trainer.network.selection.alpha.numpy(), alpha)
    np.testing.assert_allclose(
        trainer.network.fitted(trainer.config).embeddings, alpha[block_of] * trainer.network.embeddings.values.numpy()
    )


def test_weights_do_not_move_alpha():
    soft = SoftSelection(blocks_of(small_split()), 4, start=0.5)
    trainer_of(selection=soft).run_epoch(1)
    assert (soft.alpha == 0.5).all()


def test_a_final_model_learns_from_all_three_parts_and_runs_every_epoch():
    split, config = small_split(), small_config(epochs=30, patience=1, lr=0.1, l2=0.0)
    result = train(split, config, data="development")
    assert [event.epoch for event in result.history] == list(range(1, 31))
    assert result.best_epoch == 30
    assert sorted(result.metrics) == ["test"]
    assert [sorted(event.losses) for event in result.history] == [["train"]] * 30
    assert len(train(split, config).history) < 30  # the same settings stop early where there is something to stop on


def test_a_final_model_counts_and_draws_the_rows_of_all_three_parts():
    split = small_split()
    trainer = Trainer(split.development, small_config(l2=1.0, l2_nu=1.0), UniformSelection())
    assert sum(len(ids) for ids, _ in trainer.feed.batches(1)) == 420 + 60 + 60
    ids = np.concatenate([p.ids for p in (split.train, split.search_val, split.select_val)])
    counts = np.maximum(np.bincount(ids.ravel(), minlength=37), 1)
    np.testing.assert_allclose(trainer.penalty.numpy(), counts / counts.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("part", "learnt"), [("train", True), ("search_val", True), ("select_val", True), ("test", False)]
)
def test_a_final_model_learns_from_everything_but_test(part, learnt):
    config = small_config(epochs=2)
    plain = train(small_split(), config, data="development")
    moved = train(poisoned(small_split(), part), config, data="development")
    assert same_bits(numbers(plain), numbers(moved)) != learnt


def test_a_final_ranking_leaves_out_what_any_of_the_three_parts_has_seen():
    split = small_split("topk")
    result = train(split, small_config("topk", epochs=1), data="development")
    from dnis.tasks import evaluate

    assert result.metrics["test"] == evaluate(result, split.test, split.development)
    assert result.metrics["test"] != evaluate(result, split.test, split.train)


def test_a_final_model_ranks_the_blocks_of_a_structured_scheme_by_its_own_counts():
    split = small_split()
    scheme = HARD["narrow"](blocks_of(split))
    result = train(split, small_config(epochs=1), scheme, data="development")
    assert result.scheme.block_of.tolist() == make_blocks(split.development.counts, 3).tolist()
    assert result.scheme.block_of.tolist() != scheme.block_of.tolist()
    assert train(split, small_config(epochs=1), scheme).scheme is scheme


def test_an_unknown_choice_of_data_is_refused():
    with pytest.raises(ValueError, match="data must be one of train, development; got .test."):
        train(small_split(), small_config(), data="test")


def test_a_scheme_of_another_shape_is_refused():
    scheme = DimensionScheme(np.ones((37, 5), dtype=bool), np.zeros(37, dtype=int))
    with pytest.raises(ValueError, match=r"scheme has shape \(37, 5\), expected \(37, 4\)"):
        train(small_split(), small_config(), scheme)


def test_unknown_features_stay_at_zero_where_training_never_sees_them():
    embeddings = train(small_split(), SearchConfig(embedding_dim=4, epochs=2)).model.embeddings
    assert (embeddings[[0, 21]] == 0.0).all()
