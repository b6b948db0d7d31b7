"""The gradient of the validation loss with respect to alpha, first order or exactly one step ahead."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from dnis.feeds import Batch
from dnis.penalties import shrinkage
from dnis.training import Trainer

EPSILON = 1e-8


def normalised(grad: Tensor, n_kept: Tensor | None = None) -> Tensor:
    """Divide each row by its mean magnitude: every block travels lr_alpha per step (DNIS gradient normalisation).

    Args:
        grad: Gradient of alpha, (n_blocks, K).
        n_kept: Entries of each row that still move, (n_blocks, 1), where the gradient of the others is 0; None for all.

    Returns:
        g[l, :] / (mean |g[l, :]| + 1e-8), (n_blocks, K).

    Examples:
        >>> normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist()
        [[0.5, 1.5], [0.0, 0.0]]
    """
    mean = grad.abs().mean(dim=1, keepdim=True)
    if n_kept is not None:
        mean = mean * (torch.full_like(n_kept, grad.shape[1]) / n_kept.clamp(min=1))  # exactly 1 where all are kept
    return grad / (mean + EPSILON)


def alpha_gradient(trainer: Trainer, train: Batch, validation: Batch, order: int) -> Tensor:
    """D L_val(Theta - xi dL_train/dTheta, alpha) / d alpha, with xi = 0 in first order and xi = lr in second.

    Exact for one step of plain gradient descent (METHOD section 2, step 4): the lookup is linear in the table, so the
    rows of both batches stand for the table, and only rows that both share carry the second-order term.

    Args:
        trainer: The network as it stands; nothing in it is moved.
        train: Training batch that the look ahead steps on; unused in first order.
        validation: Validation batch.
        order: 1 or 2.

    Returns:
        Gradient (n_blocks, K).
    """
    network, alpha, mean = trainer.network, trainer.network.alpha, trainer.task.loss
    group = network.group
    if order == 1:
        look = network.look_up_apart(validation[0])
        return group.sums(torch.autograd.grad(network.loss(mean, look, validation[1]), alpha))[0]
    xi = trainer.config.lr
    behind, look = network.look_up_together(train[0], validation[0])
    names, dense = _dense(trainer)
    inner = torch.autograd.grad(
        network.loss(mean, behind, train[1]), [behind.rows, behind.bias, *dense], create_graph=True
    )
    with torch.no_grad():
        # every process steps by the gradient of the whole batch, and differentiates its own share of it
        step_rows, step_bias, *step_dense = group.sums(inner)
        shrink = shrinkage(trainer.penalty, behind)
        step_rows, step_bias = step_rows + shrink * behind.rows, step_bias + shrink * behind.bias
        ahead = replace(
            look,
            rows=(look.rows - xi * step_rows).requires_grad_(),
            bias=(look.bias - xi * step_bias).requires_grad_(),
        )
        moved = [(p - xi * g).requires_grad_() for p, g in zip(dense, step_dense, strict=True)]
    outer_loss = network.loss(mean, ahead, validation[1], dict(zip(names, moved, strict=True)))
    *outer, direct = group.sums(torch.autograd.grad(outer_loss, [ahead.rows, ahead.bias, *moved, alpha]))
    carrying = [(g, v) for g, v in zip(inner, outer, strict=True) if g.requires_grad]
    mixed = torch.autograd.grad(
        [g for g, _ in carrying], alpha, grad_outputs=[v for _, v in carrying], materialize_grads=True
    )
    return direct - xi * group.sums(mixed)[0]


def _dense(trainer: Trainer) -> tuple[list[str], list[Tensor]]:
    moving = {id(p) for p in trainer.parameters}
    named = [(name, p) for name, p in trainer.network.model.named_parameters() if id(p) in moving]
    return [name for name, _ in named], [p for _, p in named]
