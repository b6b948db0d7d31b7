"""Where embedding rows live: a table is pulled by ids, and pushed the gradient of the rows that were pulled.

A lookup is linear in the table, so everything above differentiates with respect to the pulled rows only. A step costs
O(rows touched x width) whatever the table's size, and sharding a table changes nothing but these two verbs.
"""

from __future__ import annotations

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def adam_update(value: Tensor, mean: Tensor, square: Tensor, grad: Tensor, lr: float, step: int) -> None:
    """One Adam step in place (Kingma & Ba 2015), bias-corrected by ``step``.

    Args:
        value: What moves, any shape.
        mean: Running mean of the gradient, same shape.
        square: Running mean of the squared gradient, same shape.
        grad: Gradient, same shape.
        lr: Learning rate.
        step: Number of this step, from 1.
    """
    mean.lerp_(grad, 1 - BETA1)
    square.mul_(BETA2).addcmul_(grad, grad, value=1 - BETA2)
    scale = (1 - BETA2**step) ** 0.5
    value.addcdiv_(mean, square.sqrt().add_(EPSILON * scale), value=-lr * scale / (1 - BETA1**step))


def adagrad_update(value: Tensor, square: Tensor, grad: Tensor, lr: float) -> None:
    """One Adagrad step in place (Duchi 2011).

    Args:
        value: What moves, any shape.
        square: Sum of squared gradients, same shape.
        grad: Gradient, same shape.
        lr: Learning rate.
    """
    square.addcmul_(grad, grad)
    value.addcdiv_(grad, square.sqrt().add_(1e-10), value=-lr)


class RowTable:
    """A table in this process's memory with a row-sparse optimiser: untouched rows neither move nor cost.

    Args:
        values: Start values (n_rows, width); owned by the table from now on.
        lr: Learning rate.
        optimizer: ``adam`` (lazy: moments of untouched rows rest) or ``adagrad``.
    """

    def __init__(self, values: Tensor, lr: float, optimizer: str = "adam") -> None:
        self.values = values
        self.lr = lr
        self.steps = 0
        self._moments = [torch.zeros_like(values) for _ in range(2 if optimizer == "adam" else 1)]

    def pull(self, ids: Tensor) -> Tensor:
        """The rows of distinct ``ids`` (n,), as a copy (n, width) that may be differentiated."""
        return self.values.index_select(0, ids)

    def push(self, ids: Tensor, rows: Tensor, grad: Tensor) -> None:
        """Move the rows of distinct ``ids`` against their gradient.

        Args:
            ids: Distinct row numbers, (n,).
            rows: What ``pull(ids)`` gave, (n, width).
            grad: Gradient of the loss, (n, width).
        """
        self.steps += 1
        moments = [m.index_select(0, ids) for m in self._moments]
        moved = rows.detach().clone()
        if len(moments) == 2:
            adam_update(moved, *moments, grad, self.lr, self.steps)
        else:
            adagrad_update(moved, *moments, grad, self.lr)
        self.values.index_copy_(0, ids, moved)
        for kept, moment in zip(self._moments, moments, strict=True):
            kept.index_copy_(0, ids, moment)

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed table needs, by name."""
        moments = {f"moment{i}": m for i, m in enumerate(self._moments)}
        return {"values": self.values, "steps": torch.tensor(self.steps), **moments}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        self.values = state["values"].clone()
        self.steps = int(state["steps"])
        self._moments = [state[f"moment{i}"].clone() for i in range(len(self._moments))]
