import numpy as np
import pytest
import torch
from torch.func import functional_call

from dnis.hypergradient import alpha_gradient, normalised
from dnis.selection import SoftSelection
from dnis.training import Trainer
from tests.engine_data import TASK_MODELS, as_double, small_config, small_split

CASES = [
    *((task, model, {}) for task, model in TASK_MODELS),
    ("topk", "MF", {"topk_loss": "bpr"}),
    ("topk", "MF", {"topk_loss": "softmax"}),
    ("topk", "MF", {"topk_loss": "full_softmax"}),
    ("topk", "NeuMF", {"topk_loss": "full_softmax"}),
]
XI = 0.05


def trainer_of(task, model, freeze_dense=False, **changes):
    """A trainer in double precision on two, or for models of many fields three, fields; alpha is not flat."""
    part = small_split(task, 2 if task == "topk" or model == "MF" else 3).train
    block_of = np.arange(part.n_features) % 2
    config = small_config(task, model=model, embedding_dim=3, lr=XI, l2=0.2, l2_nu=0.5, **changes)
    trainer = as_double(Trainer(part, config, SoftSelection(block_of, 3), freeze_dense))
    with torch.no_grad():
        trainer.network.selection.alpha.copy_(torch.tensor([[0.9, 0.3, 0.6], [0.2, 0.8, 0.5]]))
    return trainer


def batches_of(trainer):
    """A training and a validation batch that share some features and not others."""
    generator = torch.Generator().manual_seed(5)
    feed = trainer.feed

    def batch(rows):
        ids, target = trainer.task.expand(feed.ids[rows], feed.target[rows], feed.part, generator)
        return ids, target.double()

    return batch(slice(0, 12)), batch(slice(200, 210))


def validation_loss(trainer, alpha, train, validation, xi):
    """L_val(Theta - xi dL_train/dTheta(Theta, alpha), alpha) over whole tables, the penalty written out."""
    network, config = trainer.network, trainer.config
    block_of = torch.arange(len(network.embeddings.values)) % 2
    table = network.embeddings.values.clone().requires_grad_()
    bias = network.biases.values.clone().requires_grad_()
    moving = {id(p) for p in trainer.parameters}
    dense = {name: p.detach().clone().requires_grad_() for name, p in network.model.named_parameters()}
    free = [name for name, p in network.model.named_parameters() if id(p) in moving]

    def scores(table, bias, dense, ids):
        return functional_call(network.model, dense, ((alpha[block_of] * table)[ids], bias[ids][..., 0]))

    def loss(table, bias, dense, batch):
        ids, target = batch
        if config.topk_loss != "full_softmax":
            return trainer.task.loss(scores(table, bias, dense, ids), target)
        low, high = trainer.feed.part.vocabulary.offsets[1:3]
        pairs = torch.stack([torch.cartesian_prod(ids[:1, 0], torch.arange(low, high)) for ids in ids.split(1)])
        shares = scores(table, bias, dense, pairs.flatten(0, 1)).view(len(ids), -1).softmax(1)
        return -shares[torch.arange(len(ids)), ids[:, 1] - low].log().mean()

    if xi:
        ids = train[0]
        counts = np.maximum(np.bincount(trainer.feed.ids.flatten(), minlength=len(table)), 1)
        weight = torch.from_numpy((counts / counts.mean()) ** config.l2_nu)
        norm = table.square().sum(1) + bias.square().sum(1)
        inner = loss(table, bias, dense, train) + config.l2 * (weight * norm)[ids].sum(1).mean()
        gradient = torch.autograd.grad(inner, [table, bias, *(dense[name] for name in free)])
        table, bias = table - xi * gradient[0], bias - xi * gradient[1]
        dense = dense | {name: dense[name] - xi * g for name, g in zip(free, gradient[2:], strict=True)}
    return loss(table, bias, dense, validation).item()


