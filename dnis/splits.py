"""Interactions dealt into four roles: train, search-validation, selection-validation, test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dnis.interactions import DataError, Interactions, Vocabulary
from dnis.ranges import check_choice
from dnis.settings import SPLIT_STRATEGIES

PARTS = ("train", "search_val", "select_val", "test")
"""train moves the weights, search_val moves alpha, select_val picks epochs and settings, test is looked at once."""

FRACTIONS = (0.7, 0.1, 0.1, 0.1)
"""Shares of the four parts."""

_BOUNDS = np.round(np.cumsum(FRACTIONS)[:3], 9)
GOLDEN = (5**0.5 - 1) / 2
"""Steps of this size spread evenly over [0, 1), however many there are."""

LEAVE_OUT_MIN = 4
"""Users with fewer interactions stay in train when the last ones are left out."""


@dataclass(frozen=True, eq=False)
class Split:
    """Four parts that share one vocabulary: the features of the training part, and one unknown feature per field.

    ``unknown[part][field]`` counts the interactions of a part whose value the training part does not hold.
    ``test_users`` (n_test,) tells the users of the test rows apart, those whom training does not hold as well.
    """

    train: Interactions
    search_val: Interactions
    select_val: Interactions
    test: Interactions
    strategy: str
    seed: int
    unknown: dict[str, dict[str, int]]
    test_users: np.ndarray | None = None

    @property
    def parts(self) -> dict[str, Interactions]:
        """The four parts by name."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that all parts share."""
        return self.train.vocabulary

    @property
    def counts(self) -> np.ndarray:
        """How often each feature occurs in the training part, (n_features,) int64."""
        return self.train.counts

    @cached_property
    def digest(self) -> str:
        """A name for the rows and how they are dealt, which follows from ids, targets and times of the parts."""
        digest = hashlib.sha256()
        for part in self.parts.values():
            for column in (part.ids, part.target, part.timestamp):
                digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    @cached_property
    def test_units(self) -> np.ndarray:
        """The test user that each test row belongs to, (n_test,), numbered from 0; without users each row is its own.

        Users whom training does not hold share a feature and yet are several: where ``test_users`` does not tell them
        apart, each of their rows stands for itself.
        """
        rows = np.arange(len(self.test))
        if self.test.roles.user is None:
            return rows
        ids = self.test.ids[:, 0].astype(np.int64)
        apart = np.where(ids == self.vocabulary.offsets[0], self.vocabulary.n_features + rows, ids)
        return np.unique(apart if self.test_users is None else self.test_users, return_inverse=True)[1]

    @cached_property
    def development(self) -> Interactions:
        """Everything but test: what a final model is trained on."""
        return joined([self.train, self.search_val, self.select_val])


def default_strategy(interactions: Interactions) -> str:
    """The strategy that suits the data best.

    Args:
        interactions: The data.

    Returns:
        ``leave_last_out`` where there is no target but who takes what, ``column`` where the data bring their own split,
        ``time`` where there are users and timestamps, else ``random``.
    """
    if interactions.task == "topk":
        return "leave_last_out"
    if interactions.part is not None:
        return "column"
    return "time" if interactions.timestamp is not None and interactions.roles.user is not None else "random"


def split(interactions: Interactions, strategy: str | None = None, seed: int = 0) -> Split:
    """Deal interactions into 70 % train, 10 % search-validation, 10 % selection-validation and 10 % test.

    - ``time`` cuts every user's interactions in order of time, and leaves everyone at least one in train.
    - ``time_global`` cuts all rows at three moments.
    - ``random`` deals rows by lot.
    - ``leave_last_out`` gives every user's last interaction to test and the two before to the validations, in order of
      time, by lot where there are no timestamps; users with fewer than 4 stay in train.
    - ``column`` follows the data's own split column and halves its ``valid`` rows by lot; where it has none, 20 % of
      all rows are taken from train by lot.

    Args:
        interactions: The data.
        strategy: One of ``SPLIT_STRATEGIES``; None takes ``default_strategy``.
        seed: Seed of every lot.

    Returns:
        The parts; each keeps the rows in their order.

    Raises:
        DataError: If the data lack what the strategy needs, or a part would be empty.
    """
    strategy = strategy or default_strategy(interactions)
    check_choice("strategy", strategy, SPLIT_STRATEGIES)
    part_of = _DEALERS[strategy](interactions, np.random.default_rng(seed))
    sizes = np.bincount(part_of, minlength=len(PARTS))
    if not sizes.all():
        empty = PARTS[int(np.argmin(sizes))]
        why = "" if strategy == "column" else ": they are too few"
        given = f"the split {strategy!r} of {len(interactions):,} interactions"
        raise DataError(f"{given} leaves no row for {empty}{why}")
    return _with_training_vocabulary(interactions, part_of, strategy, seed)


