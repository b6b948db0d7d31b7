"""What ``dnis.columns`` and ``dnis.splits`` do in memory, as SQL over tables that need not fit there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from dnis.cleaning import LARGEST_TIME
from dnis.columns import labels
from dnis.limits import DataError
from dnis.roles import SPLIT_WORDS, Roles
from dnis.settings import DataSpec
from dnis.sources import quoted, text
from dnis.splits import FRACTIONS, GOLDEN, LEAVE_OUT_MIN
from dnis.times import CLOCKS, DAYS, UNITS_PER_SECOND, day_of

Rows = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query and gives its rows."""

STRATEGIES = ("time", "random", "leave_last_out", "column")
"""Splits that a log can be dealt by."""

_BOUNDS = [round(float(bound), 9) for bound in np.cumsum(FRACTIONS)[:3]]


def refuse_filters(data: DataSpec) -> None:
    """Refuse to leave rows out, which is done in memory only.

    Args:
        data: Data to be prepared.

    Raises:
        ValueError: If a k-core is asked for, or a column is to be cleaned.
    """
    if data.core:
        raise ValueError(f"--core must be 0 for prepare, which keeps every user and item; got {data.core}")
    cleaned = [column for role, column in data.columns if role == "clean"]
    if cleaned:
        named = ", ".join(map(repr, cleaned))
        raise ValueError(f"--clean is not for prepare, which leaves out rows without user or item only; got {named}")


def cell_clause(column: str | None, has_decimal_comma: bool) -> str:
    """A cell of the files, as text.

    Args:
        column: Its column; None for an empty cell.
        has_decimal_comma: Whether ``3,5`` is a number, to be written ``3.5``.

    Returns:
        SQL.
    """
    if column is None:
        return "NULL"
    trimmed = f"trim({quoted(column)})"
    return rf"regexp_replace({trimmed}, '^(-?\d+),(\d+)$', '\1.\2')" if has_decimal_comma else trimmed


def target_clause(rows: Rows, roles: Roles) -> tuple[str, list[str]]:
    """The outcome of a row of ``kept``.

    Args:
        rows: Runs queries.
        roles: What each column is.

    Returns:
        SQL, and sentences on what counts as what.

    Raises:
        DataError: If an outcome is missing or cannot be used.
    """
    if roles.target is None:
        return "1", []
    if roles.target_kind == "label":
        values = [v for (v,) in rows("SELECT DISTINCT y FROM kept ORDER BY y LIMIT 4")]
        refuse(rows, roles.target, "y", "y IS NULL", "is no label")
        target, note = labels(pd.Series(values, name=roles.target))
        yes = values[int(np.argmax(target))]
        return f"(y = {text(yes)})::INTEGER", [note] if note else []
    number = "try_cast(y AS DOUBLE)"
    refuse(rows, roles.target, "y", f"NOT coalesce(isfinite({number}), false)", "is not a finite number")
    low, high, n = rows(f"SELECT min({number}), max({number}), count(*) FROM kept")[0]
    if low == high:
        raise DataError(f"all {n:,} ratings in column {roles.target!r} are {low:g}: nothing to learn")
    return number, []


def seconds_clause(rows: Rows, roles: Roles) -> str:
    """The time of a row of ``kept`` in seconds since 1970.

    Args:
        rows: Runs queries.
        roles: What each column is.

    Returns:
        SQL; 0 where there is no time.

    Raises:
        DataError: If a time is missing or cannot be read.
    """
    if roles.timestamp is None:
        return "0"
    number = "try_cast(t AS DOUBLE)"
    share = rows(f"SELECT avg(coalesce(isfinite({number}), false)::INTEGER) FROM kept")[0][0]
    if share > 0.5:
        refuse(rows, roles.timestamp, "t", f"NOT coalesce(abs({number}) < {LARGEST_TIME}, false)", "is not a time")
        largest = rows(f"SELECT max(abs({number})) FROM kept")[0][0]
        unit = next((per for limit, per in UNITS_PER_SECOND if largest >= limit), 1)
        return f"floor({number} / {unit})::BIGINT"
    time = _time(rows)
    refuse(rows, roles.timestamp, "t", f"{time} IS NULL", "is not a time")
    return f"floor(epoch({time}))::BIGINT"


def _time(rows: Rows) -> str:
    """Text as a time; see ``dnis.times.read_times``."""
    iso = "try_cast(t AS TIMESTAMPTZ)"
    # strptime takes a year of two digits for one of four
    whole = r"CASE WHEN regexp_matches(t, '\d{4}\s*( .*)?$') THEN trim(t) END"
    ways = {day: f"try_strptime({whole}, [{', '.join(text(day + clock) for clock in CLOCKS)}])" for day in DAYS}
    counts = ", ".join(f"count({way})" for way in (iso, *ways.values()))
    read, *written, n = rows(f"SELECT {counts}, count(t) FROM kept")[0]
    day = day_of(dict(zip(DAYS, written, strict=True)))
    return iso if day is None or read * 2 > n or read >= max(written) else ways[day]


