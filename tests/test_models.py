import numpy as np
import pytest
import torch

from dnis.models import MODELS
from dnis.network import Network
from dnis.selection import SoftSelection
from dnis.settings import TrainConfig
from tests.engine_data import small_config

K = 3


def config_of(model):
    return TrainConfig(model=model, task="rating", embedding_dim=K, hidden=(5, 4), seed=3)


def built(model, n_fields=2, seed=0):
    return MODELS[model](n_fields, config_of(model), torch.Generator().manual_seed(seed))


def fields_of(model):
    return MODELS[model].max_fields or 3


def inputs(n_fields, batch=6):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, n_fields, K, generator=generator), torch.randn(batch, n_fields, generator=generator)


def perceptron(model, x):
    """The layers of a model's perceptron in NumPy, ReLU between them."""
    layers = [layer for layer in model.perceptron if isinstance(layer, torch.nn.Linear)]
    for i, layer in enumerate(layers):
        x = layer.weight.detach().numpy() @ x + layer.bias.detach().numpy()
        x = np.maximum(x, 0) if i < len(layers) - 1 else x
    return x


def pairs(row):
    """Sum of inner products over all pairs of fields, one product at a time."""
    return sum(row[i, k] * row[j, k] for i in range(len(row)) for j in range(i + 1, len(row)) for k in range(K))


def by_loops(name, model, row):
    """A model's score of one interaction without its linear part, written out."""
    if name == "MF":
        return sum(row[0, k] * row[1, k] for k in range(K))
    if name == "FM":
        return pairs(row)
    deep = perceptron(model, row.ravel())
    if name == "NeuMF":
        product = sum(model.product_weight[k].item() * row[0, k] * row[1, k] for k in range(K))
        return product + np.maximum(deep, 0) @ model.hidden_weight.detach().numpy()
    return deep[0] + (pairs(row) if name == "DeepFM" else 0.0)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_the_contract(name):
    n_fields = fields_of(name)
    config = config_of(name)
    ids = torch.tensor([[0, 4, 8], [1, 5, 9], [2, 6, 8], [0, 6, 9], [3, 7, 8]])[:, :n_fields]
    selection = SoftSelection(np.arange(10) % 3, K, start=0.7)
    network = Network.create(10, n_fields, config, selection, np.array([]))
    scores = network.scores(network.look_up(ids))

    assert scores.shape == (5,)
    assert torch.isfinite(scores).all()

    reached = torch.autograd.grad(scores.square().sum(), selection.alpha)[0]
    assert (reached != 0).all()

    again = Network.create(10, n_fields, config, SoftSelection(np.arange(10) % 3, K, start=0.7), np.array([]))
    assert torch.equal(again.score(ids), scores)

    reloaded = Network.from_fitted(network.fitted(config), n_fields)
    torch.testing.assert_close(reloaded.score(ids), scores.detach(), rtol=1e-6, atol=1e-7)

    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(network.score(ids[order]), scores.detach()[order], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_scores_what_loops_in_numpy_score(name):
    model = built(name, fields_of(name))
    with torch.no_grad():
        model.global_bias.fill_(0.5)
    rows, linear = inputs(fields_of(name))
    wanted = [by_loops(name, model, r) + b.sum() + 0.5 for r, b in zip(rows.numpy(), linear.numpy(), strict=True)]
    np.testing.assert_allclose(model(rows, linear).detach().numpy(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["MF", "NeuMF"])
def test_ranking_all_items_scores_every_pair_as_the_model_does(name):
    model = built(name)
    (users, user_bias), (items, item_bias) = (x for x in ((inputs(1, 3)), (inputs(1, 4))))
    users, items, user_bias, item_bias = users[:, 0], items[:, 0] * 2, user_bias[:, 0], item_bias[:, 0] - 1
    table = model.score_items(users, user_bias, items, item_bias)
    assert table.shape == (3, 4)
    for u in range(3):
        for i in range(4):
            alone = model(torch.stack([users[u], items[i]])[None], torch.stack([user_bias[u], item_bias[i]])[None])
            assert table[u, i].item() == pytest.approx(alone.item(), rel=1e-4, abs=1e-5)


def test_start_values_depend_on_the_seed_alone():
    one, same, other = (built("DeepFM", seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not torch.equal(one["perceptron.0.weight"], other["perceptron.0.weight"])


@pytest.mark.parametrize("name", ["MLP", "NeuMF", "WideDeep", "DeepFM"])
def test_perceptrons_start_without_biases_and_keep_the_spread_of_their_input(name):
    model = MODELS[name](2, TrainConfig(model=name, embedding_dim=200, hidden=(300,)), torch.Generator().manual_seed(0))
    first = model.perceptron[0]
    assert first.bias.abs().sum() == 0.0
    assert first.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)  # He 2015, equation 10


@pytest.mark.parametrize(("name", "n_fields"), [("MF", 1), ("MLP", 1), ("NeuMF", 1), ("FM", 0)])
def test_a_model_refuses_data_with_too_few_fields(name, n_fields):
    with pytest.raises(ValueError, match=f"{name} needs a user and an item field, the data has {n_fields} field"):
        built(name, n_fields)


def test_mf_refuses_data_with_more_fields_than_it_reads():
    with pytest.raises(ValueError, match="MF reads 2 fields for task .rating., the data has 3"):
        built("MF", 3)


def test_a_ranking_refuses_fields_that_items_alone_do_not_have():
    with pytest.raises(ValueError, match="NeuMF reads 2 fields for task .topk., the data has 3"):
        MODELS["NeuMF"](3, small_config("topk", model="NeuMF"), torch.Generator())
