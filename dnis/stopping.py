"""When a training has lasted long enough, and which of its epochs was the best."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


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
