"""How much the L2 penalty of every feature counts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dnis.lookups import Lookup
from dnis.settings import TrainConfig


def penalty_of(counts: np.ndarray, config: TrainConfig) -> Tensor:
    """L2 penalty per feature: l2 (count / mean)^nu; one number that stands for all of them where nu is 0.

    Args:
        counts: Training frequency per feature, (n_features,); what never occurs counts as once.
        config: ``l2`` and ``l2_nu`` matter here.

    Returns:
        Penalties, (n_features,) float32.

    Examples:
        >>> penalty_of(np.array([0, 3]), TrainConfig(l2=0.2, l2_nu=1.0)).tolist() == [np.float32(0.1), np.float32(0.3)]
        True
    """
    if config.l2_nu == 0:
        return torch.tensor(config.l2).expand(len(counts))
    # in place and in single precision: a table of ten million rows has no memory to spare
    share = np.maximum(counts, 1, dtype=np.float32)
    share /= share.mean(dtype=np.float64)
    share **= config.l2_nu
    share *= config.l2
    return torch.from_numpy(share)


def shrinkage(penalty: Tensor, look: Lookup) -> Tensor:
    """Gradient of the L2 penalty per unit of row, (n, 1): 2 l2 (count / mean)^nu times the row's share of lookups.

    The penalty is l2 * mean over the batch of sum over fields (count / mean)^nu |e|^2.

    Args:
        penalty: Of every feature, (n_features,).
        look: The rows that a batch pulled, n of them.

    Returns:
        What a row is multiplied by to give its gradient, (n, 1).
    """
    return (2 / look.shape[0] * look.times * penalty.index_select(0, look.features))[:, None]
