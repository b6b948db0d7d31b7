"""The running mean of a training's weights over its epochs, judged and kept in place of the weights themselves.

Steps of a constant length end by circling around a good place; the mean of where they were lies nearer to it
(Polyak and Juditsky 1992; as an exponential mean, Tarvainen and Valpola 2017).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class RunningMean:
    """An exponential mean of weights, begun with those of the first epoch; while it stands in, two copies are held.

    Args:
        decay: Share of the mean that stays when an epoch's weights are taken in, in [0, 1); 0 is no mean at all.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self._mean: list[Tensor] = []

    @contextmanager
    @torch.no_grad()
    def in_place_of(self, weights: Sequence[Tensor]) -> Generator[None]:
        """Take an epoch's weights into the mean, and let it stand in their place while the block lasts.

        Args:
            weights: What moves, of the same shapes in every epoch.
        """
        if not self.decay:
            yield
            return
        moving = [weight.detach().clone() for weight in weights]
        if self._mean:
            for mean, weight in zip(self._mean, moving, strict=True):
                mean.lerp_(weight, 1 - self.decay)
        else:
            self._mean = [weight.clone() for weight in moving]
        self.put_into(weights)
        try:
            yield
        finally:
            for weight, before in zip(weights, moving, strict=True):
                weight.copy_(before)

    @torch.no_grad()
    def put_into(self, weights: Sequence[Tensor]) -> None:
        """Overwrite weights by the mean, for good.

        Args:
            weights: What moved.
        """
        if self.decay:
            for weight, mean in zip(weights, self._mean, strict=True):
                weight.copy_(mean)
