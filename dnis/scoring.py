"""The models' formulas once more in NumPy: scores of a finished model where loading torch would cost too much.

``dnis.models`` is what trains; a contract test holds the two together, model by model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dnis.results import Fitted


BLOCK_ROWS = 16_384
"""Rows scored at a time: bounds the memory."""


def score(fitted: Fitted, ids: np.ndarray) -> np.ndarray:
    """Scores of a finished model, as ``dnis.models`` gives them: predicted ratings, or logits of a click.

    Args:
        fitted: The numbers, selection folded in.
        ids: Feature ids, (n, n_fields).

    Returns:
        Scores, (n,) float32.

    Raises:
        ValueError: If a parameter of the model is missing or of another shape.
    """
    blocks = [_score(fitted, ids[at : at + BLOCK_ROWS]) for at in range(0, len(ids), BLOCK_ROWS)]
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def _score(fitted: Fitted, ids: np.ndarray) -> np.ndarray:
    shared = fitted.biases[ids].sum(axis=1) + fitted.dense["global_bias"]
    try:
        interaction = _INTERACTION[fitted.config.model](fitted.embeddings[ids], fitted.dense)
    except KeyError as error:
        raise ValueError(f"model {fitted.config.model} lacks its parameter {error}") from error
    return (interaction + shared).astype(np.float32)


def _product(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    return (rows[:, 0] * rows[:, 1]).sum(axis=-1)


def _pairwise(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    return 0.5 * (rows.sum(axis=1) ** 2 - (rows**2).sum(axis=1)).sum(axis=-1)


def _layers(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    """The perceptron over all rows, (n, width of its last layer); its layers are numbered 0, 2, 4 and so on."""
    values, layer = rows.reshape(len(rows), -1), 0
    while f"perceptron.{layer}.weight" in dense:
        values = np.maximum(values, 0) if layer else values
        values = values @ dense[f"perceptron.{layer}.weight"].T + dense[f"perceptron.{layer}.bias"]
        layer += 2
    return values


def _deep(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    return _layers(rows, dense)[:, 0]


def _deep_pairwise(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    return _deep(rows, dense) + _pairwise(rows, dense)


def _product_and_deep(rows: np.ndarray, dense: dict[str, np.ndarray]) -> np.ndarray:
    hidden = np.maximum(_layers(rows, dense), 0)
    return (rows[:, 0] * rows[:, 1]) @ dense["product_weight"] + hidden @ dense["hidden_weight"]


_INTERACTION = {
    "MF": _product,
    "FM": _pairwise,
    "MLP": _deep,
    "WideDeep": _deep,
    "DeepFM": _deep_pairwise,
    "NeuMF": _product_and_deep,
}
