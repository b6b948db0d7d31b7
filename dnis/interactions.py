"""Interactions: who met what, with which outcome, as feature ids ready for a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis.cleaning import without_unusable
from dnis.columns import category_codes, labels, number_bins, parts, ratings, seconds
from dnis.ids import as_written
from dnis.reading import DataError, check_names, read_frame
from dnis.remarks import repeated_pairs, unused_columns
from dnis.roles import Roles
from dnis.vocabulary import MISSING, UNKNOWN, Vocabulary

if TYPE_CHECKING:
    from dnis.splits import Split

__all__ = ["MISSING", "UNKNOWN", "DataError", "Interactions", "Roles", "Vocabulary"]


@dataclass(frozen=True, eq=False)
class Interactions:
    """One row per interaction.

    ``ids`` (n, n_fields) int32 are global feature ids, each a row of the embedding table. ``target`` (n,) float32 is 1
    in every row where the data have none. ``timestamp`` (n,) int64 [s since 1970] and ``part`` (n,), the words train,
    valid and test, are None where there is no such column. ``notes`` are sentences on what was done to the rows.
    """

    vocabulary: Vocabulary
    ids: np.ndarray
    target: np.ndarray
    timestamp: np.ndarray | None
    part: np.ndarray | None
    roles: Roles
    notes: tuple[str, ...] = ()

    @classmethod
    def from_csv(
        cls, path: str | Path, roles: Roles | None = None, columns: tuple[tuple[str, str], ...] = ()
    ) -> Interactions:
        """Read a CSV, gzipped CSV or Parquet file.

        Args:
            path: The file.
            roles: What each column is; guessed where not given.
            columns: (role, column) pairs that change ``roles``; see ``Roles.override``.

        Returns:
            The interactions.

        Raises:
            DataError: If the file or a column cannot be used.
        """
        frame = read_frame(path)
        roles = (roles or Roles.guess(frame)).override(columns)
        return cls.from_frame(as_written(frame, path, roles), roles)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, roles: Roles | None = None) -> Interactions:
        """Turn a table into interactions.

        Rows without a user or an item are dropped, repeated (user, item) pairs are kept; ``notes`` count both.

        Args:
            frame: One row per interaction.
            roles: What each column is; guessed where not given.

        Returns:
            The interactions.

        Raises:
            DataError: If there are no rows, or a column cannot fill its role.
        """
        names = [str(c) for c in frame.columns]
        check_names(names)
        read = tuple(frame.attrs.get("notes", ()))
        frame = frame.set_axis(names, axis=1).reset_index(drop=True)
        if frame.empty:
            raise DataError(f"the table has {len(frame):,} rows and {len(names):,} columns: nothing to learn")
        roles = roles or Roles.guess(frame)
        roles.check(names)
        frame, dropped = without_unusable(frame, roles)
        target, target_notes = _target(frame, roles)
        ids, vocabulary = _encoded(frame, roles)
        return cls(
            vocabulary=vocabulary,
            ids=ids,
            target=target,
            timestamp=None if roles.timestamp is None else seconds(frame[roles.timestamp]),
            part=None if roles.split is None else parts(frame[roles.split]),
            roles=roles,
            notes=(*read, *dropped, *target_notes, *unused_columns(names, roles), *repeated_pairs(ids, roles)),
        )

    def __len__(self) -> int:
        """Number of interactions."""
        return len(self.ids)

    @property
    def task(self) -> str:
        """What can be learnt: ``rating`` from numbers, ``ctr`` from 0 and 1, ``topk`` where there is no target."""
        return {"rating": "rating", "label": "ctr", None: "topk"}[self.roles.target_kind]

    @property
    def n_users(self) -> int:
        """Known users; 0 without a user column."""
        return self._n_known(self.roles.user)

    @property
    def n_items(self) -> int:
        """Known items; 0 without an item column."""
        return self._n_known(self.roles.item)

    @property
    def n_features(self) -> int:
        """Rows of the embedding table, one unknown feature per field among them."""
        return self.vocabulary.n_features

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each feature occurs, (n_features,) int64."""
        return np.bincount(self.ids.ravel(), minlength=self.n_features)

    @cached_property
    def mean_target(self) -> float:
        """Mean of ``target``."""
        return float(self.target.mean())

    @cached_property
    def target_variance(self) -> float:
        """Mean squared distance of ``target`` from its mean."""
        return float(self.target.var(dtype=np.float64))

    def sample(self, n_rows: int) -> Interactions:
        """Rows that stand for all: every so many-th one, at least ``n_rows`` where there are as many."""
        return self.take(slice(None, None, max(1, len(self) // n_rows)))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Walk over all rows as they stand, here at once.

        Yields:
            Feature ids (n, n_fields) int32 and outcomes (n,) float32.
        """
        yield self.ids, self.target

    def column(self, field: str) -> np.ndarray:
        """Feature ids of one field.

        Args:
            field: The field's name.

        Returns:
            Global feature ids, (n,) int32.

        Raises:
            ValueError: If there is no such field.
        """
        return self.ids[:, self.vocabulary.index(field)]

    def take(self, index: np.ndarray | slice) -> Interactions:
        """Some of the rows, with the same vocabulary.

        Args:
            index: Row numbers, a slice of them, or a mask (n,).

        Returns:
            Those rows, in that order.
        """
        return replace(
            self,
            ids=self.ids[index],
            target=self.target[index],
            timestamp=None if self.timestamp is None else self.timestamp[index],
            part=None if self.part is None else self.part[index],
        )

    def of_users_and_items(self) -> Interactions:
        """The same rows with user and item as their only fields, for models and tasks that read no others.

        Returns:
            Interactions of two fields.

        Raises:
            DataError: If there is no user or no item column.
        """
        fields, roles = self.vocabulary.fields, replace(self.roles, features=(), numeric=())
        if roles.user is None or roles.item is None:
            raise DataError(f"a user and an item column are needed, the fields are {', '.join(fields)}")
        if len(fields) == 2:
            return self
        kept = replace(self.vocabulary, fields=fields[:2], values=self.vocabulary.values[:2])
        notes = (*self.notes, f"The model reads user and item only; left aside: {', '.join(fields[2:])}.")
        return replace(self, vocabulary=kept, ids=np.ascontiguousarray(self.ids[:, :2]), roles=roles, notes=notes)

    def split(self, strategy: str | None = None, seed: int = 0) -> Split:
        """Deal the rows into train, search_val, select_val and test.

        Args:
            strategy: One of ``SPLIT_STRATEGIES``; None chooses by the data, see ``dnis.splits.split``.
            seed: Seed of the strategies that draw.

        Returns:
            The four parts with one vocabulary, rebuilt from the training part.

        Raises:
            DataError: If the data do not allow the strategy or a part would be empty.
        """
        from dnis.splits import split  # noqa: PLC0415  splits stands below this module on the road

        return split(self, strategy, seed)

    def _n_known(self, field: str | None) -> int:
        return 0 if field is None else len(self.vocabulary.values[self.vocabulary.index(field)]) - 1


def _target(frame: pd.DataFrame, roles: Roles) -> tuple[np.ndarray, list[str]]:
    if roles.target is None:
        return np.ones(len(frame), dtype=np.float32), []
    if roles.target_kind == "rating":
        return ratings(frame[roles.target]), []
    target, note = labels(frame[roles.target])
    return target, [note] if note else []


def _encoded(frame: pd.DataFrame, roles: Roles) -> tuple[np.ndarray, Vocabulary]:
    encoders = {column: number_bins if column in roles.numeric else category_codes for column in roles.fields}
    coded = {column: encoder(frame[column]) for column, encoder in encoders.items()}
    for column in (roles.user, roles.item):
        if column is not None and len(found := coded[column][1]) < 3:
            raise DataError(f"column {column!r} holds one value only, {found[-1]!r}: at least two are needed")
    values = tuple(v for _, v in coded.values())
    vocabulary = Vocabulary(roles.fields, values, _titles(frame, roles), item_field=roles.item)
    ids = np.column_stack([codes for codes, _ in coded.values()]) + vocabulary.offsets[:-1]
    return ids.astype(np.int32), vocabulary


def _titles(frame: pd.DataFrame, roles: Roles) -> dict[str, str]:
    if roles.title is None or roles.item is None:
        return {}
    pairs = frame[[roles.item, roles.title]].dropna().drop_duplicates(roles.item)
    codes, values = category_codes(pairs[roles.item])
    return dict(zip(values[codes], pairs[roles.title].astype(str), strict=True))
