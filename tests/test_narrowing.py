from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis import tables
from dnis.narrowing import Narrowed, kept_dims
from dnis.schemes import DimensionScheme, make_blocks
from dnis.selection import SoftSelection, make_selection
from dnis.training import Trainer, train
from tests.engine_data import TASK_MODELS, small_config, small_split

DIMS = [0, 2, 3]
"""What some feature keeps, of six dimensions."""

CLOSE = 1e-3
"""Adam makes whole steps of gradients that are rounding alone; what is in a wrong place is further off."""


def scheme_of(split, kept=DIMS, alpha=False, **changes):
    blocks = make_blocks(split.counts, 3)
    mask = np.zeros((len(blocks), 6), dtype=bool)
    mask[:, kept] = np.random.default_rng(0).random((len(blocks), len(kept))) < 0.6
    mask[3, kept] = True
    weights = np.random.default_rng(1).random((3, 6)).astype(np.float32) if alpha else None
    return DimensionScheme(mask, blocks, weights, **changes)


def trainer_of(split, scheme, **changes):
    config = small_config(embedding_dim=6, **changes)
    return Trainer(split.train, config, make_selection(scheme, torch.Generator()))


@pytest.fixture
def widths(monkeypatch):
    """How wide the table is in every epoch of a training."""
    seen, run_epoch = [], Trainer.run_epoch

    def watched(trainer, *args):
        seen.append(trainer.network.embeddings.values.shape[1])
        return run_epoch(trainer, *args)

    monkeypatch.setattr(Trainer, "run_epoch", watched)
    return seen


@pytest.fixture
def both_ways(monkeypatch, widths):
    """The same training without the dimensions that nobody keeps, and with them."""

    def trained(split, config, scheme, **how):
        narrow = train(split, config, scheme, **how)
        assert widths[-1] == len(DIMS)
        monkeypatch.setattr(tables.RowTable, "narrows", False)
        whole = train(split, config, scheme, **how)
        assert widths[-1] == 6
        return narrow, whole

    return trained


@pytest.mark.parametrize("data", ["train", "development"])
@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_a_narrow_training_ends_where_the_whole_one_does(both_ways, task, model, data):
    split = small_split(task, 2)
    config = small_config(task, model=model, embedding_dim=6, ema_decay=0.5)
    narrow, whole = both_ways(split, config, scheme_of(split, alpha=True), data=data)
    assert narrow.best_epoch == whole.best_epoch
    np.testing.assert_allclose(narrow.model.embeddings, whole.model.embeddings, atol=CLOSE)
    np.testing.assert_allclose(narrow.model.biases, whole.model.biases, atol=CLOSE)
    assert narrow.model.dense.keys() == whole.model.dense.keys()
    for name, values in whole.model.dense.items():
        np.testing.assert_allclose(narrow.model.dense[name], values, atol=CLOSE, err_msg=name)
    for name, values in whole.metrics["test"].items():
        assert narrow.metrics["test"][name] == pytest.approx(values, abs=CLOSE)


@pytest.mark.parametrize("model", ["FM", "DeepFM", "WideDeep"])
def test_every_field_of_many_has_its_part_of_the_first_layer(both_ways, model):
    split = small_split("ctr", 4)
    config = small_config("ctr", model=model, embedding_dim=6, wide_epochs=2)
    narrow, whole = both_ways(split, config, scheme_of(split))
    for name, values in whole.model.dense.items():
        np.testing.assert_allclose(narrow.model.dense[name], values, atol=CLOSE, err_msg=name)


def test_what_was_left_out_comes_back_as_it_started():
    split = small_split()
    config = small_config(embedding_dim=6, model="NeuMF")
    start = trainer_of(split, None, model="NeuMF").network.dense()
    found = train(split, config, scheme_of(split)).model
    gone = [dim for dim in range(6) if dim not in DIMS]
    assert not found.embeddings[:, gone].any()
    first = "perceptron.0.weight"
    moved = (found.dense[first] != start[first]).reshape(-1, 2, 6)
    assert not moved[:, :, gone].any()
    assert moved[:, :, DIMS].any()
    assert (found.dense["product_weight"] != start["product_weight"]).tolist() == [dim in DIMS for dim in range(6)]


def test_what_is_left_is_narrow_everywhere():
    split, scheme = small_split(), scheme_of(small_split(), alpha=True)
    trainer = trainer_of(split, scheme, model="MLP")
    trainer.run_epoch(1)
    assert isinstance(trainer.narrow(), Narrowed)
    network = trainer.network
    assert network.embeddings.values.shape == (split.train.n_features, 3)
    assert network.embeddings.steps == network.biases.steps == 0
    assert network.selection.mask.shape == (split.train.n_features, 3)
    assert network.selection.alpha.shape == (3, 3)
    assert network.model.get_parameter("perceptron.0.weight").shape[1] == 2 * 3
    assert {id(p) for p in network.model.parameters()} == {id(p) for p in trainer.parameters}
    assert trainer.narrow() is None


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_a_table_that_becomes_short_of_columns_may_keep_its_moments_side_by_side(monkeypatch, both_ways, optimizer):
    monkeypatch.setattr(tables, "TOGETHER_ROWS", 1)
    monkeypatch.setattr(tables, "TOGETHER_WIDTH", 3)
    split = small_split()
    narrow, whole = both_ways(split, small_config(embedding_dim=6, optimizer=optimizer), scheme_of(split))
    np.testing.assert_allclose(narrow.model.embeddings, whole.model.embeddings, atol=CLOSE)


def test_a_training_that_leaves_the_dense_layers_alone_still_does():
    split = small_split()
    scheme = scheme_of(split)
    config = small_config(embedding_dim=6, model="MLP")
    trainer = Trainer(split.train, config, make_selection(scheme, torch.Generator()), freeze_dense=True)
    trainer.narrow()
    assert [id(p) for p in trainer.parameters] == [id(trainer.network.model.global_bias)]


def test_a_table_that_keeps_nothing_is_trained_with_one_dimension_of_zeros(widths):
    split = small_split()
    found = train(split, small_config(embedding_dim=6), scheme_of(split, kept=[]))
    assert set(widths) == {1}
    assert found.model.embeddings.shape == (split.train.n_features, 6)
    assert not found.model.embeddings.any()


@pytest.mark.parametrize("why", ["no scheme", "all dimensions", "alpha may move", "lifted rows", "one place a row"])
def test_a_table_stays_as_wide_as_it_is(monkeypatch, why):
    split = small_split()
    scheme = scheme_of(split, kept=list(range(6)) if why == "all dimensions" else DIMS)
    if why == "one place a row":
        monkeypatch.setattr(tables, "TOGETHER_ROWS", 1)
    if why == "lifted rows":
        nested = DimensionScheme.from_block_dims(np.array([3, 2, 1]), scheme.block_of, 6)
        scheme = replace(nested, projected=True)
    trainer = trainer_of(split, None if why == "no scheme" else scheme)
    if why == "alpha may move":
        trainer.network.selection = SoftSelection(scheme.block_of, 6)
    assert kept_dims(trainer.network) is None
