from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis import training
from dnis.allocation import fit_dims
from dnis.rotation import by_energy, principal_axes, turn
from dnis.schemes import DimensionScheme
from dnis.selection import UniformSelection
from dnis.training import Trainer, train
from tests.engine_data import TASK_MODELS, small_config, small_split
from tests.judging_data import judging_config, planted_split


def trained(task, model):
    split = small_split(task)
    trainer = Trainer(split.train, replace(small_config(task), model=model), UniformSelection())
    trainer.run_epoch(1)
    return split, trainer


@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_turning_a_table_leaves_every_score_as_it_was(task, model):
    split, trainer = trained(task, model)
    ids = torch.from_numpy(split.test.ids.astype(np.int64))
    before, rows = trainer.network.score(ids), trainer.network.embeddings.values.clone()
    turn(trainer.network, split.counts)
    assert torch.allclose(trainer.network.score(ids), before, atol=1e-5)
    assert not torch.equal(trainer.network.embeddings.values, rows)


@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_the_first_dimensions_of_a_turned_table_carry_most(task, model):
    split, trainer = trained(task, model)
    turn(trainer.network, split.counts)
    energy = (trainer.network.embeddings.values.numpy() ** 2 * split.counts[:, None]).sum(0)
    assert (np.diff(energy) <= 1e-6).all()


def test_principal_axes_are_the_right_singular_vectors_of_the_weighted_table():
    rng = np.random.default_rng(0)
    table, counts = rng.normal(size=(9, 4)), rng.integers(1, 50, 9)
    _, _, vh = np.linalg.svd(np.sqrt(counts)[:, None] * table)
    axes = principal_axes(torch.from_numpy(table), counts).numpy()
    np.testing.assert_allclose(np.abs(axes.T @ vh.T), np.eye(4), atol=1e-9)


def test_a_table_of_low_rank_loses_nothing_when_it_is_cut_behind_its_rank():
    rng = np.random.default_rng(1)
    table = torch.from_numpy(rng.normal(size=(30, 2)) @ rng.normal(size=(2, 6)))
    turned = table @ principal_axes(table, np.arange(1, 31))
    assert turned[:, 2:].abs().max() < 1e-9


def test_dimensions_are_put_in_order_of_their_energy():
    table = torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 0.0]])
    assert (table @ by_energy(table, np.array([1, 10]))).tolist() == [[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]]


def test_a_wide_start_trains_the_full_table_first_and_then_what_is_kept():
    split = small_split()
    config = small_config(epochs=1, wide_epochs=3).for_training()
    nothing = DimensionScheme(np.zeros((split.train.n_features, 4), dtype=bool), np.zeros(split.train.n_features, int))
    # with no dimension left only biases are trained, and those began where the full table had brought them
    narrow = train(split, config, nothing).model
    wide = Trainer(split.train, config, UniformSelection())
    for epoch in (1, 2, 3):
        wide.run_epoch(epoch)
    step = np.abs(narrow.biases - wide.network.biases.values[:, 0].numpy())
    assert step.max() < 0.02 * 7 * 1.5  # seven steps of lr 0.02 from there
    assert np.abs(wide.network.biases.values.numpy()).max() > 0.1
    assert not narrow.embeddings.any()


def test_a_wide_start_with_every_dimension_kept_goes_on_from_the_turned_table():
    split = small_split()
    config = small_config(epochs=1, lr=1e-6, wide_epochs=3).for_training()
    whole = DimensionScheme(np.ones((split.train.n_features, 4), dtype=bool), np.zeros(split.train.n_features, int))
    found = train(split, config, whole).model
    wide = Trainer(split.train, config, UniformSelection())
    for epoch in (1, 2, 3):
        wide.run_epoch(epoch)
    turn(wide.network, split.counts)
    np.testing.assert_allclose(found.embeddings, wide.network.embeddings.values.numpy(), atol=1e-4)


def test_single_entries_start_from_the_wide_table_as_it_was():
    split = small_split()
    config = small_config(epochs=1, lr=1e-6, wide_epochs=3).for_training()
    mask = np.random.default_rng(0).random((split.train.n_features, 4)) < 0.6
    scheme = DimensionScheme(mask, np.zeros(split.train.n_features, int), by_entries=True)
    found = train(split, config, scheme).model
    wide = Trainer(split.train, config, UniformSelection())
    for epoch in (1, 2, 3):
        wide.run_epoch(epoch)
    np.testing.assert_allclose(found.embeddings, wide.network.embeddings.values.numpy() * mask, atol=1e-4)
    assert np.abs(found.embeddings).max() > 0.01


def test_a_start_that_several_trainings_share_stays_as_it_is():
    split, config = planted_split(), judging_config().for_training(epochs=3, wide_epochs=2)
    blocks = np.zeros(split.train.n_features, dtype=int)
    narrow, wide = (fit_dims(np.ones(1), blocks, 8, 4 * d * len(blocks) + 4) for d in (2, 4))
    training._wide.cache_clear()
    alone = train(split, config, narrow, data="development")
    training._wide.cache_clear()
    train(split, config, wide, data="development")
    after = train(split, config, narrow, data="development")
    assert training._wide.cache_info().hits == 1
    assert np.array_equal(after.model.embeddings, alone.model.embeddings)
    assert np.array_equal(after.model.biases, alone.model.biases)
