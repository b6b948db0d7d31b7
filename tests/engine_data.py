"""Interactions, splits and networks small enough to work out by hand or by loops."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from dnis.interactions import UNKNOWN, Interactions, Roles, Vocabulary
from dnis.settings import MODELS_BY_TASK, SearchConfig
from dnis.splits import Split

KINDS = {"rating": "rating", "ctr": "label", "topk": None}

TASK_MODELS = [(task, model) for task, models in MODELS_BY_TASK.items() for model in models]
"""Every model with every task that takes it."""


def interactions(ids, target=None, sizes=(4, 4), task="rating"):
    """Rows of global feature ids; field f has ``sizes[f]`` features, the first of them unknown."""
    names = ("user_id", "item_id", "city", "hour")[: len(sizes)]
    values = tuple(np.array([UNKNOWN, *map(str, range(1, size))], dtype=object) for size in sizes)
    roles = Roles("user_id", "item_id", target="outcome", target_kind=KINDS[task], features=names[2:])
    target = np.ones(len(ids)) if target is None else target
    ids = np.asarray(ids, dtype=np.int32).reshape(-1, len(sizes))
    return Interactions(Vocabulary(names, values), ids, np.asarray(target, dtype=np.float32), None, None, roles)


@cache
def small_split(task="rating", n_fields=2):
    """420 rows of 20 users, 15 items and up to two more fields, whose outcome depends on all of them; dealt by lot."""
    rng = np.random.default_rng(7)
    sizes = (21, 16, 5, 6)[:n_fields]
    columns = [rng.integers(1, size, 600) for size in sizes]
    taste = [rng.normal(0, 1, (size, 2)) for size in sizes]
    drawn = [t[c] for t, c in zip(taste, columns, strict=True)]
    signal = sum((a * b).sum(1) for i, a in enumerate(drawn) for b in drawn[i + 1 :]) + drawn[0][:, 0]
    rating = 3 + 0.5 * signal + rng.normal(0, 0.2, 600)
    target = {"rating": rating, "ctr": rating > 3, "topk": np.ones(600)}[task]
    offsets = np.cumsum([0, *sizes[:-1]])
    every = interactions(np.stack(columns, axis=1) + offsets, target, sizes, task)
    cuts = np.array_split(np.arange(600), [420, 480, 540])
    return Split(*(every.take(rows) for rows in cuts), strategy="random", seed=0, unknown={})


def timed(split):
    """The same split, whose rows came one second after the other, part after part."""
    parts, start = {}, 0
    for name, part in split.parts.items():
        parts[name] = replace(part, timestamp=np.arange(start, start + len(part)))
        start += len(part)
    return replace(split, **parts)


def small_config(task="rating", **changes):
    """Settings under which every part of the engine has something to do within a few small batches."""
    small = {
        "embedding_dim": 4,
        "batch_size": 64,
        "epochs": 5,
        "patience": 50,
        "hidden": (6, 5),
        "lr": 0.02,
        "l2": 0.01,
    }
    searching = {"n_blocks": 3, "warm_epochs": 2, "lr_alpha": 0.02, "n_negatives": 2}
    return SearchConfig.for_task(task, **{**small, **searching, **changes})


def poisoned(split, part, shift=5.0):
    """The same split with the targets of one part moved by ``shift``."""
    old = getattr(split, part)
    return replace(split, **{part: replace(old, target=old.target + np.float32(shift))})


def as_double(trainer, seed=0):
    """A trainer in double precision, with rows and biases large enough for differences to be measured."""
    network = trainer.network
    generator = torch.Generator().manual_seed(seed)
    for table, scale in ((network.embeddings, 0.5), (network.biases, 0.2)):
        table.values = scale * torch.randn(table.values.shape, generator=generator, dtype=torch.float64)
    network.model.double()
    network.selection.double()
    trainer.penalty = trainer.penalty.double()
    return trainer


def same_bits(one, other):
    """Whether two dictionaries hold the same names and exactly the same arrays."""
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)
