"""How alpha moves: penalty, normalisation, step, clip; and which of its pairs a budget has dropped for good."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dnis.budgets import block_energy, kept_pairs, kept_share
from dnis.hypergradient import normalised
from dnis.settings import SearchConfig
from dnis.tables import RowTable, adam_update


class AlphaOptimizer:
    """Steps alpha (n_blocks, K) inside [0, 1] by SGD or Adam (DNIS, steps 5 and 6 of the method).

    Args:
        alpha: The parameter; owned by a ``SoftSelection``.
        block_of: Block per feature, (n_features,).
        config: Learning rate, penalty, normalisation and budget.
    """

    settled = False
    """Alpha moves until the search ends."""

    def __init__(self, alpha: nn.Parameter, block_of: np.ndarray, config: SearchConfig) -> None:
        self.alpha, self.block_of, self.config = alpha, block_of, config
        self.mean, self.square = torch.zeros_like(alpha), torch.zeros_like(alpha)
        self.steps = 0
        self.kept = torch.ones_like(alpha, dtype=torch.bool)

    @torch.no_grad()
    def step(self, grad: Tensor) -> None:
        """Move against the gradient of the validation loss, (n_blocks, K)."""
        config, n_kept = self.config, self.kept.sum(dim=1, keepdim=True)
        grad = grad * self.kept
        # what is dropped counts in no mean, or the steps of what is kept would depend on it
        every = grad.numel() / max(int(n_kept.sum()), 1)
        scale = float(grad.abs().mean()) * every if config.l1_scale == "relative" else 1.0
        grad = (grad + config.l1_alpha * scale) * self.kept
        if config.normalise:
            grad = normalised(grad, n_kept)
        self.steps += 1
        if config.alpha_optimizer == "adam":
            adam_update(self.alpha, self.mean, self.square, grad, config.lr_alpha, self.steps)
        else:
            self.alpha.sub_(grad, alpha=config.lr_alpha)
        self.alpha.clamp_(0, 1).mul_(self.kept)

    def begin(self, loss: Callable[[], float]) -> None:
        """Alpha starts to move from where it is."""

    def after_epoch(self, turn: int, rounds: int, table: RowTable) -> None:
        """Drop the pairs that the budget no longer holds after ``turn`` of ``rounds`` epochs.

        Args:
            turn: Epochs since alpha began to move.
            rounds: Epochs until the budget is met.
            table: The embeddings (n_features, K) as they stand.
        """
        if self.config.compression > 1:
            share = kept_share(turn, rounds, self.config.compression)
            sizes = np.bincount(self.block_of, minlength=len(self.alpha))
            own = block_energy(table.values.cpu().numpy(), table.own(self.block_of), len(self.alpha))
            energy = table.total(torch.from_numpy(own)).numpy()
            self.drop(kept_pairs(self.alpha.detach().cpu().numpy(), energy, sizes, share))

    def stored(self, values: Tensor) -> Tensor:
        """Own rows of the table as they are stored, (n_own, K): as they are."""
        return values

    @torch.no_grad()
    def drop(self, kept: np.ndarray) -> None:
        """Set every pair to 0 that is not ``kept`` (n_blocks, K) bool; they stay there."""
        self.kept = torch.from_numpy(kept).to(self.alpha.device)
        self.alpha.mul_(self.kept)

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed search needs of alpha, by name."""
        moments = {"mean": self.mean, "square": self.square}
        return {"value": self.alpha.detach(), **moments, "kept": self.kept, "steps": torch.tensor(self.steps)}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        for own, name in ((self.alpha, "value"), (self.mean, "mean"), (self.square, "square")):
            own.copy_(state[name])
        self.kept, self.steps = state["kept"].bool().to(self.alpha.device), int(state["steps"])
