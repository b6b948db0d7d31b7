"""A feature's embedding and bias side by side, with what the optimiser remembers of both: one place in memory a row.

In a table that no cache holds, a step costs the places that it visits more than the bytes that it moves.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dnis import tables
from dnis.lookups import Lookup
from dnis.processes import Solo
from dnis.settings import TrainConfig
from dnis.sharding import start_values
from dnis.tables import RowTable
from dnis.torchrec_tables import table_of

START_STD = 0.03
"""Start values are N(0, 0.03^2): larger ones leave noise in rare rows that no pruning can tell from signal."""

PARTS = {"adam": 3, "adagrad": 2}
"""What a record holds of a row: its values, and what the optimiser remembers."""


class Columns(RowTable):
    """Some columns of a record, as a table of their own.

    Args:
        record: The values of a row, then each of its moments, (n_rows, parts * columns).
        columns: Which columns of each part.
        lr: Learning rate.
        optimizer: ``adam`` or ``adagrad``.
    """

    narrows = False

    def __init__(self, record: Tensor, columns: slice, lr: float, optimizer: str) -> None:
        self.record, self.lr, self.optimizer, self.steps = record, lr, optimizer, 0
        self.values, *self._moments = (part[:, columns] for part in record.chunk(PARTS[optimizer], dim=1))
        self._held = self._moments

    def restart(self, values: Tensor) -> None:
        """Go on from these values (n_rows, width), which are copied; the optimiser remembers nothing."""
        self.values.copy_(values)
        for moment in self._moments:
            moment.zero_()
        self.steps = 0


def start_tables(
    n_rows: int, config: TrainConfig, generator: torch.Generator, group: Solo, unknown: np.ndarray
) -> tuple[RowTable, RowTable]:
    """Tables at their start values, side by side where they are large, short of rows and in one memory.

    Args:
        n_rows: Features.
        config: Settings.
        generator: Source of the start values.
        group: The processes.
        unknown: Ids of the features that training may never see; their rows start at zero.

    Returns:
        Embeddings (n_rows, K) and biases (n_rows, 1).
    """
    width, zero = config.embedding_dim, torch.from_numpy(np.asarray(unknown, dtype=np.int64))
    large = n_rows >= tables.TOGETHER_ROWS and width <= tables.TOGETHER_WIDTH
    if group.world == 1 and group.device.type == "cpu" and large:
        record = torch.zeros(n_rows, PARTS[config.optimizer] * (width + 1))
        # drawn into its place: a second copy of the values would be a third of the memory
        start_values(n_rows, width, START_STD, generator, group, out=record[:, :width])[zero] = 0.0
        rows, bias = slice(0, width), slice(width, width + 1)
        how = config.lr, config.optimizer
        return Columns(record, rows, *how), Columns(record, bias, *how)
    values = start_values(n_rows, width, START_STD, generator, group)
    values[zero[zero % group.world == group.rank] // group.world] = 0.0
    values = values.to(group.device)
    how = config.lr, config.optimizer, n_rows, group
    return table_of(values, *how), table_of(values.new_zeros(len(values), 1), *how)


def _cells(record: Tensor, n_parts: int, ids: Tensor, n_taken: int) -> tuple[np.ndarray, np.ndarray]:
    """A record's parts as the cells of one long row, and which cells hold the first ``n_taken`` parts of ``ids``."""
    cell = np.dtype((np.void, record.element_size() * record.shape[1] // n_parts))
    first = ids.numpy() * n_parts
    return record.numpy().view(cell).reshape(-1), np.concatenate([first + i for i in range(n_taken)])


def take_parts(record: Tensor, n_parts: int, ids: Tensor, n_taken: int) -> Tensor:
    """Parts of records as a copy, each part by itself, so that what moves them finds them in one piece.

    Args:
        record: Where from, (n_rows, n_parts * columns), contiguous float32.
        n_parts: Of how many parts a record is.
        ids: Row numbers, (n,).
        n_taken: How many of its parts are wanted, from the first on.

    Returns:
        The parts, (n_taken, n, columns).
    """
    cells, places = _cells(record, n_parts, ids, n_taken)
    shape = n_taken, len(ids), record.shape[1] // n_parts
    return torch.from_numpy(np.take(cells, places).view(np.float32).reshape(shape))


def put_parts(record: Tensor, ids: Tensor, parts: Tensor) -> None:
    """Overwrite whole records in place.

    Args:
        record: Where to, (n_rows, n_parts * columns), contiguous.
        ids: Distinct row numbers, (n,).
        parts: What to write, (n_parts, n, columns), contiguous.
    """
    cells, places = _cells(record, len(parts), ids, len(parts))
    np.put(cells, places, parts.numpy().reshape(-1).view(cells.dtype))


def pull_both(
    embeddings: RowTable, biases: RowTable, ids: Tensor, to_move: bool = False
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Rows and biases of features.

    Args:
        embeddings: Their rows.
        biases: Their biases.
        ids: Feature numbers, (n,).
        to_move: Whether ``push_both`` may move them.

    Returns:
        Rows (n, K), biases (n, 1), and the parts of the records that they come from (parts, n, K + 1) where there are
        any and they are to move.
    """
    if not isinstance(embeddings, Columns):
        return embeddings.pull(ids), biases.pull(ids), None
    n_parts, width = PARTS[embeddings.optimizer], embeddings.values.shape[1]
    parts = take_parts(embeddings.record, n_parts, ids, n_parts if to_move else 1)
    rows, bias = (part.contiguous() for part in parts[0].split([width, 1], dim=1))
    return rows, bias, parts if to_move else None


def push_both(embeddings: RowTable, biases: RowTable, look: Lookup, grad_rows: Tensor, grad_bias: Tensor) -> None:
    """Move rows and biases that a batch pulled against their gradients.

    Args:
        embeddings: Their rows.
        biases: Their biases.
        look: What was pulled to move, distinct features.
        grad_rows: Gradient of the loss, (n, K).
        grad_bias: The same for the biases, (n, 1).
    """
    if look.parts is None or not isinstance(embeddings, Columns):
        embeddings.push(look.features, look.rows, grad_rows)
        biases.push(look.features, look.bias, grad_bias)
        return
    moved, *moments = look.parts
    embeddings.move(moved, moments, torch.cat([grad_rows, grad_bias], dim=1))
    biases.steps = embeddings.steps
    put_parts(embeddings.record, look.features, look.parts)
