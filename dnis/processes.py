"""One process or many: what the engine asks of the others, and how a job under torchrun begins and ends.

Every process walks over the same batches and pulls the same rows; each scores its own slice of a batch. What follows
from a slice, a loss or a gradient, is a share of the whole and is summed over the processes, never inside a graph.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from dnis.ranges import check_choice

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, as while the first one writes a run; a dead one is noticed at once."""


TABLES = ("rows", "torchrec")
"""Where a job of several processes keeps its tables: each its rows by torch alone, or by TorchRec."""

DEVICES = ("auto", "cpu", "cuda")
"""Where tensors of a training live; auto is a GPU where torch finds one."""

_kept: dict[str, Any] = {"tables": "rows", "device": "cpu", "mixed": False}


class LostProcessError(ConnectionError):
    """Another process of the job has ended."""


class Solo:
    """A job of one process; also what several processes have in common."""

    rank, world, tables = 0, 1, "rows"

    @property
    def device(self) -> torch.device:
        """Where this process keeps the tensors of a training; random numbers are drawn on the CPU on every machine."""
        return torch.device(_kept["device"])

    @property
    def mixed(self) -> bool:
        """Whether models compute in bfloat16 where that is safe; tables, gradients and updates stay as they are."""
        return _kept["mixed"]

    @property
    def place(self) -> tuple[int, int]:
        """This process's number, and how many there are."""
        return self.rank, self.world

    def sums(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor summed over the processes; on every process the same."""
        return list(tensors)

    def agree(self, flag: bool) -> bool:
        """Whether any process says so."""
        return flag

    def share(self, n: int, grain: int = 1) -> slice:
        """This process's part of ``n`` rows, in whole groups of ``grain``."""
        groups = n // grain
        return slice(self.rank * groups // self.world * grain, (self.rank + 1) * groups // self.world * grain)


class Group(Solo):
    """The processes that torchrun started, over the default group of torch.distributed."""

    def __init__(self) -> None:
        self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        self.tables = _kept["tables"]

    def sums(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor summed over the processes, all in one message.

        Args:
            tensors: Tensors of one type, of the same shapes on every process.

        Returns:
            The sums.

        Raises:
            LostProcessError: If another process has ended.
        """
        # the processes speak over gloo, which is for numbers in the memory of the machine
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).cpu()
        try:
            distributed.all_reduce(flat)
        except RuntimeError as error:
            raise LostProcessError("another process of this job has ended") from error
        pieces = flat.split([tensor.numel() for tensor in tensors])
        return [piece.view(tensor.shape).to(tensor.device) for piece, tensor in zip(pieces, tensors, strict=True)]

    def agree(self, flag: bool) -> bool:
        """Whether any process says so."""
        return bool(self.sums([torch.tensor([float(flag)])])[0] > 0)


def current() -> Solo:
    """The processes that work on this job.

    Returns:
        A ``Group`` inside ``joined`` under torchrun, else ``Solo``.
    """
    return Group() if distributed.is_available() and distributed.is_initialized() else Solo()


def rank() -> int:
    """This process's number as torchrun gives it, 0 without.

    Returns:
        A number from 0.
    """
    return int(os.environ.get("RANK", "0"))


def many() -> bool:
    """Whether torchrun started several processes.

    Returns:
        True for two or more.
    """
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _device(asked: str, tables: str) -> str:
    check_choice("device", asked, DEVICES)
    if asked == "cuda" and tables != "rows":
        raise ValueError(f"device 'cuda' was asked for, but tables {tables!r} are kept and computed with on the CPU")
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise ValueError("device 'cuda' was asked for, but torch finds no GPU here")
    if asked == "cpu" or not there or tables != "rows":
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


@contextmanager
def joined(tables: str = "rows", device: str = "cpu", mixed: bool = False) -> Generator[Solo]:
    """Meet the other processes of the job, if there are any, and part from them at the end.

    Args:
        tables: One of ``TABLES``.
        device: One of ``DEVICES``.
        mixed: Whether models compute in mixed precision.

    Yields:
        All of them.

    Raises:
        ValueError: If one of them is unknown, or not to be had here.
        LostProcessError: If another process has ended.
    """
    check_choice("tables", tables, TABLES)
    if tables != "rows" and not many():
        raise ValueError(f"tables {tables!r} need several processes: start the command under torchrun")
    before = dict(_kept)
    _kept.update(tables=tables, device=_device(device, tables), mixed=mixed)
    try:
        with _met() if many() and not distributed.is_initialized() else nullcontext():
            yield current()
    finally:
        _kept.update(before)


@contextmanager
def _met() -> Generator[None]:
    def hear(number: int, frame: Any) -> None:
        raise LostProcessError("torchrun ends this process, since another one of the job has ended")

    distributed.init_process_group("gloo", timeout=PATIENCE)
    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield
    except LostProcessError:
        # torchrun ends this process, too, perhaps before it has said what it lost: saying that comes first
        before = signal.SIG_IGN
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        distributed.destroy_process_group()
