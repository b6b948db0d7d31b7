"""A cut table is trained without the dimensions that no feature keeps; they are given back when it is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dnis.network import Network
from dnis.results import Fitted
from dnis.schemes import DimensionScheme


class Narrowed:
    """A network that goes on with some of its dimensions.

    A dimension that no feature keeps is zero in every row: it changes no score, and nothing of it, or of what the
    model has for it, ever gets a gradient. Without it a step costs what the table that is left costs.

    Args:
        network: Changed in place, tables, selection and model; parameters of the model are other ones afterwards.
        dims: Which dimensions stay, (k,) ascending, of K.
    """

    @torch.no_grad()
    def __init__(self, network: Network, dims: Tensor) -> None:
        self.dims, self.width = dims.numpy(), network.embeddings.values.shape[1]
        dims, model = dims.to(network.device), network.model
        self._along = {name: index.cpu().numpy() for name, index in model.along_rows(dims).items()}
        self._full: dict[str, np.ndarray] = {}
        for name, index in model.along_rows(dims).items():
            weight = model.get_parameter(name)
            self._full[name] = weight.cpu().numpy().copy()
            owner, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(owner), attribute, nn.Parameter(weight[..., index].contiguous()))
        network.embeddings.restart(network.embeddings.values.index_select(1, dims))
        network.selection.narrow(dims)

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
        for name, index in self._along.items():
            dense[name] = self._full[name].copy()
            dense[name][..., index] = fitted.dense[name]
        return replace(fitted, embeddings=rows, dense=dense)


def kept_dims(scheme: DimensionScheme | None, network: Network) -> Tensor | None:
    """The dimensions that a training needs, (k,).

    Args:
        scheme: What stays; None for everything.
        network: Whose tables it is.

    Returns:
        Those that any feature keeps, at least one; None where that is all of them, where rows are lifted to all
        dimensions, or where the table cannot change its width.
    """
    if scheme is None or scheme.projected or not network.embeddings.narrows:
        return None
    kept = np.flatnonzero(scheme.mask.any(axis=0))
    return None if len(kept) == scheme.mask.shape[1] else torch.from_numpy(kept if len(kept) else np.zeros(1, np.int64))
