"""Nearest neighbours of a feature by cosine, before and after pruning; no Streamlit in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

N_NEIGHBOURS = 10


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Features nearest to one, nearest first, with their cosines; empty where its row is all zeros."""

    ids: np.ndarray
    cosines: np.ndarray


def nearest(table: np.ndarray, feature: int, candidates: np.ndarray, n: int = N_NEIGHBOURS) -> Neighbours:
    """The features whose rows point most nearly the same way.

    Args:
        table: Rows of all features, (n_features, K).
        feature: The feature.
        candidates: Ids to choose from; the feature itself and rows of zeros are left out.
        n: Number of neighbours.

    Returns:
        At most ``n`` neighbours; ties are broken by id.
    """
    row = table[feature]
    length = np.linalg.norm(row)
    others = candidates[candidates != feature]
    lengths = np.linalg.norm(table[others], axis=1)
    others, lengths = others[lengths > 0], lengths[lengths > 0]
    if length == 0 or not len(others):
        return Neighbours(np.array([], dtype=int), np.array([]))
    cosines = table[others] @ row / (lengths * length)
    first = np.lexsort((others, -cosines))[:n]
    return Neighbours(others[first], cosines[first])


def around(run: Run, scheme: DimensionScheme, feature: int, n: int = N_NEIGHBOURS) -> tuple[Neighbours, Neighbours]:
    """Neighbours within the feature's own field, in the full table and in the pruned one.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        feature: The feature.
        n: Number of neighbours.

    Returns:
        Before and after pruning; features that training never saw are no candidates.
    """
    field_of = run.vocabulary.field_of
    candidates = np.flatnonzero((field_of == field_of[feature]) & (run.result.counts > 0))
    table = run.result.weighted
    return nearest(table, feature, candidates, n), nearest(table * scheme.mask, feature, candidates, n)


def overlap(before: Neighbours, after: Neighbours) -> int:
    """How many neighbours are in both lists.

    Args:
        before: One list.
        after: The other.

    Returns:
        Their number.
    """
    return len(np.intersect1d(before.ids, after.ids))
