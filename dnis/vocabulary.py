"""Feature ids: which raw value of which field stands in which row of the embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

UNKNOWN = "(unknown)"
"""Stands for every value that the training data do not hold; the first value of every field."""

MISSING = "(missing)"
"""Stands for an empty cell of a feature column; a feature of its own."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The features of all fields in one row of numbers, field after field.

    ``values[f]`` holds the raw values of field f as text, UNKNOWN first. ``titles`` maps raw values of ``item_field``
    to what people call them; without ``item_field`` the second field is the item's, as in a table of users and items.
    """

    fields: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    titles: dict[str, str] = field(default_factory=dict)
    item_field: str | None = None

    @cached_property
    def offsets(self) -> np.ndarray:
        """First feature id of every field, and the number of features, (n_fields + 1,) int64."""
        return np.concatenate([[0], np.cumsum([len(v) for v in self.values])]).astype(np.int64)

    @property
    def n_features(self) -> int:
        """Features of all fields, one unknown feature per field among them."""
        return int(self.offsets[-1])

    @cached_property
    def field_of(self) -> np.ndarray:
        """Field index of every feature, (n_features,) int32."""
        return np.repeat(np.arange(len(self.fields), dtype=np.int32), np.diff(self.offsets))

    def index(self, field: str) -> int:
        """Position of a field.

        Args:
            field: The field's name.

        Returns:
            Its index in ``fields``.

        Raises:
            ValueError: If there is no such field.
        """
        if field not in self.fields:
            raise ValueError(f"no field {field!r}; the fields are {', '.join(map(repr, self.fields))}")
        return self.fields.index(field)

    def encode(self, field: str, raw: Sequence[str] | np.ndarray) -> np.ndarray:
        """Feature ids of raw values; a value never seen becomes the field's unknown feature.

        Args:
            field: The field's name.
            raw: Raw values; anything but text is turned into text first.

        Returns:
            Feature ids, (len(raw),) int64.

        Raises:
            ValueError: If there is no such field.
        """
        f = self.index(field)
        found = self._indexes[f].get_indexer(pd.Index([str(v) for v in raw], dtype=object))
        return self.offsets[f] + np.maximum(found, 0)

    def decode(self, feature_id: int) -> tuple[str, str]:
        """Field and raw value of a feature.

        Args:
            feature_id: In [0, n_features).

        Returns:
            The field's name and the raw value.

        Raises:
            ValueError: If ``feature_id`` is outside the range.
        """
        if not 0 <= feature_id < self.n_features:
            raise ValueError(f"feature_id must be in [0, {self.n_features}), got {feature_id}")
        f = int(self.field_of[feature_id])
        return self.fields[f], self.values[f][feature_id - self.offsets[f]]

    def label(self, feature_id: int) -> str:
        """What a person calls a feature: a title where there is one, else field and value.

        Args:
            feature_id: In [0, n_features).

        Returns:
            For example ``Toy Story (1995)`` or ``user_id 17``.

        Raises:
            ValueError: If ``feature_id`` is outside the range.
        """
        name, raw = self.decode(feature_id)
        item_field = self.item_field or self.fields[min(1, len(self.fields) - 1)]
        title = self.titles.get(raw) if name == item_field else None
        return title or f"{name} {raw}"

    @cached_property
    def _indexes(self) -> tuple[pd.Index, ...]:
        return tuple(pd.Index(v, dtype=object) for v in self.values)
