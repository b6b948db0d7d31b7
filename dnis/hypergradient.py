"""The gradient of the validation loss with respect to alpha, first order or exactly one step ahead."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from dnis.network import Lookup
from dnis.training import Batch, Trainer

EPSILON = 1e-8


def normalised(grad: Tensor) -> Tensor:
    """Divide each row by its mean magnitude: every block travels lr_alpha per step (DNIS gradient normalisation).

    Args:
        grad: Gradient of alpha, (n_blocks, K).

    Returns:
        g[l, :] / (mean |g[l, :]| + 1e-8), (n_blocks, K).

    Examples:
        >>> normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist()
        [[0.5, 1.5], [0.0, 0.0]]
    """
    return grad / (grad.abs().mean(dim=1, keepdim=True) + EPSILON)


def alpha_gradient(trainer: Trainer, train: Batch, validation: Batch, order: int) -> Tensor:
    """D L_val(Theta - xi dL_train/dTheta, alpha) / d alpha, with xi = 0 in first order and xi = lr in second.

    Exact for one step of plain gradient descent (METHOD section 2, step 4): the lookup is linear in the table, so rows
    stand for the table, and only rows that both batches share carry the second-order term.

    Args:
        trainer: The network as it stands; nothing in it is moved.
        train: Training batch that the look ahead steps on; unused in first order.
        validation: Validation batch.
        order: 1 or 2.

    Returns:
        Gradient (n_blocks, K).
    """
    network, alpha = trainer.network, trainer.network.alpha
    look = network.look_up(validation[0])
    if order == 1:
        loss = trainer.task.loss(network.scores(look), validation[1])
        return torch.autograd.grad(loss, alpha)[0]
    xi = trainer.config.lr
    behind = network.look_up(train[0])
    names, dense = _dense(trainer)
    inner_loss = trainer.task.loss(network.scores(behind), train[1])
    inner = torch.autograd.grad(inner_loss, [behind.rows, behind.bias, *dense], create_graph=True)
    with torch.no_grad():
        shrink = trainer.shrinkage(behind)
        step_rows, step_bias = inner[0] + shrink * behind.rows, inner[1] + shrink * behind.bias
        ahead = replace(
            look,
            rows=(look.rows - xi * _match(look, behind, step_rows)).requires_grad_(),
            bias=(look.bias - xi * _match(look, behind, step_bias)).requires_grad_(),
        )
        moved = [(p - xi * g).requires_grad_() for p, g in zip(dense, inner[2:], strict=True)]
    outer_loss = trainer.task.loss(network.scores(ahead, dict(zip(names, moved, strict=True))), validation[1])
    *outer, direct = torch.autograd.grad(outer_loss, [ahead.rows, ahead.bias, *moved, alpha])
    vector = [_match(behind, look, outer[0]), _match(behind, look, outer[1]), *outer[2:]]
    carrying = [(g, v) for g, v in zip(inner, vector, strict=True) if g.requires_grad]
    mixed = torch.autograd.grad([g for g, _ in carrying], alpha, grad_outputs=[v for _, v in carrying])[0]
    return direct - xi * mixed


def _dense(trainer: Trainer) -> tuple[list[str], list[Tensor]]:
    moving = {id(p) for p in trainer.parameters}
    named = [(name, p) for name, p in trainer.network.model.named_parameters() if id(p) in moving]
    return [name for name, _ in named], [p for _, p in named]


def _match(wanted: Lookup, given: Lookup, values: Tensor) -> Tensor:
    """The rows of ``values``, one per feature of ``given``, for the features of ``wanted``; zero where not given."""
    place = torch.searchsorted(given.features, wanted.features).clamp(max=len(given.features) - 1)
    shared = (given.features[place] == wanted.features)[:, None]
    return values[place] * shared
