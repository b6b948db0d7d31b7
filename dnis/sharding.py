"""A table dealt by rows over the processes of a job, behind the same pull and push as a table in one memory.

Row i lives on process i mod ``world``, so popular features, which stand in no order of ids, are spread evenly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from dnis.processes import Solo
from dnis.tables import RowTable

CHUNK_ROWS = 1 << 16
"""Rows of a table that pass through one process at a time when it is made, written or read."""

_ROWS = re.compile(r"(^|\.)(embeddings|biases)(\.values|\.moment\d+)?$")


def is_dealt(name: str) -> bool:
    """Whether a tensor of a search's state has a row per feature, and is dealt over the processes.

    Args:
        name: A name such as ``trainer.embeddings.moment0`` or ``best.biases``.

    Returns:
        Whether it is.
    """
    return _ROWS.search(name) is not None


def start_values(
    n_rows: int, width: int, std: float, generator: torch.Generator, group: Solo, out: Tensor | None = None
) -> Tensor:
    """This process's rows of N(0, std^2), the same numbers whatever the number of processes.

    Args:
        n_rows: Rows of the whole table.
        width: Columns.
        std: Standard deviation.
        generator: Source; moves on as if the whole table had been drawn at once.
        group: The processes.
        out: Where to, (n_own, width), in whatever memory; a tensor of its own where None.

    Returns:
        Own rows, (n_own, width).
    """
    n_own = len(range(group.rank, n_rows, group.world))
    out, n_done = torch.empty(n_own, width) if out is None else out, 0
    for low, high in _chunks(n_rows, width):
        rows = (std * torch.randn(high - low, width, generator=generator))[_first(low, group) :: group.world]
        out[n_done : n_done + len(rows)] = rows
        n_done += len(rows)
    return out


def _chunks(n_rows: int, width: int) -> Iterator[tuple[int, int]]:
    # torch draws normal numbers in sixteens, and fewer than that in another way: the last chunk must not be a stub
    starts = list(range(0, max(n_rows - 16, 1), CHUNK_ROWS))
    return zip(starts, [*starts[1:], n_rows], strict=True)


def _first(low: int, group: Solo) -> int:
    return (group.rank - low) % group.world


class ShardedTable(RowTable):
    """The rows of one process; every process pulls and pushes the same ids at the same time.

    Args:
        values: Start values of the own rows, (n_own, width).
        lr: Learning rate.
        optimizer: ``adam`` or ``adagrad``.
        n_rows: Rows of the whole table.
        group: The processes.
    """

    def __init__(self, values: Tensor, lr: float, optimizer: str, n_rows: int, group: Solo) -> None:
        super().__init__(values, lr, optimizer)
        self.whole_rows, self.group = n_rows, group

    @property
    def n_rows(self) -> int:
        """Rows of the whole table."""
        return self.whole_rows

    def pull(self, ids: Tensor) -> Tensor:
        """The rows of distinct ``ids`` (n,), (n, width), each from the process that has it."""
        return self._assembled(self.values, ids)

    def push(self, ids: Tensor, rows: Tensor, grad: Tensor) -> None:
        """Move the own ones among the rows of distinct ``ids`` against their gradient.

        Args:
            ids: Distinct row numbers, (n,).
            rows: What ``pull(ids)`` gave, (n, width).
            grad: Gradient of the loss, summed over the processes, (n, width).
        """
        own = ids % self.group.world == self.group.rank
        super().push(ids[own] // self.group.world, rows[own], grad[own])

    def whole(self, values: Tensor) -> Tensor:
        """A dealt tensor of this table's shape in the order of ids, on the first process; empty on the others."""
        out = torch.empty(self.n_rows if self.group.rank == 0 else 0, values.shape[1])
        for low in range(0, self.n_rows, CHUNK_ROWS):
            ids = torch.arange(low, min(low + CHUNK_ROWS, self.n_rows))
            rows = self._assembled(values, ids)
            if self.group.rank == 0:
                out[low : low + len(ids)] = rows.cpu()
        return out

    def everywhere(self, own: Tensor) -> Tensor:
        """A dealt bool tensor of this table's width in the order of ids, on every process."""
        starts = range(0, self.n_rows, CHUNK_ROWS)
        ids = [torch.arange(low, min(low + CHUNK_ROWS, self.n_rows), device=own.device) for low in starts]
        return torch.cat([self._assembled(own.to(torch.uint8), some).bool() for some in ids])

    def total(self, tensor: Tensor) -> Tensor:
        """A sum over the own rows, summed over the processes."""
        return self.group.sums([tensor])[0]

    def own(self, values: np.ndarray) -> np.ndarray:
        """The rows of a whole table that live on this process."""
        return values[self.group.rank :: self.group.world]

    def _assembled(self, values: Tensor, ids: Tensor) -> Tensor:
        own = ids % self.group.world == self.group.rank
        rows = values.new_zeros(len(ids), values.shape[1])
        rows[own] = values.index_select(0, ids[own] // self.group.world)
        return self.group.sums([rows])[0]
