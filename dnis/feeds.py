"""Interactions as batches, from memory or from disk, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dnis.reading import DataError
from dnis.settings import TrainConfig
from dnis.shares import full_softmax_rows, has_full_softmax
from dnis.stored import StoredInteractions
from dnis.tasks import TASKS

if TYPE_CHECKING:
    from dnis.interactions import Interactions

Batch = tuple[Tensor, Tensor]


class Feed:
    """Interactions as batches: slices of one permuted tensor, in an order that depends on seed and epoch alone.

    Args:
        part: The interactions.
        config: Settings.

    Raises:
        DataError: If what is recent shall count more, and the interactions have no times.
    """

    def __init__(self, part: Interactions, config: TrainConfig) -> None:
        self.part, self.config = part, config
        self.task = TASKS[config.task](config)
        self.size = config.batch_size
        if has_full_softmax(config):
            self.size = min(self.size, full_softmax_rows(part))
        if isinstance(part, StoredInteractions):
            if config.recency_half_life:
                raise DataError(
                    f"recency_half_life {config.recency_half_life:g} needs times, which prepared data do not keep"
                )
        else:
            self.ids = torch.from_numpy(part.ids.astype(np.int64))
            self.target = torch.from_numpy(np.asarray(self.task.targets(part), dtype=np.float32))

    def batches(self, epoch: int, stream: int = 0) -> Iterator[Batch]:
        """Walk once over the interactions; ``stream`` tells apart walks of the same epoch."""
        generator = epoch_generator(self.config.seed, epoch, stream)
        size = self.size
        for ids, target in self._walk(generator):
            for start in range(0, len(ids), size):
                yield self.task.expand(ids[start : start + size], target[start : start + size], self.part, generator)

    def endless(self, epoch: int) -> Iterator[Batch]:
        """Walk over the interactions again and again; how they are dealt depends on seed and epoch alone."""
        turn = 0
        while True:
            turn += 1
            yield from self.batches(epoch, stream=turn)

    def _walk(self, generator: torch.Generator) -> Iterator[Batch]:
        if isinstance(self.part, StoredInteractions):
            seed = int(torch.randint(2**62, (), generator=generator))
            for ids, target in self.part.shuffled(seed, self.config.batch_size):
                yield torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(target)
        else:
            order = torch.randperm(len(self.ids), generator=generator)
            if has_full_softmax(self.config):  # few users in a batch are few rows of scores for all items
                order = order[torch.argsort(self._turns(generator)[order], stable=True)]
            yield self.ids.index_select(0, order), self.target.index_select(0, order)

    def _turns(self, generator: torch.Generator) -> Tensor:
        """When the user of each interaction has its turn, (n,): users stay together."""
        return torch.randperm(int(self.part.vocabulary.offsets[1]), generator=generator)[self.ids[:, 0]]


def epoch_generator(seed: int, epoch: int, stream: int = 0) -> torch.Generator:
    """A generator that depends on (seed, epoch, stream) alone, so that a resumed run draws what it would have drawn."""
    mixed = np.random.SeedSequence([seed, epoch, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
