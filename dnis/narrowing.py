"""A cut table is trained without the dimensions that no feature keeps; they are given back when it is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dnis.network import Network
from dnis.results import Fitted
from dnis.selection import HardSelection


class Narrowed:
    """What a network has left out that goes on with some of its dimensions.

    A dimension that no feature keeps is zero in every row: it changes no score, and nothing of it, or of what the
    model has for it, ever gets a gradient. Without it a step costs what the table that is left costs.

    Args:
        network: With a fixed scheme; changed in place. The optimisers of its tables remember nothing, and those
            parameters of the model that go along with the dimensions are other ones afterwards.
        dims: Which dimensions stay, (k,) ascending, of K.
    """

    @torch.no_grad()
    def __init__(self, network: Network, dims: np.ndarray) -> None:
        self.dims, self.width, model = dims, network.embeddings.values.shape[1], network.model
        kept = torch.from_numpy(dims).to(network.device)
        self._left: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name, index in model.along_rows(kept).items():
            weight = model.get_parameter(name)
            self._left[name] = weight.cpu().numpy().copy(), index.cpu().numpy()
            owner, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(owner), attribute, nn.Parameter(weight[..., index].contiguous()))
        model.embedding_dim = len(dims)
        network.embeddings.restart(network.embeddings.values.index_select(1, kept))
        network.biases.restart(network.biases.values)
        if isinstance(network.selection, HardSelection):
            network.selection.narrow(kept)

    def widened(self, fitted: Fitted) -> Fitted:
        """The numbers of the whole model.

        Args:
            fitted: Numbers of the narrow one, embeddings (n_features, k).

        Returns:
            The same with all K dimensions: zeros in rows, start values in the model, where they were left out.
        """
        rows = np.zeros((len(fitted.embeddings), self.width), dtype=np.float32)
        rows[:, self.dims] = fitted.embeddings
        dense = dict(fitted.dense)
        for name, (whole, index) in self._left.items():
            dense[name] = whole.copy()
            dense[name][..., index] = fitted.dense[name]
        return replace(fitted, embeddings=rows, dense=dense)


def kept_dims(network: Network) -> np.ndarray | None:
    """The dimensions that a training under a fixed scheme needs.

    Args:
        network: With any selection.

    Returns:
        Those that any feature keeps, (k,), at least one; None where that is all of them, where the selection may still
        change or lifts rows to all dimensions, or where the table cannot change its width.
    """
    if not isinstance(network.selection, HardSelection) or not network.embeddings.narrows:
        return None
    mask = network.selection.mask
    kept = mask.any(dim=0).nonzero()[:, 0].cpu().numpy()
    kept = kept if len(kept) else np.zeros(1, dtype=np.int64)
    return kept if len(kept) < mask.shape[1] else None
