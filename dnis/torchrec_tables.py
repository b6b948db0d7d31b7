"""A table dealt by rows through TorchRec: its lookups and row-sparse updates, behind the same pull and push.

TorchRec moves rows between the processes that have them and those that ask (all-to-all), where ``ShardedTable`` sums a
batch of them over all processes; on clusters that is less. It gives every process an unbroken range of rows, so id i
is asked for as row (i mod world) * range + i // world, and each process has the rows that ``ShardedTable`` gives it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from typing import Any

import torch
from torch import Tensor

from dnis.processes import Solo
from dnis.sharding import ShardedTable
from dnis.tables import RowTable

GRAIN = 4
"""TorchRec's kernels take rows whose width is a multiple of this."""

_FEATURE = "feature"


def check_torchrec(width: int, optimizer: str) -> None:
    """Refuse what TorchRec cannot do.

    Args:
        width: Columns of the table.
        optimizer: Name of the row-sparse optimiser.

    Raises:
        ValueError: If TorchRec is not installed, or the width or the optimiser is not one that it has.
    """
    if importlib.util.find_spec("torchrec") is None:
        raise ValueError("tables 'torchrec' need TorchRec; requirements-torchrec.txt says how it is installed")
    if width % GRAIN:
        raise ValueError(f"embedding_dim must be a multiple of {GRAIN} for tables 'torchrec', got {width}")
    if optimizer != "adagrad":
        raise ValueError(f"optimizer must be adagrad for tables 'torchrec', got {optimizer!r}")


class TorchRecTable(ShardedTable):
    """The rows of one process, held and moved by TorchRec.

    Args:
        values: Start values of the own rows, (n_own, width).
        lr: Learning rate.
        optimizer: ``adagrad``: TorchRec has no Adam without a GPU.
        n_rows: Rows of the whole table.
        group: The processes.

    Raises:
        ValueError: If TorchRec is not installed, or the width or the optimiser is not one that it has.
    """

    narrows = False

    def __init__(self, values: Tensor, lr: float, optimizer: str, n_rows: int, group: Solo) -> None:
        check_torchrec(values.shape[1], optimizer)
        self._range = -(-n_rows // group.world)
        self._model = _sharded_model(self._range * group.world, values.shape[1], lr, group.world)
        (piece,) = next(iter(self._model.state_dict().values())).local_shards()
        held = self._model.fused_optimizer.state_dict()["state"]
        (moment,) = next(iter(next(iter(held.values())).values())).local_shards()
        # the last row of a range may belong to no id; TorchRec writes through these views
        self.values, self._moments = piece.tensor[: len(values)], [moment.tensor[: len(values)]]
        super().__init__(values, lr, optimizer, n_rows, group)

    @torch.no_grad()
    def restart(self, values: Tensor) -> None:
        """Go on from these values (n_own, width), with an optimiser that remembers nothing."""
        self.values.copy_(values)
        self._moments[0].zero_()
        self.steps = 0

    @torch.no_grad()
    def pull(self, ids: Tensor) -> Tensor:
        """The rows of distinct ``ids`` (n,), (n, width), each from the process that has it."""
        return self._looked_up(ids).detach().clone()

    def push(self, ids: Tensor, rows: Tensor, grad: Tensor) -> None:
        """Move the rows of distinct ``ids`` against their gradient; each process hands in a share of them.

        Args:
            ids: Distinct row numbers, (n,).
            rows: What ``pull(ids)`` gave, (n, width).
            grad: Gradient of the loss, summed over the processes, (n, width).
        """
        self.steps += 1
        mine = self.group.share(len(ids))
        with torch.enable_grad():
            # TorchRec takes the mean over the processes, and moves the rows within its backward
            self._looked_up(ids[mine]).backward(grad[mine] * self.group.world)

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        self.restart(state["values"])
        self._moments[0].copy_(state["moment0"])
        self.steps = int(state["steps"])

    def _looked_up(self, ids: Tensor) -> Tensor:
        torchrec: Any = importlib.import_module("torchrec")
        place = ids % self.group.world * self._range + ids // self.group.world
        asked = torchrec.KeyedJaggedTensor([_FEATURE], place, lengths=torch.ones(len(ids), dtype=torch.int64))
        return self._model(asked).wait()[_FEATURE].values()


def _sharded_model(n_rows: int, width: int, lr: float, world: int) -> Any:
    """TorchRec's collection of one table, dealt by rows, with Adagrad inside its backward."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # it warns of its own deprecated parts at every start
        configs: Any = importlib.import_module("fbgemm_gpu.split_embedding_configs")
        torchrec: Any = importlib.import_module("torchrec")
        model_parallel: Any = importlib.import_module("torchrec.distributed")
        embedding: Any = importlib.import_module("torchrec.distributed.embedding")
        plans: Any = importlib.import_module("torchrec.distributed.sharding_plan")
        types: Any = importlib.import_module("torchrec.distributed.types")
        table = torchrec.EmbeddingConfig(
            name=_FEATURE, embedding_dim=width, num_embeddings=n_rows, feature_names=[_FEATURE]
        )
        module = torchrec.EmbeddingCollection(tables=[table], device=torch.device("meta"))
        fused = {"optimizer": configs.EmbOptimType.EXACT_ADAGRAD, "learning_rate": lr, "eps": 1e-10}
        sharder = embedding.EmbeddingCollectionSharder(fused_params=fused)
        rows = {_FEATURE: plans.row_wise(compute_kernel="fused")}
        plan = plans.construct_module_sharding_plan(
            module, rows, sharder=sharder, local_size=world, world_size=world, device_type="cpu"
        )
        return model_parallel.DistributedModelParallel(
            module, device=torch.device("cpu"), sharders=[sharder], plan=types.ShardingPlan(plan={"": plan})
        )


def table_of(values: Tensor, lr: float, optimizer: str, n_rows: int, group: Solo) -> RowTable:
    """A table in this memory, or this process's part of one.

    Args:
        values: Start values of the own rows.
        lr: Learning rate.
        optimizer: ``adam`` or ``adagrad``.
        n_rows: Rows of the whole table.
        group: The processes.

    Returns:
        The table.
    """
    if group.world == 1:
        return RowTable(values, lr, optimizer)
    if group.tables == "torchrec" and values.shape[1] > 1:  # a column of biases is no table to it
        return TorchRecTable(values, lr, optimizer, n_rows, group)
    return ShardedTable(values, lr, optimizer, n_rows, group)
