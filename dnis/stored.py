"""Interactions that stay on disk: read in blocks, in an order that seed and files alone decide."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from dnis.interactions import Interactions
from dnis.roles import Roles
from dnis.vocabulary import Vocabulary

TARGET = "target"
"""Column of the outcome, beside one column of feature ids per field, named by its number."""

GROUP_ROWS = 65_536
"""Rows of a row group as ``dnis.bulk`` writes it; an epoch reads whole groups in a drawn order."""

WINDOW_ENTRIES = 2_000_000
"""Feature ids held and shuffled at a time: the rows of several groups, so that neighbours on disk part."""


class StoredInteractions(Interactions):
    """Encoded interactions in Parquet files; what is asked for as an array is read whole, once.

    The rows of a training file stand in a drawn order already (see ``dnis.bulk``), so a shuffle by groups and windows
    leaves no trace of the order in which they came.

    Args:
        files: Parquet files with the columns 0, 1, ... of feature ids (int32) and ``target`` (float32).
        vocabulary: The features; of fields beyond its own, nothing is read.
        roles: What the columns were.
        notes: Sentences on what was done to the rows.
    """

    files: tuple[Path, ...]

    def __init__(
        self, files: tuple[Path, ...], vocabulary: Vocabulary, roles: Roles, notes: tuple[str, ...] = ()
    ) -> None:
        known: dict[str, Any] = {"vocabulary": vocabulary, "roles": roles, "notes": notes}
        known |= {"files": files, "timestamp": None, "part": None}
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Number of interactions."""
        return self._n_rows

    @cached_property
    def ids(self) -> np.ndarray:
        """Feature ids, (n, n_fields) int32."""
        return np.concatenate([ids for ids, _ in self.blocks()])

    @cached_property
    def target(self) -> np.ndarray:
        """Outcomes, (n,) float32."""
        return np.concatenate([target for _, target in self.blocks()])

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each feature occurs, (n_features,) int64."""
        total = np.zeros(self.n_features, dtype=np.int64)
        for ids, _ in self.blocks():
            total += np.bincount(ids.ravel(), minlength=self.n_features)
        return total

    @cached_property
    def mean_target(self) -> float:
        """Mean of ``target``."""
        return sum(total for _, total, _ in self._moments) / len(self)

    @cached_property
    def target_variance(self) -> float:
        """Mean squared distance of ``target`` from its mean."""
        mean = self.mean_target
        return sum(n * (spread + (total / n - mean) ** 2) for n, total, spread in self._moments) / len(self)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Walk over all rows as they stand, a group at a time.

        Yields:
            Feature ids (n, n_fields) int32 and outcomes (n,) float32.
        """
        for file in self._open():
            for group in range(file.num_row_groups):
                yield self._read([(file, group)])

    def shuffled(self, seed: int, multiple: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Walk over all rows in an order that the seed decides.

        Args:
            seed: Seed of the order.
            multiple: All blocks but the last have a multiple of so many rows, so that batches need not be patched.

        Yields:
            Feature ids (n, n_fields) int32 and outcomes (n,) float32.
        """
        rng = np.random.default_rng(seed)
        groups = [(file, group) for file in self._open() for group in range(file.num_row_groups)]
        groups = [groups[i] for i in rng.permutation(len(groups))]
        per_window = max(1, WINDOW_ENTRIES // (GROUP_ROWS * len(self.vocabulary.fields)))
        left = self._read([])
        for start in range(0, len(groups), per_window):
            ids, target = self._read(groups[start : start + per_window])
            order = rng.permutation(len(ids))
            for low in range(0, len(order), GROUP_ROWS):  # a window is large enough to be copied in pieces only
                some = order[low : low + GROUP_ROWS]
                block = np.concatenate([left[0], ids[some]]), np.concatenate([left[1], target[some]])
                whole = len(block[0]) // multiple * multiple
                if whole:
                    yield block[0][:whole], block[1][:whole]
                left = block[0][whole:], block[1][whole:]
        if len(left[0]):
            yield left

    def sample(self, n_rows: int) -> Interactions:
        """The first rows, which were drawn when they were written."""
        ids, target = next(self.blocks())
        return Interactions(self.vocabulary, ids[:n_rows], target[:n_rows], None, None, self.roles, self.notes)

    def take(self, index: np.ndarray | slice) -> Interactions:
        """Some of the rows, in memory.

        Args:
            index: Row numbers, a slice of them, or a mask (n,).

        Returns:
            Those rows, in that order.
        """
        return Interactions(self.vocabulary, self.ids[index], self.target[index], None, None, self.roles, self.notes)

    def of_users_and_items(self) -> StoredInteractions:
        """The same rows with user and item as their only fields.

        Returns:
            Interactions of two fields; the others are not read.
        """
        kept = Interactions(self.vocabulary, *self._read([]), None, None, self.roles, self.notes).of_users_and_items()
        return StoredInteractions(self.files, kept.vocabulary, kept.roles, kept.notes)

    def joined(self, others: list[StoredInteractions]) -> StoredInteractions:
        """These rows and those of other parts of the same data.

        Args:
            others: The other parts.

        Returns:
            All rows; none are read.
        """
        files = (*self.files, *(file for other in others for file in other.files))
        return StoredInteractions(files, self.vocabulary, self.roles, self.notes)

    @cached_property
    def _moments(self) -> list[tuple[int, float, float]]:
        """Rows, sum and variance of ``target`` for each block, from one walk over them."""
        return [
            (len(target), float(target.sum(dtype=np.float64)), float(target.var(dtype=np.float64)))
            for _, target in self.blocks()
        ]

    @cached_property
    def _n_rows(self) -> int:
        return sum(file.metadata.num_rows for file in self._open())

    def _open(self) -> list[pq.ParquetFile]:
        return [pq.ParquetFile(path, memory_map=True) for path in self.files]

    def _read(self, groups: list[tuple[pq.ParquetFile, int]]) -> tuple[np.ndarray, np.ndarray]:
        names = [str(f) for f in range(len(self.vocabulary.fields))]
        ends = np.cumsum([0, *(file.metadata.row_group(group).num_rows for file, group in groups)])
        ids, target = np.empty((ends[-1], len(names)), dtype=np.int32), np.empty(ends[-1], dtype=np.float32)
        for (file, group), low, high in zip(groups, ends, ends[1:], strict=False):
            table = file.read_row_group(group, columns=[*names, TARGET], use_threads=False)
            for f, name in enumerate(names):
                ids[low:high, f] = table.column(name).to_numpy()
            target[low:high] = table.column(TARGET).to_numpy()
        return ids, target
