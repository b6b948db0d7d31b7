"""The budgeted recipe's alpha: how many dimensions a block deserves, learned while the table keeps to its budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dnis.budgets import index_values
from dnis.tables import RowTable

RATE = 0.05
"""Step of log d, divided by the root of the summed squares of the gradients so far (Adagrad, one scale for all)."""

SOFTNESS = 0.12
"""Width of the edge of a block's dimensions, as a share of their number; at least half a dimension."""


NEEDLESS = 1e-3
"""Dimensions whose loss without training raises the validation loss by no more than this share are needless."""

TINY = 1e-300
"""In the place of a sum of squares that is 0."""

_NUMBERS = ("n_values", "least", "squares", "mean_squares")


class NestedDims:
    """Learns the number of dimensions d_l of every block; alpha follows from it and the layer stays the same.

    ``alpha[l, k] = sigmoid((d_l - k - 1/2) / tau_l)`` with ``tau_l = max(1/2, 0.12 d_l)``: a block keeps its first d_l
    dimensions, with a soft edge through which the gradient of the validation loss tells whether a stored value more is
    worth more in this block than in the others. ``log d`` moves along it, and all blocks together are scaled so that
    ``sum_l n_l d_l`` is what the budget holds, or less: as soon as the gradient says that a value less is worth more
    in all blocks together, their sum falls. That alone would also be said of a table whose numbers are merely too
    large, so the sum stops where the table, cut to fewer dimensions and not trained, gets worse. For a table whose
    dimensions are in order of what they carry (``dnis.rotation``).

    Args:
        alpha: The parameter (n_blocks, K); owned by a ``SoftSelection``.
        block_of: Block per feature, (n_features,).
        field_of: Field per feature, (n_features,).
        compression: Full size over wanted size, at least 1.
    """

    def __init__(self, alpha: nn.Parameter, block_of: np.ndarray, field_of: np.ndarray, compression: float) -> None:
        self.alpha = alpha
        self.block_of, self.rank_of = block_of, _ranked_together(block_of, field_of)
        n_blocks, self.width = alpha.shape
        self.sizes = np.bincount(block_of, minlength=n_blocks).astype(float)
        index = index_values(n_blocks, self.width) if compression > 1 else 0.0
        self.most = float(self.sizes.sum()) * self.width / compression - index
        self.n_values, self.least = self.most, float(self.sizes.sum())
        self.dims = np.full(n_blocks, float(self.width))
        self.squares, self.mean_squares = 0.0, 0.0
        self.settled = False

    def begin(self, loss: Callable[[], float]) -> None:
        """Cut every block to the same number of dimensions: where the uniform table of the budget stands.

        Args:
            loss: Validation loss of the network as it stands, whose table keeps the dimensions that alpha shows.
        """
        widths, losses = _widths(int(min(self.most / self.sizes.sum(), self.width))), []
        for width in widths:
            self._show(np.tile(np.arange(self.width) < width, (len(self.dims), 1)))
            losses.append(loss())
        enough = [w for w, value in zip(widths, losses, strict=True) if value <= (1 + NEEDLESS) * min(losses)]
        # the widest of all widths is the budget's own, which need not be whole
        self.least = self.most if min(enough) == widths[0] else float(min(enough) * self.sizes.sum())
        self._move_to(np.ones(len(self.dims)))

    def step(self, grad: Tensor) -> None:
        """Move against the gradient of the validation loss, (n_blocks, K)."""
        per_value = (grad.cpu().numpy().astype(float) * self._slope()).sum(1) / self.sizes
        share = self.sizes / self.sizes.sum()
        mean = float((per_value * share).sum())
        per_value -= mean  # what all want alike moves their sum, no further than the budget
        self.squares += float((per_value**2 * share).sum())
        self.mean_squares += mean**2
        if self.mean_squares > 0:
            total = self.n_values * np.exp(-RATE * mean / self.mean_squares**0.5)
            self.n_values = float(np.clip(total, self.least, self.most))
        if self.squares > 0 or self.mean_squares > 0:
            # a single block wants what all want, and has no square of its own
            self._move_to(self.dims * np.exp(-RATE * per_value / max(self.squares, TINY) ** 0.5))

    def settle(self) -> None:
        """Make the dimensions whole, the largest remainders rounded up as long as one fits, and alpha 0 or 1.

        Before that, blocks of which the rarer would keep more than the more frequent are pooled (isotonic regression):
        where few lookups tell how much a block deserves, its neighbours know better. The sum stays what it is.
        """
        from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  slow to load

        for group in np.unique(self.rank_of):
            those = self.rank_of == group
            self.dims[those] = isotonic_regression(self.dims[those], sample_weight=self.sizes[those], increasing=False)
        whole = np.maximum(np.floor(self.dims + 1e-9), 1)
        while (fits := (self.sizes <= self.n_values - (whole * self.sizes).sum()) & (whole < self.width)).any():
            whole[np.argmin(np.where(fits, whole - self.dims, np.inf))] += 1
        self.dims = whole
        self.settled = True
        self._show(np.arange(self.width) < whole[:, None])

    @torch.no_grad()
    def after_epoch(self, turn: int, rounds: int, table: RowTable) -> None:
        """Settle after the last of the rounds in which dimensions move; rows take over what alpha made of them."""
        if turn == rounds:
            own = torch.from_numpy(table.own(self.block_of)).to(self.alpha.device)
            table.values.mul_(self.alpha.index_select(0, own))
            self.settle()

    def stored(self, values: Tensor) -> Tensor:
        """Own rows of the table as they are stored, (n_own, K): as they are, for alpha says what has gone."""
        return values

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed search needs of alpha, by name."""
        numbers = {name: np.array(getattr(self, name)) for name in _NUMBERS}
        learnt = {"dims": self.dims.copy(), "settled": np.array(self.settled), **numbers}
        return {"value": self.alpha.detach(), **{k: torch.from_numpy(v) for k, v in learnt.items()}}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state written by ``state``."""
        self.dims = state["dims"].cpu().numpy().copy()
        for name in _NUMBERS:
            setattr(self, name, float(state[name]))
        self.settled = bool(state["settled"])
        self._show(state["value"].cpu().numpy())

    def _move_to(self, proportions: np.ndarray) -> None:
        """Dimensions in these proportions, at least one and at most K each, as many as the budget holds."""
        low, high = 0.0, self.width / proportions.min()
        for _ in range(60):
            middle = (low + high) / 2
            fits = (self.sizes * np.clip(middle * proportions, 1, self.width)).sum() <= self.n_values
            low, high = (middle, high) if fits else (low, middle)
        self.dims = np.clip(low * proportions, 1, self.width)
        self._show(self._edge())

    def _edge(self) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip((self.dims[:, None] - np.arange(self.width) - 0.5) / self._tau(), -30, 30)))

    def _slope(self) -> np.ndarray:
        """Derivative of alpha with respect to d, (n_blocks, K), with tau held fixed though it grows above d = 4.2."""
        edge = self._edge()
        return edge * (1 - edge) / self._tau()

    def _tau(self) -> np.ndarray:
        return np.maximum(0.5, SOFTNESS * self.dims)[:, None]

    @torch.no_grad()
    def _show(self, alpha: np.ndarray) -> None:
        self.alpha.copy_(torch.from_numpy(alpha.astype(np.float32)))


def _widths(most: int) -> list[int]:
    """Widths from ``most`` down to 1, each about a quarter narrower than the one before."""
    widths = [max(most, 1)]
    while widths[-1] > 1:
        widths.append(max(1, min(widths[-1] - 1, round(0.75 * widths[-1]))))
    return widths


def _ranked_together(block_of: np.ndarray, field_of: np.ndarray) -> np.ndarray:
    """Group per block: one for all where a block mixes fields, else the block's field."""
    first = np.unique(block_of, return_index=True)[1]
    pure = np.array_equal(field_of[first][block_of], field_of)
    return field_of[first] if pure else np.zeros(len(first), dtype=field_of.dtype)
