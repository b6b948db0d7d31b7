"""What stands between a lookup and a model: all dimensions, softly weighted ones, or a fixed choice of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dnis.schemes import DimensionScheme


class UniformSelection(nn.Module):
    """Every feature keeps every dimension."""

    def forward(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Rows (n, K) of ``feature_ids`` (n,), unchanged."""
        return rows

    def penalised(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Half the gradient (n, K) of the squared norm that the L2 penalty of ``rows`` takes."""
        return rows

    def weights(self) -> list[nn.Parameter]:
        """Parameters of the selection that train together with the model's weights."""
        return []


class SoftSelection(UniformSelection):
    """The soft selection layer of DNIS: e~_i = alpha[block(i)] * e_i, elementwise (DNIS section 2, step 2).

    Args:
        block_of: Block per feature, (n_features,).
        embedding_dim: K.
        start: Start value of alpha, in [0, 1].

    Examples:
        >>> layer = SoftSelection(np.array([0, 0, 1]), embedding_dim=2, start=0.5)
        >>> layer(torch.ones(2, 2), torch.tensor([0, 2])).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    block_of: Tensor
    kept: Tensor | None
    """Entries that have not gone for good, (n_features, K) bool; None: all."""

    def __init__(self, block_of: np.ndarray, embedding_dim: int, start: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("block_of", torch.from_numpy(np.asarray(block_of, dtype=np.int64)), persistent=False)
        self.register_buffer("kept", None, persistent=False)
        self.alpha = nn.Parameter(torch.full((int(block_of.max()) + 1, embedding_dim), float(start)))

    def forward(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Rows (n, K) of ``feature_ids`` (n,), each entry weighted by alpha of its block and dimension."""
        weighted = rows * self.alpha.index_select(0, self.block_of.index_select(0, feature_ids))
        return weighted if self.kept is None else weighted * _numbers(self.kept, feature_ids)

    def penalised(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """What has gone is not penalised."""
        return rows if self.kept is None else rows * _numbers(self.kept, feature_ids)


class HardSelection(UniformSelection):
    """A fixed scheme: dropped entries are zero and get no gradient; alpha, where the scheme has one, stays as it is.

    Args:
        scheme: Mask (n_features, K), and alpha (n_blocks, K) or None.
    """

    mask: Tensor
    alpha: Tensor | None
    block_of: Tensor

    def __init__(self, scheme: DimensionScheme) -> None:
        super().__init__()
        alpha = None if scheme.alpha is None else torch.from_numpy(scheme.alpha.astype(np.float32))
        self.register_buffer("mask", torch.from_numpy(np.ascontiguousarray(scheme.mask)), persistent=False)
        self.register_buffer("alpha", alpha, persistent=False)
        self.register_buffer("block_of", torch.from_numpy(scheme.block_of.astype(np.int64)), persistent=False)

    def forward(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Rows (n, K) of ``feature_ids`` (n,) with dropped entries at zero."""
        kept = _numbers(self.mask, feature_ids)
        if self.alpha is None:
            return rows * kept
        return rows * self.alpha.index_select(0, self.block_of.index_select(0, feature_ids)).mul_(kept)

    def penalised(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Kept entries only: what a mask that moves may let come back is not made smaller meanwhile."""
        return rows * _numbers(self.mask, feature_ids)

    def narrow(self, dims: Tensor) -> None:
        """Get ready for rows of some dimensions (k,) alone, which are all that any feature keeps."""
        self.mask = self.mask.index_select(1, dims)
        self.alpha = None if self.alpha is None else self.alpha.index_select(1, dims)


def _numbers(mask: Tensor, feature_ids: Tensor) -> Tensor:
    """1 where an entry stays, 0 elsewhere, (n, K); torch makes numbers of bytes six times as fast as of bools."""
    return mask.index_select(0, feature_ids).view(torch.uint8).float()


class ProjectedSelection(UniformSelection):
    """Rows of d_l dimensions lifted to K by one (d_l, K) matrix per block (Mixed Dimension Embeddings, Ginart 2019).

    Args:
        scheme: A nested scheme; block l keeps its first d_l dimensions.
        generator: Source of the projections' start values.
    """

    block_of: Tensor

    def __init__(self, scheme: DimensionScheme, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("block_of", torch.from_numpy(scheme.block_of.astype(np.int64)), persistent=False)
        self.block_dims = [int(d) for d in scheme.block_dims]
        k = scheme.mask.shape[1]
        lift = torch.eye(k).expand(len(self.block_dims), k, k) + 0.1 / k**0.5 * torch.randn(
            len(self.block_dims), k, k, generator=generator
        )
        self.lift = nn.Parameter(lift.clone())

    def forward(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """Rows (n, K) of ``feature_ids`` (n,): the first d_l numbers of each, times its block's matrix."""
        block = self.block_of[feature_ids]
        order = block.argsort(stable=True)
        parts = rows.index_select(0, order).split(torch.bincount(block, minlength=len(self.block_dims)).tolist())
        lifted = [self._lift(part, index) for index, part in enumerate(parts)]
        return torch.cat(lifted).index_select(0, order.argsort())

    def _lift(self, part: Tensor, index: int) -> Tensor:
        width, k = self.block_dims[index], part.shape[1]
        return part if width == k else part[:, :width] @ self.lift[index, :width]

    def penalised(self, rows: Tensor, feature_ids: Tensor) -> Tensor:
        """For |x P|^2 of the lifted rows, x P P': rows cannot escape the penalty into their projection."""
        with torch.enable_grad():
            leaf = rows.detach().requires_grad_()
            return torch.autograd.grad(self(leaf, feature_ids).square().sum() / 2, leaf)[0]

    def weights(self) -> list[nn.Parameter]:
        """The projections."""
        return [self.lift]


def make_selection(scheme: DimensionScheme | None, generator: torch.Generator) -> UniformSelection:
    """The selection that a scheme asks for.

    Args:
        scheme: None for all dimensions.
        generator: Source of start values, where the selection has weights.

    Returns:
        A selection module.
    """
    if scheme is None:
        return UniformSelection()
    return ProjectedSelection(scheme, generator) if scheme.projected else HardSelection(scheme)
