"""Embeddings and biases side by side: the numbers of tables apart, in one place of memory a row."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnis import tables
from dnis.bilevel import search
from dnis.joint import Columns, pull_both, put_parts, start_tables, take_parts
from dnis.processes import Solo
from dnis.selection import UniformSelection
from dnis.settings import SearchConfig, TrainConfig
from dnis.tables import RowTable
from dnis.training import Trainer, train
from tests.engine_data import small_config, small_split

UNKNOWN = np.array([0, 7])


@pytest.fixture
def layout(monkeypatch):
    """Chooses where rows lie: side by side or apart."""
    return lambda together: monkeypatch.setattr(tables, "TOGETHER_ROWS", 1 if together else 10**9)


def started(layout, together, n_rows=40, width=3, optimizer="adam"):
    layout(together)
    config = TrainConfig(embedding_dim=width, optimizer=optimizer)
    return start_tables(n_rows, config, torch.Generator().manual_seed(5), Solo(), UNKNOWN)


def test_only_large_tables_of_short_rows_lie_side_by_side(monkeypatch):
    monkeypatch.setattr(tables, "TOGETHER_ROWS", 40)
    kinds = {}
    for n_rows, width in ((40, 16), (39, 16), (40, 17)):
        config = TrainConfig(embedding_dim=width)
        pair = start_tables(n_rows, config, torch.Generator().manual_seed(0), Solo(), UNKNOWN)
        kinds[n_rows, width] = {type(table) for table in pair}
    assert kinds == {(40, 16): {Columns}, (39, 16): {RowTable}, (40, 17): {RowTable}}


def test_both_layouts_start_with_the_same_numbers(layout):
    (rows, bias), (apart, apart_bias) = started(layout, True), started(layout, False)
    assert torch.equal(rows.values, apart.values)
    assert (rows.values[UNKNOWN] == 0).all()
    assert (rows.values != 0).any(1).sum() == 38
    assert torch.equal(bias.values, apart_bias.values)
    assert rows.record is bias.record
    assert rows.record.shape == (40, 3 * (3 + 1))


def test_one_visit_gives_rows_and_biases(layout):
    embeddings, biases = started(layout, True)
    biases.values.copy_(torch.arange(40.0)[:, None])
    ids = torch.tensor([9, 3])
    for to_move in (True, False):
        rows, bias, parts = pull_both(embeddings, biases, ids, to_move)
        assert torch.equal(rows, embeddings.values[ids])
        assert bias.tolist() == [[9.0], [3.0]]
        rows.zero_()
        assert (embeddings.values[ids] != 0).any()
        assert (parts is not None) is to_move


def test_parts_are_taken_one_after_another_and_put_back_where_they_were():
    record = torch.arange(24.0).reshape(4, 6)
    ids = torch.tensor([3, 1])
    parts = take_parts(record, 3, ids, 3)
    assert parts.tolist() == [[[18, 19], [6, 7]], [[20, 21], [8, 9]], [[22, 23], [10, 11]]]
    assert torch.equal(take_parts(record, 3, ids, 1), parts[:1])
    put_parts(record, ids, -parts)
    assert torch.equal(record, torch.arange(24.0).reshape(4, 6) * torch.tensor([[1.0], [-1.0], [1.0], [-1.0]]))
    with pytest.raises(IndexError):
        take_parts(record, 3, torch.tensor([4]), 1)


def test_no_features_have_no_parts():
    record = torch.arange(24.0).reshape(4, 6)
    none = take_parts(record, 3, torch.tensor([], dtype=torch.int64), 3)
    assert none.shape == (3, 0, 2)
    put_parts(record, torch.tensor([], dtype=torch.int64), none)
    assert torch.equal(record, torch.arange(24.0).reshape(4, 6))


@pytest.mark.parametrize(("optimizer", "ema_decay"), [("adam", 0.0), ("adagrad", 0.0), ("adam", 0.5)])
def test_a_training_gives_the_same_numbers_in_both_layouts(layout, optimizer, ema_decay):
    split, found = small_split("rating"), []
    for together in (True, False):
        layout(together)
        found.append(train(split, small_config("rating", optimizer=optimizer, l2=0.01, ema_decay=ema_decay)))
    assert found[0].metrics["val"] == pytest.approx(found[1].metrics["val"], rel=1e-5)
    np.testing.assert_allclose(found[0].model.embeddings, found[1].model.embeddings, atol=1e-6)
    np.testing.assert_allclose(found[0].model.biases, found[1].model.biases, atol=1e-6)
    assert np.abs(found[0].model.biases).max() > 0.01


@pytest.mark.parametrize("order", [1, 2])
def test_a_search_gives_the_same_alpha_in_both_layouts(layout, order):
    split, found = small_split("rating"), []
    config = SearchConfig(embedding_dim=4, epochs=4, warm_epochs=1, batch_size=64, order=order)
    for together in (True, False):
        layout(together)
        found.append(search(split, config))
    np.testing.assert_allclose(found[0].alpha, found[1].alpha, atol=1e-5)
    assert np.abs(found[0].alpha - config.alpha_start).max() > 0.01


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
@pytest.mark.parametrize("writer", [True, False], ids=["from side by side", "from apart"])
def test_a_training_goes_on_in_the_other_layout(layout, optimizer, writer):
    part, config = small_split("rating").train, small_config("rating", optimizer=optimizer)
    layout(writer)
    through, stopped = (Trainer(part, config, UniformSelection()) for _ in range(2))
    stopped.run_epoch(1)
    layout(not writer)
    resumed = Trainer(part, replace(config, seed=9), UniformSelection())
    resumed.load({name: value.clone() for name, value in stopped.state().items()})
    resumed.config = config
    through.run_epoch(1)
    for trainer in (through, resumed):
        trainer.feed = through.feed
        trainer.run_epoch(2)
    for one, other in ((t.network.embeddings, t.network.biases) for t in (through, resumed)):
        assert one.steps == other.steps > 0
    torch.testing.assert_close(resumed.network.embeddings.values, through.network.embeddings.values, atol=1e-6, rtol=0)
    torch.testing.assert_close(resumed.network.biases.values, through.network.biases.values, atol=1e-6, rtol=0)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_columns_are_tables_of_their_own(layout, optimizer):
    (rows, bias), (apart, _) = started(layout, True, optimizer=optimizer), started(layout, False, optimizer=optimizer)
    ids, grad = torch.tensor([3, 8]), torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.5, -1.0]])
    for table in (rows, apart):
        for _ in range(3):
            table.push(ids, table.pull(ids), grad)
    torch.testing.assert_close(rows.values, apart.values, atol=1e-7, rtol=0)
    assert (bias.values == 0).all()
    rows.restart(torch.ones(40, 3))
    assert (rows.values == 1).all()
    assert [float(moment.abs().sum()) for moment in rows._moments] == [0.0] * len(rows._moments)
    assert (rows.steps, bias.steps) == (0, 0)
