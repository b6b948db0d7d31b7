"""Where embedding rows live: a table is pulled by ids, and pushed the gradient of the rows that were pulled.

A lookup is linear in the table, so everything above differentiates with respect to the pulled rows only. A step costs
O(rows touched x width) whatever the table's size, and sharding a table changes nothing but these two verbs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# tables in pages of 2 MB where the system has them: rows far apart cost a fourth less; torch reads this when it first
# takes memory, and an own setting stays as it is
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

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
    adam_updates([value], [mean], [square], [grad], lr, step)


def adam_updates(
    values: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    grads: Sequence[Tensor],
    lr: float,
    step: int,
) -> None:
    """The same for several tensors at once, each in one pass over its memory.

    Args:
        values: What moves.
        means: Running means of the gradients.
        squares: Running means of the squared gradients.
        grads: Gradients.
        lr: Learning rate.
        step: Number of this step, from 1.
    """
    # private, of the torch that is pinned: the way to it through torch.optim sorts tensors by device and counts steps,
    # which takes longer than a small update
    torch._fused_adam_(
        list(values), list(grads), list(means), list(squares), [],
        [torch.tensor(float(step), device=value.device) for value in values],
        lr=lr, beta1=BETA1, beta2=BETA2, weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False,
    )  # fmt: skip


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


def take_rows(table: Tensor, ids: Tensor) -> Tensor:
    """Rows of a table as a copy; NumPy's way takes half the time of torch's where they are far apart in memory.

    Args:
        table: Where from, (n_rows, width), not attached to a graph.
        ids: Row numbers, (n,).

    Returns:
        The rows, (n, width).
    """
    if not table.is_cpu or not table.is_contiguous():
        return table.index_select(0, ids.to(table.device))
    return torch.from_numpy(table.numpy().take(ids.numpy(), axis=0))


def put_rows(table: Tensor, ids: Tensor, rows: Tensor) -> None:
    """Overwrite rows of a table in place; on a CPU each row is one copy of memory, two to three times as fast.

    Args:
        table: Where to, (n_rows, width).
        ids: Distinct row numbers, (n,).
        rows: What to write, (n, width), contiguous.
    """
    if not table.is_cpu or not table.is_contiguous():
        table.index_copy_(0, ids, rows)
        return
    whole_row = np.dtype((np.void, table.element_size() * table.shape[1]))
    table.numpy().view(whole_row).put(ids.numpy(), rows.numpy().view(whole_row))


TOGETHER_ROWS, TOGETHER_WIDTH = 300_000, 16
"""Tables of at least so many rows and at most so many columns keep both moments of a row side by side: their rows lie
in memory that no cache holds, and are as short as a line of it, so that what counts is how many places are visited.
In the memory of a single process embeddings and biases lie in one place as well (``dnis.joint``)."""


class RowTable:
    """A table in this process's memory with a row-sparse optimiser: untouched rows neither move nor cost.

    Args:
        values: Start values (n_rows, width); owned by the table from now on.
        lr: Learning rate.
        optimizer: ``adam`` (lazy: moments of untouched rows rest) or ``adagrad``.
    """

    narrows = True
    """Whether ``restart`` may change the width."""

    def __init__(self, values: Tensor, lr: float, optimizer: str = "adam") -> None:
        self.lr = lr
        self.optimizer = optimizer
        self.restart(values)

    def restart(self, values: Tensor) -> None:
        """Go on from these values (n_rows, width), owned by the table from now on; the optimiser remembers nothing."""
        self.values = values
        self.steps = 0
        n = 2 if self.optimizer == "adam" else 1
        together = len(values) >= TOGETHER_ROWS and values.shape[1] <= TOGETHER_WIDTH
        # each of these is contiguous; the moments are views of them
        self._held = (
            [values.new_zeros(len(values), n * values.shape[1])]
            if together
            else [torch.zeros_like(values) for _ in range(n)]
        )
        self._moments = [part for held in self._held for part in held.split(values.shape[1], dim=1)]

    @property
    def n_rows(self) -> int:
        """Rows of the whole table, wherever they live."""
        return len(self.values)

    def pull(self, ids: Tensor) -> Tensor:
        """The rows of distinct ``ids`` (n,), as a copy (n, width) that may be differentiated."""
        return take_rows(self.values, ids)

    def push(self, ids: Tensor, rows: Tensor, grad: Tensor) -> None:
        """Move the rows of distinct ``ids`` against their gradient.

        Args:
            ids: Distinct row numbers, (n,).
            rows: What ``pull(ids)`` gave, (n, width); moved in place.
            grad: Gradient of the loss, (n, width).
        """
        held = [take_rows(part, ids) for part in self._held]
        together = held[0].shape[1] > rows.shape[1]
        moments = [m.contiguous() for m in held[0].split(rows.shape[1], dim=1)] if together else held
        moved = rows.detach()
        self.move(moved, moments, grad)
        if together:
            held = [torch.cat(moments, dim=1)]
        for kept, new in zip((self.values, *self._held), (moved, *held), strict=True):
            put_rows(kept, ids, new)

    def move(self, rows: Tensor, moments: Sequence[Tensor], grad: Tensor) -> None:
        """One step of the optimiser in place, on rows and their moments wherever they are kept.

        Args:
            rows: What moves, (n, width).
            moments: What the optimiser remembers, each (n, width).
            grad: Gradient of the loss, (n, width).
        """
        self.steps += 1
        if self.optimizer == "adam":
            adam_update(rows, *moments, grad, self.lr, self.steps)
        else:
            adagrad_update(rows, *moments, grad, self.lr)

    def whole(self, values: Tensor) -> Tensor:
        """A tensor of a row per feature in the order of ids, wherever its rows live: here as it is."""
        return values

    def everywhere(self, own: Tensor) -> Tensor:
        """A bool tensor of a row per feature, whole on every process: here as it is."""
        return own

    def total(self, tensor: Tensor) -> Tensor:
        """A sum over the own rows, summed over all processes that share the table: here as it is."""
        return tensor

    def own(self, values: np.ndarray) -> np.ndarray:
        """The rows of a whole table that live here: all."""
        return values

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed table needs, by name."""
        moments = {f"moment{i}": m for i, m in enumerate(self._moments)}
        return {"values": self.values, "steps": torch.tensor(self.steps), **moments}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        self.restart(state["values"].to(self.values.device, copy=True))
        self.steps = int(state["steps"])
        for i, moment in enumerate(self._moments):
            moment.copy_(state[f"moment{i}"])
