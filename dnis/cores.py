"""The k-core of a log: users and items that have at least k interactions with each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dnis.ranges import check_range
from dnis.reading import DataError
from dnis.settings import MAX_CORE

if TYPE_CHECKING:
    from dnis.interactions import Interactions


def k_core(data: Interactions, k: int) -> Interactions:
    """Keep the largest part of a log in which every user and every item has at least k interactions.

    Users and items with fewer are left out in turn until none is left to leave out; the result does not depend on the
    order (Seidman 1983). Values that no kept row holds leave the vocabulary, too.

    Args:
        data: Interactions with a user and an item column.
        k: Fewest interactions, in [0, 100]; 0 and 1 keep everything.

    Returns:
        The k-core, with a note on what was left out.

    Raises:
        DataError: If there is no user or item column, or nothing is left.
    """
    check_range("core", k, 0, MAX_CORE)
    if k < 2:
        return data
    if data.roles.user is None or data.roles.item is None:
        raise DataError(
            f"a {k}-core needs a user and an item column, the fields are {', '.join(data.vocabulary.fields)}"
        )
    kept = _kept(data.ids[:, :2], k, data.n_features)
    if not kept.any():
        raise DataError(f"no user and item have {k} interactions with each other: the {k}-core is empty")
    inside = data.take(np.flatnonzero(kept))
    note = f"The {k}-core keeps {kept.sum():,} of {len(data):,} rows."
    return replace(_renumbered(inside), notes=(*data.notes, note))


def _kept(pairs: np.ndarray, k: int, n_features: int) -> np.ndarray:
    kept = np.ones(len(pairs), dtype=bool)
    while True:
        # a user and an item never share a feature id, so one count serves both
        counts = np.bincount(pairs[kept].ravel(), minlength=n_features)
        rare = kept & (counts[pairs] < k).any(axis=1)
        if not rare.any():
            return kept
        kept &= ~rare


def _renumbered(data: Interactions) -> Interactions:
    """The same rows with a vocabulary of what they hold; the unknown feature of every field stays."""
    vocabulary = data.vocabulary
    used = data.counts > 0
    used[vocabulary.offsets[:-1]] = True
    bounds = list(zip(vocabulary.offsets[:-1], vocabulary.offsets[1:], strict=True))
    values = tuple(v[used[low:high]] for v, (low, high) in zip(vocabulary.values, bounds, strict=True))
    item = vocabulary.index(data.roles.item) if data.roles.item else 0
    titles = {raw: vocabulary.titles[raw] for raw in values[item] if raw in vocabulary.titles}
    return replace(
        data,
        vocabulary=replace(vocabulary, values=values, titles=titles),
        ids=(np.cumsum(used) - 1)[data.ids].astype(np.int32),
    )