def default_strategy(roles: Roles) -> str:
    """How a log is dealt where nothing is said.

    Args:
        roles: What each column is.

    Returns:
        One of ``STRATEGIES``.
    """
    if roles.target is None:
        return "leave_last_out"
    if roles.split is not None:
        return "column"
    return "time" if roles.timestamp is not None and roles.user is not None else "random"


def parts_clause(strategy: str, roles: Roles, seed: int, rows: Rows) -> str:
    """A query that deals the rows of ``coded`` into part 0 (train) to 3 (test); see ``dnis.splits.split``.

    Args:
        strategy: One of ``STRATEGIES``.
        roles: What each column is.
        seed: Seed of what is drawn.
        rows: Runs queries.

    Returns:
        SQL that adds the column ``part``.

    Raises:
        DataError: If the data lack what the strategy needs.
    """
    if strategy not in STRATEGIES:
        raise DataError(f"a log is dealt by {', '.join(STRATEGIES)}; got {strategy!r}")
    if strategy in ("time", "leave_last_out") and roles.user is None:
        raise DataError(f"the split {strategy!r} needs a user column; the data have none")
    if strategy == "time" and roles.timestamp is None:
        raise DataError("the split 'time' needs a timestamp column; the data have none")
    lot = f"(hash(row, {seed}, 1) % 1000003) / 1000003"
    if strategy == "column":
        return _by_column(roles, lot, rows)
    if strategy == "random":
        return f"SELECT * EXCLUDE (t, s), {_cut(lot)} AS part FROM coded"
    time = "t" if roles.timestamp is not None else lot
    ranked = (
        f"SELECT * EXCLUDE (t, s), row_number() OVER (PARTITION BY c0 ORDER BY {time}, row) - 1 AS rank, "
        "count(*) OVER (PARTITION BY c0) AS n FROM coded"
    )
    if strategy == "time":
        moved = f"(rank + (0.5::DOUBLE + (c0 - (SELECT min(c0) FROM coded)) * {GOLDEN!r}::DOUBLE) % 1) / n"
        part = f"CASE WHEN rank = 0 THEN 0 ELSE {_cut(moved)} END"
    else:
        part = f"CASE WHEN n >= {LEAVE_OUT_MIN} AND n - 1 - rank < 3 THEN 3 - (n - 1 - rank) ELSE 0 END"
    return f"SELECT * EXCLUDE (rank, n), {part} AS part FROM ({ranked})"


def _by_column(roles: Roles, lot: str, rows: Rows) -> str:
    if roles.split is None:
        raise DataError("the split 'column' needs a column of the words train, valid and test; the data have none")
    cases = " ".join(f"WHEN {text(word)} THEN {text(part)}" for word, part in SPLIT_WORDS.items())
    word = f"CASE lower(s) {cases} END"
    bad = rows(f"SELECT row, s FROM coded WHERE {word} IS NULL ORDER BY row LIMIT 1")
    if bad:
        where = f"column {roles.split!r}, data row {bad[0][0] + 1:,}"
        raise DataError(f"{where}: {str(bad[0][1])[:60]!r} is not train, valid or test")
    half = f"CASE WHEN {lot} < 0.5 THEN 1 ELSE 2 END"
    if rows(f"SELECT count(*) FROM coded WHERE {word} = 'valid'")[0][0]:
        held = f"WHEN 'valid' THEN {half}"
    else:
        total, trained = rows(f"SELECT count(*), count(*) FILTER (WHERE {word} = 'train') FROM coded")[0]
        share = (FRACTIONS[1] + FRACTIONS[2]) * total / max(trained, 1)
        held = f"WHEN 'train' THEN CASE WHEN {lot} < {share / 2} THEN 1 WHEN {lot} < {share} THEN 2 ELSE 0 END"
    return f"SELECT * EXCLUDE (t, s), CASE {word} WHEN 'test' THEN 3 {held} ELSE 0 END AS part FROM coded"


def _cut(share: str) -> str:
    return " + ".join(f"({share} >= {bound})::INTEGER" for bound in _BOUNDS)


def refuse(rows: Rows, column: str, name: str, wrong: str, why: str) -> None:
    """Refuse a column of ``kept`` by its first wrong row.

    Args:
        rows: Runs queries.
        column: The column, as the user knows it.
        name: The column in ``kept``.
        wrong: SQL that is true where the value is wrong.
        why: What is wrong.

    Raises:
        DataError: If a row is wrong.
    """
    bad = rows(f"SELECT row, {name} FROM kept WHERE {wrong} ORDER BY row LIMIT 1")
    if bad:
        shown = "an empty cell" if bad[0][1] is None else repr(bad[0][1][:60])
        raise DataError(f"column {column!r}, data row {bad[0][0] + 1:,}: {shown} {why}")
