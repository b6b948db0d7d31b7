import numpy as np
import pytest
import torch

from dnis import network as network_module
from dnis.joint import START_STD
from dnis.network import Network
from dnis.schemes import DimensionScheme
from dnis.selection import HardSelection, SoftSelection, UniformSelection
from dnis.settings import TrainConfig
from dnis.tables import RowTable

IDS = torch.tensor([[2, 5], [0, 5], [2, 4], [2, 5]])


def network_of(model="MF", selection=None, seed=0, **changes):
    config = TrainConfig(model=model, embedding_dim=3, hidden=(4,), seed=seed, **changes)
    return Network.create(7, 2, config, selection or UniformSelection(), np.array([0, 3])), config


def filled(network):
    """The same network with rows and biases that differ from feature to feature."""
    generator = torch.Generator().manual_seed(9)
    network.embeddings.values = torch.randn(7, 3, generator=generator)
    network.biases.values = torch.randn(7, 1, generator=generator)
    return network


def test_a_lookup_pulls_every_distinct_feature_once():
    look = network_of()[0].look_up(IDS)
    assert look.features.tolist() == [0, 2, 4, 5]
    assert look.features[look.inverse].view(look.shape).tolist() == IDS.tolist()
    assert look.rows.shape == (4, 3)
    assert look.bias.shape == (4, 1)


def test_scores_are_those_of_a_double_loop_over_a_masked_table():
    rng = np.random.default_rng(0)
    mask, block_of = rng.random((7, 3)) < 0.6, np.arange(7) % 2
    alpha = rng.random((2, 3)).astype(np.float32)
    network = filled(network_of(selection=HardSelection(DimensionScheme(mask, block_of, alpha)))[0])
    with torch.no_grad():
        network.model.global_bias.fill_(3.5)
    table, bias = network.embeddings.values.numpy(), network.biases.values.numpy()[:, 0]
    wanted = []
    for user, item in IDS.tolist():
        score = 3.5 + bias[user] + bias[item]
        for k in range(3):
            e_user = alpha[block_of[user], k] * table[user, k] * mask[user, k]
            score += e_user * alpha[block_of[item], k] * table[item, k] * mask[item, k]
        wanted.append(score)
    np.testing.assert_allclose(network.score(IDS).numpy(), wanted, rtol=1e-5)


def test_the_gradient_of_a_pulled_row_sums_over_its_occurrences():
    network = filled(network_of()[0])
    look = network.look_up(IDS)
    rows, bias = torch.autograd.grad(network.scores(look).square().sum(), [look.rows, look.bias])
    table = network.embeddings.values.clone().requires_grad_()
    first_order = network.biases.values.clone().requires_grad_()
    dense = (table[IDS[:, 0]] * table[IDS[:, 1]]).sum(1) + first_order[IDS].sum((1, 2)) + network.model.global_bias
    dense.square().sum().backward()
    torch.testing.assert_close(rows, table.grad[look.features])
    torch.testing.assert_close(bias, first_order.grad[look.features])


@pytest.mark.parametrize("model", ["MF", "DeepFM"])
def test_features_pulled_as_often_as_they_occur_give_the_same_scores_and_gradient_of_alpha(model):
    network = filled(network_of(model, SoftSelection(np.arange(7) % 2, 3, start=0.6))[0])
    looks = network.look_up(IDS), network.look_up_apart(IDS)
    (scores, grad), (others, theirs) = (
        (s.detach(), torch.autograd.grad(s.square().sum(), network.alpha)[0])
        for s in (network.scores(look) for look in looks)
    )
    torch.testing.assert_close(others, scores)
    torch.testing.assert_close(theirs, grad)
    assert grad.abs().min() > 0


def test_two_batches_looked_up_together_share_their_rows():
    network = filled(network_of()[0])
    first, second = network.look_up_together(IDS[:3], IDS[3:] + torch.tensor([1, 1]))
    assert first.features.tolist() == [0, 2, 3, 4, 5, 6]
    assert first.times.tolist() == [1, 2, 0, 1, 2, 0]
    assert second.times.tolist() == [0, 0, 1, 0, 0, 1]
    assert first.rows is second.rows
    torch.testing.assert_close(network.scores(first), network.score(IDS[:3]))
    torch.testing.assert_close(network.scores(second), network.score(torch.tensor([[3, 6]])))


def test_scoring_in_blocks_changes_nothing(monkeypatch):
    network = filled(network_of("FM")[0])
    ids = torch.randint(0, 7, (50, 2), generator=torch.Generator().manual_seed(0))
    at_once = network.score(ids)
    monkeypatch.setattr(network_module, "BLOCK_ROWS", 7)
    torch.testing.assert_close(network.score(ids), at_once)