def difference_quotients(trainer, train, validation, xi, step=1e-5):
    alpha = trainer.network.selection.alpha.detach().clone()
    out = torch.zeros_like(alpha)
    for at in np.ndindex(*alpha.shape):
        kept = alpha[at].item()
        alpha[at] = kept + step
        above = validation_loss(trainer, alpha, train, validation, xi)
        alpha[at] = kept - step
        below = validation_loss(trainer, alpha, train, validation, xi)
        alpha[at] = kept
        out[at] = (above - below) / (2 * step)
    return out


def distance(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


@pytest.mark.parametrize(("task", "model", "changes"), CASES)
def test_alphas_gradient_is_that_of_finite_differences(task, model, changes):
    trainer = trainer_of(task, model, **changes)
    batches = batches_of(trainer)
    first, second = (alpha_gradient(trainer, *batches, order=order) for order in (1, 2))
    assert distance(first, difference_quotients(trainer, *batches, xi=0)) < 1e-6
    assert distance(second, difference_quotients(trainer, *batches, xi=XI)) < 1e-6
    assert distance(second, first) > 1e-3


def test_frozen_dense_layers_take_no_step_ahead():
    trainer = trainer_of("rating", "MLP", freeze_dense=True)
    batches = batches_of(trainer)
    found = alpha_gradient(trainer, *batches, order=2)
    assert distance(found, difference_quotients(trainer, *batches, xi=XI)) < 1e-6
    thawed = trainer_of("rating", "MLP")
    assert distance(alpha_gradient(thawed, *batches, order=2), found) > 1e-4


def test_batches_without_a_common_feature_still_look_ahead_through_dense_layers():
    trainer = trainer_of("rating", "DeepFM")
    ids = torch.tensor([[1, 22, 38], [2, 23, 38], [1, 23, 39]])
    train, validation = (ids, torch.tensor([1.0, 4.0, 3.0]).double()), (ids + 2, torch.tensor([2.0, 5.0, 1.0]).double())
    found = alpha_gradient(trainer, train, validation, order=2)
    assert distance(found, difference_quotients(trainer, train, validation, xi=XI)) < 1e-6


@pytest.mark.parametrize("order", [1, 2])
def test_looking_ahead_moves_nothing(order):
    trainer = trainer_of("rating", "NeuMF")
    before = {k: v.clone() for k, v in trainer.state().items()}
    alpha = trainer.network.selection.alpha.detach().clone()
    alpha_gradient(trainer, *batches_of(trainer), order=order)
    assert all(torch.equal(before[k], v) for k, v in trainer.state().items())
    assert torch.equal(trainer.network.selection.alpha, alpha)


def test_first_order_does_not_look_at_the_training_batch():
    trainer = trainer_of("rating", "MF")
    train, validation = batches_of(trainer)
    other = (train[0], train[1] + 9)
    same = [alpha_gradient(trainer, batch, validation, order=1) for batch in (train, other)]
    assert torch.equal(*same)
    assert not torch.equal(*(alpha_gradient(trainer, batch, validation, order=2) for batch in (train, other)))


def test_each_row_is_divided_by_its_own_mean_magnitude():
    grad = torch.tensor([[1.0, -3.0, 2.0], [0.01, 0.01, -0.04], [0.0, 0.0, 0.0]])
    # mean magnitudes 2, 0.02 and 0
    wanted = torch.tensor([[0.5, -1.5, 1.0], [0.5, 0.5, -2.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(normalised(grad), wanted, rtol=1e-5, atol=0)


@pytest.mark.parametrize("width", [3, 41, 49, 64])
def test_where_all_entries_are_kept_no_bit_changes(width):
    grad = torch.randn(5, width, generator=torch.Generator().manual_seed(width))
    assert torch.equal(normalised(grad, torch.full((5, 1), width)), normalised(grad))


def test_a_row_as_small_as_epsilon_is_not_blown_up():
    # mean magnitude 1e-8: the gradient is halved, not made 1
    assert normalised(torch.tensor([[1e-8, 1e-8]])).tolist() == [[pytest.approx(0.5)] * 2]
