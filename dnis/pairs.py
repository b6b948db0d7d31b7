"""Sum of all inner products of a row's fields, with its gradient in as few passes over memory as it takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Pairs(torch.autograd.Function):
    """``sum_pairs``, whose gradient autograd by itself writes in three tensors of the size of the rows for one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        if rows.shape[1] == 2:
            first, second = rows.unbind(1)
            return (first * second).sum(-1)
        if rows.shape[1] == 1:
            return rows.new_zeros(len(rows))
        own = torch.linalg.vector_norm(rows.flatten(1), dim=1).square()
        return 0.5 * (rows.sum(1).square().sum(-1) - own)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        grad = grads[0][:, None]
        if rows.shape[1] != 2:
            return (rows.sum(1, keepdim=True) - rows).mul_(grad[:, None])
        if torch.is_grad_enabled():  # to be differentiated once more
            return rows.flip(1) * grad[:, None]
        first, second = rows.unbind(1)
        out = torch.empty_like(rows)
        torch.mul(second, grad, out=out[:, 0])
        torch.mul(first, grad, out=out[:, 1])
        return out


def sum_pairs(rows: Tensor) -> Tensor:
    """Sum over field pairs of <e_i, e_j>, as (|sum e|^2 - sum |e|^2) / 2 (Rendle 2010, lemma 3.1).

    Its gradient for e_i is the sum of the other fields' rows. It may be differentiated twice.

    Args:
        rows: Rows of a batch, (batch, n_fields, K).

    Returns:
        One number per row, (batch,).

    Examples:
        >>> sum_pairs(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [1.0, 0.0]]])).tolist()
        [15.0]
    """
    return _Pairs.apply(rows)
