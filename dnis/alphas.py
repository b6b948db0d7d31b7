"""How alpha moves: penalty, normalisation, step, clip; and which of its pairs a budget has dropped for good."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dnis.hypergradient import normalised
from dnis.settings import SearchConfig
from dnis.tables import adam_update


class AlphaOptimizer:
    """Steps alpha (n_blocks, K) inside [0, 1] by SGD or Adam (DNIS, steps 5 and 6 of the method).

    Args:
        alpha: The parameter; owned by a ``SoftSelection``.
        config: Learning rate, penalty and normalisation.
    """

    def __init__(self, alpha: nn.Parameter, config: SearchConfig) -> None:
        self.alpha, self.config = alpha, config
        self.mean, self.square = torch.zeros_like(alpha), torch.zeros_like(alpha)
        self.steps = 0
        self.kept = torch.ones_like(alpha, dtype=torch.bool)

    @torch.no_grad()
    def step(self, grad: Tensor) -> None:
        """Move against the gradient of the validation loss, (n_blocks, K)."""
        config = self.config
        scale = float(grad.abs().mean()) if config.l1_scale == "relative" else 1.0
        grad = grad + config.l1_alpha * scale
        if config.normalise:
            grad = normalised(grad)
        self.steps += 1
        if config.alpha_optimizer == "adam":
            adam_update(self.alpha, self.mean, self.square, grad, config.lr_alpha, self.steps)
        else:
            self.alpha.sub_(grad, alpha=config.lr_alpha)
        self.alpha.clamp_(0, 1).mul_(self.kept)

    @torch.no_grad()
    def drop(self, kept: np.ndarray) -> None:
        """Set every pair to 0 that is not ``kept`` (n_blocks, K) bool; they stay there."""
        self.kept = torch.from_numpy(kept)
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
        self.kept, self.steps = state["kept"].bool(), int(state["steps"])
