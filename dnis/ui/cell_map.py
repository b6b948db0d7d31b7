"""Alpha and what the cut makes of it, as the data that the map of cells in the browser draws; no Streamlit in here."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.ui import escape

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

MAX_LABEL = 44


def of_run(run: Run, scheme: DimensionScheme, shown: Sequence[int], words: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the map needs to explain any of its cells without asking the server.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        shown: Features on show; they stand for their blocks, the most frequent feature for every other block.
        words: Texts of the component.

    Returns:
        What the map component takes as data.
    """
    result = run.result
    n_blocks, width = result.alpha.shape
    members = np.bincount(result.block_of, minlength=n_blocks)
    examples = [_example(run, scheme, feature) for feature in (*shown, *_most_frequent(run, shown))]
    return {
        "id": run.folder.name,
        "rows": n_blocks,
        "columns": width,
        "alpha": _packed(result.alpha),
        "size": _packed(block_means(np.abs(result.weighted), result.block_of)),
        "kept": np.rint(block_means(scheme.mask, result.block_of) * members[:, None]).astype(int).ravel().tolist(),
        "members": members.tolist(),
        "blocks": _block_words(run, words),
        "examples": examples,
        "shown": len(shown),
        "threshold": float(scheme.threshold or 0.0),
        "words": dict(words),
    }


def block_means(per_feature: np.ndarray, block_of: np.ndarray) -> np.ndarray:
    """Mean over the features of each block.

    Args:
        per_feature: Values, (n_features, K).
        block_of: Block per feature, (n_features,).

    Returns:
        Means, (n_blocks, K).
    """
    order = np.argsort(block_of, kind="stable")
    sizes = np.bincount(block_of)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(np.asarray(per_feature, dtype=float)[order], starts, axis=0) / sizes[:, None]


def _most_frequent(run: Run, shown: Sequence[int]) -> list[int]:
    """The most frequent feature of every block that no feature on show stands for."""
    result = run.result
    taken = {int(result.block_of[feature]) for feature in shown}
    by_count = np.argsort(-result.counts, kind="stable")
    blocks, first = np.unique(result.block_of[by_count], return_index=True)
    return [int(by_count[at]) for block, at in zip(blocks, first, strict=True) if int(block) not in taken]


def _example(run: Run, scheme: DimensionScheme, feature: int) -> dict[str, Any]:
    result = run.result
    return {
        "label": escape.plain(run.vocabulary.label(feature), MAX_LABEL),
        "block": int(result.block_of[feature]),
        "e": _packed(result.embeddings[feature]),
        "product": _packed(result.weighted[feature]),
        "kept": scheme.mask[feature].astype(int).tolist(),
    }


def _block_words(run: Run, words: Mapping[str, Any]) -> list[str]:
    out = []
    for block in range(len(run.result.alpha)):
        counts = run.result.counts[run.result.block_of == block]
        about = words["block_words"]
        out.append(about.format(features=f"{len(counts):,}", low=f"{counts.min():,}", high=f"{counts.max():,}"))
    return out


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()
