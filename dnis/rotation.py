"""Turn an embedding table so that its first dimensions carry most; the model's scores stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from operator import pos as positive

import numpy as np
import torch
from torch import Tensor

from dnis.network import Network


def principal_axes(embeddings: Tensor, counts: np.ndarray, total: Callable[[Tensor], Tensor] = positive) -> Tensor:
    """Directions in which the rows, weighted by how often they are looked up, have most energy; the greatest first.

    The eigenvectors of E' diag(counts) E, that is the right singular vectors of diag(counts)^(1/2) E. Cutting a table
    behind its first d principal axes loses the least energy of all ways to keep d dimensions (Eckart & Young 1936).

    Args:
        embeddings: The table (n_features, K).
        counts: Training frequency per feature, (n_features,).
        total: Makes a sum over these rows one over all rows, where the table is dealt over processes.

    Returns:
        An orthogonal matrix (K, K); rows are turned by ``embeddings @ axes``.
    """
    weighted = embeddings.double() * torch.from_numpy(counts.astype(np.float64)).to(embeddings.device)[:, None]
    axes = torch.linalg.eigh(total(weighted.T @ embeddings.double())).eigenvectors.flip(1)
    # an axis and its opposite are the same; the one whose largest part is positive, so that every machine agrees
    signs = axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return (axes * signs).to(embeddings.dtype)


def by_energy(embeddings: Tensor, counts: np.ndarray, total: Callable[[Tensor], Tensor] = positive) -> Tensor:
    """The permutation that puts the dimensions of most energy first, for a model that knows dimensions one by one.

    Args:
        embeddings: The table (n_features, K).
        counts: Training frequency per feature, (n_features,).
        total: Makes a sum over these rows one over all rows, where the table is dealt over processes.

    Returns:
        A permutation matrix (K, K).
    """
    weight = torch.from_numpy(counts.astype(np.float32)).to(embeddings.device)[:, None]
    order = total((embeddings.square() * weight).sum(0)).argsort(descending=True, stable=True)
    return torch.eye(len(order), device=order.device)[:, order]


@torch.no_grad()
def turn(network: Network, counts: np.ndarray) -> None:
    """Turn a network's table in place, and its dense layers with it; optimiser moments of the table start anew.

    Args:
        network: What has been trained without a selection that tells dimensions apart.
        counts: Training frequency per feature, (n_features,).
    """
    axes_of = principal_axes if network.model.turns else by_energy
    table = network.embeddings
    axes = axes_of(table.values, table.own(counts), table.total)
    table.restart(table.values @ axes)
    network.model.turn(axes)
