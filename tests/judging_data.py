"""Planted data and settings small enough to judge every method in a moment."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np

from dnis.datasets import planted
from dnis.settings import SearchConfig


@cache
def planted_split(seed=0):
    """3,000 ratings of 120 users on 80 items with known dimensions, dealt by time within each user."""
    return planted(seed, n_users=120, n_items=80, n_interactions=3000).interactions.split()


def judging_config(**changes):
    """Settings of a full table of 8 dimensions whose trainings take milliseconds."""
    small = {"embedding_dim": 8, "n_blocks": 4, "batch_size": 256, "epochs": 6, "patience": 3, "warm_epochs": 2}
    return SearchConfig(**{**small, "lr": 0.02, **changes})


def full_bytes(split, config):
    """Size [bytes] of the table in which every feature has all dimensions."""
    return 4 * split.train.n_features * config.embedding_dim


def with_another_test(split):
    """The same split with nonsense in its test part: other targets, every row of the rarest user and item."""
    test, starts = split.test, split.vocabulary.offsets
    rarest = [start + 1 + split.counts[start + 1 : end].argmin() for start, end in pairwise(starts)]
    ids = np.tile(np.array(rarest, dtype=test.ids.dtype), (len(test), 1))
    return replace(split, test=replace(test, target=-3 * test.target, ids=ids))
