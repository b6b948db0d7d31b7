"""Scores of one model under many cuts of its table, in one pass instead of one evaluation per cut.

A table is cut at ascending thresholds; the *level* of an entry is the number of them that it survives, so cut j keeps
the entries of level above j. MF and FM add up products of two entries, and a product lives as long as the weaker of its
two entries: added into one bucket per level, the products of an interaction give its scores under all cuts as the sums
of the buckets from the top. Other models are run once per distinct cut on rows that were looked up once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dnis.network import Network
from dnis.tasks import TASKS

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.results import Fitted

SUMS_OF_PRODUCTS = ("MF", "FM")
"""Models whose interaction term is a sum of products of two entries, so that one pass gives every cut."""

HELD_SCORES = 1 << 25
"""Scores held at a time, cuts times interactions: 128 MB; longer sweeps take the cuts in several passes."""

_BLOCK_ENTRIES = 1 << 18
_BLOCK_ROWS = 8192


def one_pass(task: str, model: str) -> bool:
    """Whether a model's scores under all cuts come from one pass; a ranking compares all items anew under every cut.

    Args:
        task: rating, ctr or topk.
        model: A label of ``MODELS``.

    Returns:
        Whether many thresholds cost little more than one.
    """
    return task != "topk" and model in SUMS_OF_PRODUCTS


def metrics_at(
    fitted: Fitted, levels: np.ndarray, cuts: np.ndarray, part: Interactions, seen: Interactions | None = None
) -> list[float]:
    """The task's metric under every cut.

    Args:
        fitted: The uncut model.
        levels: How many thresholds every entry survives, (n_features, K) integers.
        cuts: Cuts to judge, distinct and ascending, (n,); cut j keeps the entries whose level is above j.
        part: What to predict.
        seen: For ``topk``: interactions whose items are left out of a user's ranking.

    Returns:
        One number per cut.
    """
    task = TASKS[fitted.config.task](fitted.config)
    held = torch.from_numpy(levels.astype(np.int32))
    if fitted.config.task == "topk":
        return [task.evaluate(_cut(fitted, held, int(cut), part), part, seen)[task.metric] for cut in cuts]
    network = Network.from_fitted(fitted, len(part.vocabulary.fields))
    score = _added_up if fitted.config.model in SUMS_OF_PRODUCTS else _one_by_one
    target, out = part.target.astype(np.float64), []
    for some in np.array_split(cuts, -(-len(cuts) * len(part) // HELD_SCORES)):
        out += [task.judge(scores, target)[task.metric] for scores in score(network, part, held, some)]
    return out


def _cut(fitted: Fitted, levels: Tensor, cut: int, part: Interactions) -> Network:
    kept = replace(fitted, embeddings=fitted.embeddings * (levels > cut).numpy())
    return Network.from_fitted(kept, len(part.vocabulary.fields))


def _pieces(part: Interactions, n_rows: int) -> Iterator[tuple[slice, Tensor]]:
    """Which rows, and their ids (at most n_rows, n_fields); of rows on disk a block is held at a time."""
    start = 0
    for ids, _ in part.blocks():
        for piece in torch.from_numpy(ids).split(n_rows):
            yield slice(start, start + len(piece)), piece.long()
            start += len(piece)


@torch.no_grad()
def _added_up(network: Network, part: Interactions, levels: Tensor, cuts: np.ndarray) -> list[np.ndarray]:
    """Scores (n,) per cut of a sum of products, by buckets."""
    first, last = int(cuts[0]), int(cuts[-1]) + 1
    # bucket 0 lives under all of these cuts, the last one under none of them
    place = last - levels.clamp(first, last)
    table, out = network.embeddings.values, torch.empty(last - first, len(part))
    n_rows = max(1, min(_BLOCK_ROWS, _BLOCK_ENTRIES // (len(part.vocabulary.fields) * table.shape[1])))
    for where, block in _pieces(part, n_rows):
        products, buckets_of = _products(table[block], place[block])
        buckets = torch.zeros(len(block), last - first + 1)
        buckets[:, 0] = network.biases.values[:, 0][block].sum(1) + network.model.global_bias
        buckets.scatter_add_(1, buckets_of.flatten(1).long(), products.flatten(1))
        out[:, where] = buckets[:, :-1].cumsum(1).T
    return [out[last - 1 - int(cut)].numpy() for cut in cuts]


def _products(rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """What entries (n, n_fields, K) add to the scores, and the bucket that each addend falls into.

    With fields in order of their buckets, an entry times the sum of those before it holds all its products that live
    exactly as long as itself.

    Returns:
        Addends and their buckets, (n, ..., K) each.
    """
    if rows.shape[1] == 2:
        return rows[:, 0] * rows[:, 1], torch.maximum(places[:, 0], places[:, 1])
    places, order = places.sort(dim=1)
    rows = rows.gather(1, order)
    return rows * (rows.cumsum(1) - rows), places


@torch.no_grad()
def _one_by_one(network: Network, part: Interactions, levels: Tensor, cuts: np.ndarray) -> list[np.ndarray]:
    """Scores (n,) per cut of any model, each block of interactions looked up once."""
    out = torch.empty(len(cuts), len(part))
    for where, block in _pieces(part, _BLOCK_ROWS):
        look = network.look_up(block)
        held = levels[look.features]
        for row, cut in zip(out, cuts, strict=True):
            row[where] = network.scores(replace(look, rows=look.rows * (held > int(cut))))
    return list(out.numpy())