def test_scoring_nothing_gives_nothing():
    assert network_of()[0].score(torch.empty(0, 2, dtype=torch.int64)).shape == (0,)


def test_scores_can_be_asked_with_other_dense_parameters():
    network = filled(network_of()[0])
    look = network.look_up(IDS)
    moved = network.scores(look, {"global_bias": torch.tensor(10.0)})
    torch.testing.assert_close(moved, network.scores(look) + 10.0)
    assert network.model.global_bias.item() == 0.0


def test_start_values_depend_on_the_seed_alone():
    one, same, other = (network_of("MLP", seed=s)[0] for s in (0, 0, 1))
    assert torch.equal(one.score(IDS), same.score(IDS))
    assert not torch.equal(one.embeddings.values, other.embeddings.values)
    weights = [network.model.perceptron[0].weight for network in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_only_unknown_features_start_at_zero():
    network, _ = network_of()
    assert (network.embeddings.values == 0).all(1).tolist() == [True, False, False, True, False, False, False]
    assert network.biases.values.abs().sum() == 0.0


def test_start_values_have_the_stated_spread():
    network = Network.create(500, 2, TrainConfig(embedding_dim=32), UniformSelection(), np.array([]))
    assert network.embeddings.values.std().item() == pytest.approx(START_STD, rel=0.02)


def test_tables_take_rate_and_optimiser_from_the_settings():
    network, _ = network_of(lr=0.25, optimizer="adagrad")
    tables = (network.embeddings, network.biases)
    assert [table.lr for table in tables] == [0.25, 0.25]
    assert [sorted(table.state()) for table in tables] == [["moment0", "steps", "values"]] * 2


def test_fitted_numbers_hold_the_selection_and_score_the_same():
    selection = SoftSelection(np.arange(7) % 2, 3, start=0.5)
    network, config = network_of("DeepFM", selection)
    fitted = filled(network).fitted(config)
    np.testing.assert_allclose(fitted.embeddings, 0.5 * network.embeddings.values.numpy())
    np.testing.assert_array_equal(fitted.biases, network.biases.values.numpy()[:, 0])
    torch.testing.assert_close(Network.from_fitted(fitted, 2).score(IDS), network.score(IDS))


def test_fitted_numbers_do_not_move_with_the_network():
    network, config = network_of()
    fitted = filled(network).fitted(config)
    before = fitted.embeddings.copy(), fitted.biases.copy(), fitted.dense["global_bias"].copy()
    every = torch.arange(7)
    network.embeddings.push(every, network.embeddings.pull(every), torch.ones(7, 3))
    network.biases.push(every, network.biases.pull(every), torch.ones(7, 1))
    with torch.no_grad():
        network.model.global_bias.fill_(9.0)
    for kept, now in zip(before, (fitted.embeddings, fitted.biases, fitted.dense["global_bias"]), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_a_reloaded_network_does_not_write_into_the_fitted_numbers():
    network, config = network_of()
    fitted = filled(network).fitted(config)
    reloaded = Network.from_fitted(fitted, 2)
    every = torch.arange(7)
    reloaded.embeddings.push(every, reloaded.embeddings.pull(every), torch.ones(7, 3))
    np.testing.assert_array_equal(fitted.embeddings, network.embeddings.values.numpy())


def test_selected_rows_are_weighted_and_biases_are_not():
    network = Network(
        RowTable(torch.tensor([[2.0, 4.0], [6.0, 8.0]]), 0.1),
        RowTable(torch.tensor([[0.25], [0.75]]), 0.1),
        SoftSelection(np.array([0, 0]), 2, start=0.5),
        torch.nn.Identity(),
    )
    rows, biases = network.selected(torch.tensor([1, 0]))
    assert rows.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert biases.tolist() == [0.75, 0.25]


def test_freezing_dense_layers_leaves_only_the_global_bias_to_train():
    network, _ = network_of("MLP")
    assert network.trained_parameters(freeze_dense=True) == [network.model.global_bias]
    assert len(network.trained_parameters(freeze_dense=False)) == 1 + 2 * 2


def test_projections_train_even_where_dense_layers_are_frozen():
    scheme = DimensionScheme.from_block_dims(np.array([2]), np.zeros(7, dtype=int), 3, projected=True)
    from dnis.selection import make_selection

    network, _ = network_of("MLP", make_selection(scheme, torch.Generator()))
    assert network.trained_parameters(freeze_dense=True) == [network.model.global_bias, network.selection.lift]
