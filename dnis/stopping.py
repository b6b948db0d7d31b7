"""When a training has lasted long enough, and which of its epochs was the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

DIVERGED = 10
"""A training loss this many times that of the start values has diverged: steps of Adam never reach infinity."""


class DivergedError(ValueError):
    """Training went astray: its loss is no number, or far above that of the start values."""


def refuse_divergence(loss: float, start_loss: float, epoch: int, lr: float) -> None:
    """Refuse to go on with a training that went astray.

    Args:
        loss: Training loss of an epoch.
        start_loss: That of the start values.
        epoch: Number of the epoch.
        lr: Learning rate.

    Raises:
        DivergedError: If the loss is not finite, or far above that of the start values.
    """
    if not loss <= DIVERGED * start_loss:
        raise DivergedError(
            f"training diverged in epoch {epoch}: the loss is {loss:.3g}, {start_loss:.3g} at the start; "
            f"lower lr (now {lr:g})"
        )


class EarlyStopping:
    """The best epoch so far and its numbers; says when ``patience`` epochs brought nothing better."""

    def __init__(self, patience: int, first_epoch: int = 0) -> None:
        self.patience = patience
        self.best_loss = float("inf")
        self.best_epoch = first_epoch
        self.best: dict[str, Tensor] = {}

    def update(self, epoch: int, loss: float, state: Callable[[], dict[str, Tensor]]) -> None:
        """Remember this epoch if it is the best."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best = {k: v.detach().clone() for k, v in state().items()}

    def over(self, epoch: int) -> bool:
        """Whether the search for a better epoch has lasted long enough."""
        return epoch - self.best_epoch >= self.patience
