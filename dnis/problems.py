"""What is in each column of a table, and what stands in the way of learning from it, each with what may be done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dnis.cleaning import unusable
from dnis.columns import MAX_DISTINCT
from dnis.roles import MANY_VALUES, Roles
from dnis.times import is_dated, is_twofold

N_SAMPLES = 3
"""Values told of each column."""

N_ROWS = 5
"""Row numbers told of each problem."""

_LENGTH, _LOOKED = 40, 20


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column: its name, kind of values (a word of ``KINDS``), how many, some of them, and the guessed role."""

    name: str
    kind: str
    n_missing: int
    n_distinct: int
    samples: tuple[str, ...]
    guess: str


KINDS = {"i": "whole", "u": "whole", "f": "number", "b": "yes_no", "M": "time"}
"""Kinds of values by NumPy's letter; all else is text."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a column in its role.

    ``kind`` is a word that the texts of the page explain; ``rows`` are the first data rows concerned, from 1; ``value``
    is the first such cell. ``remedies`` are roles that would solve it, ``clean`` and ``ignore`` among them.
    """

    column: str
    role: str
    kind: str
    n_rows: int
    rows: tuple[int, ...] = ()
    value: str = ""
    remedies: tuple[str, ...] = ()


def facts_of(frame: pd.DataFrame) -> tuple[ColumnFacts, ...]:
    """Facts of every column.

    Args:
        frame: The table.

    Returns:
        One record per column, in the table's order.
    """
    guess = Roles.guess(frame)

    return tuple(
        ColumnFacts(
            name=str(name),
            kind=_kind(frame[name]),
            n_missing=int(frame[name].isna().sum()),
            n_distinct=int(frame[name].nunique()),
            samples=tuple(str(v)[:_LENGTH] for v in frame[name].dropna().unique()[:N_SAMPLES]),
            guess=guess.role_of(str(name)),
        )
        for name in frame.columns
    )


def _kind(values: pd.Series) -> str:
    if values.dtype.kind in KINDS:
        return KINDS[values.dtype.kind]
    return "time" if is_dated(values.dropna().unique()[:_LOOKED]) else "text"


def problems_of(frame: pd.DataFrame, roles: Roles) -> tuple[Problem, ...]:
    """What stands in the way of every column's role.

    Args:
        frame: The table.
        roles: What each column is to be.

    Returns:
        At most one problem per column, in the table's order.
    """
    found = [_problem(frame[name], roles.role_of(name), name in roles.clean) for name in frame.columns]
    return tuple(problem for problem in found if problem is not None)


def _problem(column: pd.Series, role: str, is_cleaned: bool) -> Problem | None:
    if role == "ignore":
        return None
    bad = unusable(column, role)
    if bad.any() and not is_cleaned:
        return _of_cells(column, role, bad)
    n_distinct = int(column[~bad].nunique())
    if role == "label" and n_distinct != 2:
        is_number = pd.api.types.is_numeric_dtype(column.dtype) and n_distinct > 2
        return _of_column(column, role, "not_two", n_distinct, ("rating", "ignore") if is_number else ("ignore",))
    if role == "rating" and n_distinct == 1:
        return _of_column(column, role, "one_value", n_distinct, ("ignore",))
    return _of_feature(column, role, n_distinct) if role in ("feature", "numeric") else None


def _of_cells(column: pd.Series, role: str, bad: np.ndarray) -> Problem:
    missing = column.isna().to_numpy()
    kind = "missing" if (bad & missing).sum() == bad.sum() else f"not_{role}"
    if kind == "not_timestamp" and is_twofold(str(column[bad & ~missing].iloc[0])):
        kind = "twofold"
    # a rating of words says nothing; a number of words may well be a category
    remedies = {"numeric": ("clean", "feature", "ignore"), "label": ("clean",), "user": (), "item": ()}
    shown = column[bad & ~missing]
    offered = [r for r in remedies.get(role, ("clean", "ignore")) if not (r == "clean" and bad.all())]
    return Problem(
        str(column.name), role, kind, int(bad.sum()), tuple(int(i) + 1 for i in np.flatnonzero(bad)[:N_ROWS]),
        str(shown.iloc[0])[:_LENGTH] if len(shown) else "", tuple(offered),
    )  # fmt: skip


def _of_feature(column: pd.Series, role: str, n_distinct: int) -> Problem | None:
    if n_distinct < 2:
        return _of_column(column, role, "one_value", n_distinct, ("ignore",))
    if int(column.isna().sum()) > len(column) / 2:
        return _of_column(column, role, "mostly_missing", int(column.isna().sum()), ("ignore",))
    if role == "numeric":
        return None
    can_be_cut = pd.api.types.is_numeric_dtype(column.dtype)
    remedies = ("numeric", "ignore") if can_be_cut else ("ignore",)
    if n_distinct > MAX_DISTINCT or n_distinct > max(MANY_VALUES, len(column) / 2):
        return _of_column(column, role, "many_values", n_distinct, remedies)
    if can_be_cut and pd.api.types.is_float_dtype(column.dtype) and n_distinct > MANY_VALUES:
        return _of_column(column, role, "many_values", n_distinct, remedies)
    return None


def _of_column(column: pd.Series, role: str, kind: str, count: int, remedies: tuple[str, ...]) -> Problem:
    return Problem(str(column.name), role, kind, count, remedies=remedies)