def _by_time(interactions: Interactions, rng: np.random.Generator) -> np.ndarray:
    users = _users(interactions, "time")
    order = np.lexsort((_times(interactions, "time"), users))
    sizes = np.unique(users, return_counts=True)[1]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.arange(len(users)) - first
    # Cutting rank / size at 0.7, 0.8, 0.9 would starve the last parts, since small users have few ranks: every user's
    # ranks are moved by an own step below 1, spread evenly over users, and the shares of all rows come out right.
    step = np.repeat((0.5 + np.arange(len(sizes)) * GOLDEN) % 1, sizes)
    part_of = np.empty(len(users), dtype=np.int64)
    moved = (rank + step) / np.repeat(sizes, sizes)
    part_of[order] = np.where(rank == 0, 0, np.searchsorted(_BOUNDS, moved, side="right"))
    return part_of


def _by_global_time(interactions: Interactions, rng: np.random.Generator) -> np.ndarray:
    return _cut(np.argsort(_times(interactions, "time_global"), kind="stable"))


def _by_lot(interactions: Interactions, rng: np.random.Generator) -> np.ndarray:
    return _cut(rng.permutation(len(interactions)))


def _by_leaving_last_out(interactions: Interactions, rng: np.random.Generator) -> np.ndarray:
    users = _users(interactions, "leave_last_out")
    times = rng.permutation(len(users)) if interactions.timestamp is None else interactions.timestamp
    order = np.lexsort((times, users))
    sizes = np.bincount(users)[users[order]]
    last = np.flatnonzero(np.append(users[order][1:] != users[order][:-1], True))
    from_end = np.repeat(last, np.diff(np.append(-1, last))) - np.arange(len(users))
    part_of = np.empty(len(users), dtype=np.int64)
    part_of[order] = np.where((sizes >= LEAVE_OUT_MIN) & (from_end < 3), 3 - from_end, 0)
    return part_of


def _by_column(interactions: Interactions, rng: np.random.Generator) -> np.ndarray:
    if interactions.part is None:
        raise DataError("the split 'column' needs a column of the words train, valid and test; the data have none")
    part_of = np.where(interactions.part == "test", 3, 0)
    valid = rng.permutation(np.flatnonzero(interactions.part == "valid"))
    if not len(valid):
        n_valid = round(len(part_of) * (FRACTIONS[1] + FRACTIONS[2]))
        valid = rng.permutation(np.flatnonzero(interactions.part == "train"))[:n_valid]
    part_of[valid[: len(valid) // 2]] = 1
    part_of[valid[len(valid) // 2 :]] = 2
    return part_of


_DEALERS = {
    "time": _by_time,
    "time_global": _by_global_time,
    "random": _by_lot,
    "leave_last_out": _by_leaving_last_out,
    "column": _by_column,
}


def _cut(order: np.ndarray) -> np.ndarray:
    bounds = np.floor(len(order) * _BOUNDS + 0.5)
    part_of = np.empty(len(order), dtype=np.int64)
    part_of[order] = np.searchsorted(bounds, np.arange(len(order)), side="right")
    return part_of


def _users(interactions: Interactions, strategy: str) -> np.ndarray:
    if interactions.roles.user is None:
        raise DataError(f"the split {strategy!r} needs a user column; the data have none")
    return interactions.column(interactions.roles.user)


def _times(interactions: Interactions, strategy: str) -> np.ndarray:
    if interactions.timestamp is None:
        raise DataError(f"the split {strategy!r} needs a timestamp column; the data have none")
    return interactions.timestamp


def _with_training_vocabulary(interactions: Interactions, part_of: np.ndarray, strategy: str, seed: int) -> Split:
    old = interactions.vocabulary
    trained = np.bincount(interactions.ids[part_of == 0].ravel(), minlength=old.n_features) > 0
    trained[old.offsets[:-1]] = True
    values = tuple(v[trained[old.offsets[f] : old.offsets[f + 1]]] for f, v in enumerate(old.values))
    vocabulary = replace(old, values=values)
    unknown_of = vocabulary.offsets[:-1][old.field_of]
    new_id = np.where(trained, np.cumsum(trained) - 1, unknown_of).astype(np.int32)
    renumbered = replace(interactions, vocabulary=vocabulary, ids=new_id[interactions.ids])
    parts = [renumbered.take(part_of == p) for p in range(len(PARTS))]
    hits = [(p.ids == vocabulary.offsets[:-1]).sum(axis=0).tolist() for p in parts]
    unknown = {name: dict(zip(old.fields, hit, strict=True)) for name, hit in zip(PARTS, hits, strict=True)}
    users = None if interactions.roles.user is None else interactions.ids[part_of == PARTS.index("test"), 0]
    return Split(*parts, strategy=strategy, seed=seed, unknown=unknown, test_users=users)


def joined(parts: Sequence[Interactions]) -> Interactions:
    """Parts of one split as one.

    Args:
        parts: At least one part; all share a vocabulary.

    Returns:
        Their rows, one part after the other.
    """
    first = parts[0]
    return replace(
        first,
        ids=np.concatenate([p.ids for p in parts]),
        target=np.concatenate([p.target for p in parts]),
        timestamp=None if first.timestamp is None else np.concatenate([p.timestamp for p in parts]),
        part=None if first.part is None else np.concatenate([p.part for p in parts]),
    )
