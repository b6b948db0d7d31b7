"""The course of a search and the features of a vocabulary as flat tables, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dnis.limits import DataError
from dnis.results import EpochEvent
from dnis.settings import SearchConfig
from dnis.vocabulary import Vocabulary

COURSES = {"alpha": "alphas", "dims_by_block": "dims_by_block"}
"""Fields of an epoch that are arrays, and under which name all epochs' arrays are kept together."""

_PLAIN = ("epoch", "phase", "alpha_travel", "seconds")
_LOSS = "loss_"


def search_settings(kept: dict[str, Any]) -> SearchConfig:
    """Settings of a search from its record; before there was a choice, a budget was met by whole dimensions."""
    settings = dict(kept)
    if settings.get("recipe") == "budget":
        settings.setdefault("grain", "dimensions")
    return SearchConfig.from_dict(settings)


def history_table(history: Sequence[EpochEvent]) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """Lay out epochs as a table of numbers and one array per course.

    Args:
        history: The epochs.

    Returns:
        A row per epoch, and ``alphas`` (epochs with alpha, n_blocks, K) and ``dims_by_block`` (.., n_blocks).
    """
    columns: dict[str, list[Any]] = {name: [getattr(e, name) for e in history] for name in _PLAIN}
    columns["notes"] = [list(e.notes) for e in history]
    losses = dict.fromkeys(name for e in history for name in e.losses)
    columns |= {f"{_LOSS}{name}": [e.losses.get(name) for e in history] for name in losses}
    courses = {}
    for name, together in COURSES.items():
        kept = [getattr(e, name) is not None for e in history]
        columns[f"has_{name}"] = kept
        if any(kept):
            courses[together] = np.stack([getattr(e, name) for e, has in zip(history, kept, strict=True) if has])
    return pa.table(columns), courses


def history_of(table: pa.Table, courses: dict[str, np.ndarray]) -> tuple[EpochEvent, ...]:
    """Read epochs back.

    Args:
        table: A table of ``history_table``.
        courses: Its arrays; others may be among them.

    Returns:
        The epochs.

    Raises:
        DataError: If table and arrays are of different searches, as while a run is written anew.
    """
    rows = table.to_pylist()
    arrays: dict[str, list[np.ndarray | None]] = {}
    for name, together in COURSES.items():
        held = courses.get(together, ())
        if len(held) != (said := sum(row[f"has_{name}"] for row in rows)):
            raise DataError(f"the history has {name} of {said} epochs, the arrays hold {len(held)}")
        kept = iter(held)
        arrays[name] = [next(kept) if row[f"has_{name}"] else None for row in rows]
    return tuple(
        EpochEvent(
            **{name: row[name] for name in _PLAIN},
            losses={n.removeprefix(_LOSS): v for n, v in row.items() if n.startswith(_LOSS) and v is not None},
            notes=tuple(row["notes"]),
            **{name: arrays[name][i] for name in COURSES},
        )
        for i, row in enumerate(rows)
    )


def features_table(vocabulary: Vocabulary) -> pd.DataFrame:
    """What every feature is: a row per feature id.

    Args:
        vocabulary: The vocabulary.

    Returns:
        Columns field, value, and title (None where there is none).
    """
    fields = np.asarray(vocabulary.fields, dtype=object)[vocabulary.field_of]
    values = np.concatenate(vocabulary.values)
    named = [vocabulary.label(i) for i in range(vocabulary.n_features)]
    nameless = fields + " " + values
    titles = [label if label != other else None for label, other in zip(named, nameless, strict=True)]
    return pd.DataFrame({"field": fields, "value": values, "title": pd.Series(titles, dtype="string")})


def vocabulary_of(features: pd.DataFrame, fields: Sequence[str], item_field: str | None) -> Vocabulary:
    """Read a vocabulary back.

    Args:
        features: A table of ``features_table``.
        fields: The fields in their order.
        item_field: The field that the titles belong to.

    Returns:
        The vocabulary.
    """
    titled = features.dropna(subset="title")
    return Vocabulary(
        fields=tuple(fields),
        values=tuple(features.loc[features["field"] == f, "value"].to_numpy(dtype=object) for f in fields),
        titles=dict(zip(titled["value"], titled["title"], strict=True)),
        item_field=item_field,
    )
