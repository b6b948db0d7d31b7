"""Logs bigger than memory into a folder of prepared data, through DuckDB, which spills to disk what it cannot hold.

Columns mean what they mean to ``Interactions.from_csv``, but that roles are guessed from the first rows, categories
kept as they are written, and numbers binned by the edges of a sample.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnis import clauses
from dnis.bins import bin_edges, bin_texts
from dnis.counting import counted
from dnis.delimited import first_line
from dnis.limits import DataError
from dnis.prepared import RECORD, part_file, save_record
from dnis.remarks import unused_columns
from dnis.roles import Roles
from dnis.settings import DataSpec
from dnis.sources import Source, source_of, text
from dnis.splits import PARTS
from dnis.stored import GROUP_ROWS, TARGET
from dnis.vocabulary import MISSING, UNKNOWN, Vocabulary

MEMORY_MB = 192
"""What DuckDB may hold in memory unless told otherwise; with the rest of the process 440 MB for 20 million rows."""

SAMPLED_ROWS = 200_000
"""Rows that decide where the bins of a number begin."""


class _Log:
    """A database on disk, and the SQL that is sent to it."""

    def __init__(self, database: Any, roles: Roles) -> None:
        self.database, self.roles = database, roles

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self.database.execute(sql).fetchall()

    def frame(self, sql: str) -> pd.DataFrame:
        """The same as a table."""
        return self.database.execute(sql).df()

    def number(self, sql: str) -> Any:
        """What a query for one value gives."""
        return self.rows(sql)[0][0]


def prepare(
    files: Sequence[Path],
    out: Path,
    data: DataSpec,
    memory_mb: int = MEMORY_MB,
    tell: Callable[[str], object] = lambda step: None,
) -> dict[str, Any]:
    """Deal and encode a log into a folder that a search can read from disk.

    Args:
        files: CSV or Parquet files of one layout.
        out: The folder; made if it is not there.
        data: Column roles, strategy and seed; its source is not looked at, a k-core or columns to clean are refused.
        memory_mb: What DuckDB may hold in memory.
        tell: Told what is being done.

    Returns:
        Counts for people.

    Raises:
        DataError: If a file or a column cannot be used.
        ValueError: If DuckDB is not installed, rows are to be left out, or the folder holds prepared data already.
    """
    if (out / RECORD).exists():
        raise ValueError(f"--out {out} holds prepared data already; name another folder or remove it")
    clauses.refuse_filters(data)
    try:
        duckdb = importlib.import_module("duckdb")  # needed for this errand only, and not always installed
    except ImportError as error:
        raise ValueError("prepare needs DuckDB: python -m pip install -r requirements-bulk.txt") from error
    source = source_of(files)
    roles = Roles.guess(source.head).override(data.columns)
    roles.check([str(c) for c in source.head.columns])
    work = out / ".work"
    work.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"memory_limit": f"{memory_mb}MB", "threads": 2, "temp_directory": str(work / "spill")}
    try:
        with duckdb.connect(str(work / "log.duckdb"), config=settings) as database:
            database.execute("SET TimeZone = 'UTC'")
            return _prepared(_Log(database, roles), source, out, data, tell)
    except duckdb.OutOfMemoryException as error:
        raise DataError(f"{memory_mb} MB are too few for these files; give more with --memory-mb") from error
    except duckdb.Error as error:
        raise DataError(f"the files cannot be read: {first_line(error)}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prepared(log: _Log, source: Source, out: Path, data: DataSpec, tell: Callable[[str], object]) -> dict[str, Any]:
    roles = log.roles
    tell("reading")
    notes = [*_gather(log, source), *unused_columns([str(c) for c in source.head.columns], roles)]
    tell("numbering values")
    values = [_values(log, f, field) for f, field in enumerate(roles.fields)]
    titles = _titles(log)
    target, target_notes = clauses.target_clause(log.rows, roles)
    _code(log, target, clauses.seconds_clause(log.rows, roles), len(values))
    tell("dealing")
    strategy = data.strategy or clauses.default_strategy(roles)
    log.rows(f"CREATE TABLE dealt AS {clauses.parts_clause(strategy, roles, data.seed, log.rows)}")
    log.rows("DROP TABLE coded")
    vocabulary = _vocabulary(log, values, titles)
    sizes = dict(log.rows("SELECT part, count(*) FROM dealt GROUP BY part"))
    unknown = {}
    for part, name in enumerate(PARTS):
        if not sizes.get(part):
            raise DataError(f"the split {strategy!r} of {sum(sizes.values()):,} interactions leaves no row for {name}")
        tell(f"writing {name}")
        unknown[name] = _write(log, part, part_file(out, name), vocabulary, data.seed)
    record = {"strategy": strategy, "seed": data.seed, "unknown": unknown, "notes": [*notes, *target_notes]}
    save_record(out, vocabulary, roles, record)
    n_by_part = {name: sizes[part] for part, name in enumerate(PARTS)}
    n_by_field = {f: len(v) - 1 for f, v in zip(vocabulary.fields, vocabulary.values, strict=True)}
    return {"n_interactions": sum(sizes.values()), "n_by_part": n_by_part, "n_by_field": n_by_field, **record}


def _gather(log: _Log, source: Source) -> list[str]:
    """All rows as text in table ``log``, those without user or item left out; a sentence on them."""
    roles = log.roles
    kept: dict[str, str | None] = {f"f{i}": field for i, field in enumerate(roles.fields)}
    kept |= {"y": roles.target, "t": roles.timestamp, "s": roles.split, "title": roles.title}
    numbers = {roles.target, *roles.numeric} if source.decimal_comma else set()
    cells = ", ".join(f"{clauses.cell_clause(c, c in numbers)} AS {name}" for name, c in kept.items())
    log.rows(f"CREATE TABLE log AS SELECT {cells} FROM {source.relation}")
    total = log.number("SELECT count(*) FROM log")
    if not total:
        raise DataError("the files have column names but no rows")
    notes = []
    for f, column in enumerate(c for c in (roles.user, roles.item) if c is not None):
        empty, first = log.rows(f"SELECT count(*), min(rowid) FROM log WHERE f{f} IS NULL")[0]
        if empty and empty == total:
            raise DataError(f"column {column!r} is empty in every row")
        if empty:
            notes.append(f"Dropped {counted(empty, 'row')} without {column!r}, the first data row {first + 1:,}.")
    ids = [f"f{f} IS NOT NULL" for f in range((roles.user is not None) + (roles.item is not None))]
    log.rows(f"CREATE VIEW kept AS SELECT rowid AS row, * FROM log WHERE {' AND '.join(ids) or 'true'}")
    return notes


def _values(log: _Log, f: int, field: str) -> np.ndarray:
    """The values of a field in order, and table ``values_f`` of their codes from 1."""
    if field in log.roles.numeric:
        return _bins(log, f, field)
    log.rows(f"CREATE TABLE distinct_{f} AS SELECT DISTINCT coalesce(f{f}, '{MISSING}') AS v FROM kept")
    plain = f"SELECT v FROM distinct_{f} WHERE v NOT IN ('{MISSING}', '{UNKNOWN}')"
    whole = log.number(f"SELECT bool_and(coalesce(CAST(try_cast(v AS BIGINT) AS VARCHAR) = v, false)) FROM ({plain})")
    key = "try_cast(v AS BIGINT)" if whole else "v"
    order = f"ORDER BY v = '{MISSING}', {key}"
    log.rows(
        f"CREATE TABLE values_{f} AS SELECT v, row_number() OVER ({order})::INTEGER AS code "
        f"FROM distinct_{f} WHERE v <> '{UNKNOWN}'"
    )
    values = log.frame(f"SELECT v FROM values_{f} ORDER BY code")["v"].to_numpy(dtype=object)
    if field in (log.roles.user, log.roles.item) and len(values) < 2:
        raise DataError(f"column {field!r} holds one value only, {values[-1]!r}: at least two are needed")
    return values


def _bins(log: _Log, f: int, field: str) -> np.ndarray:
    """The bins of a numeric field, and table ``edges_f`` of where they begin."""
    wrong = f"f{f} IS NOT NULL AND NOT coalesce(isfinite(try_cast(f{f} AS DOUBLE)), false)"
    clauses.refuse(log.rows, field, f"f{f}", wrong, "is not a finite number")
    known = f"SELECT CAST(f{f} AS DOUBLE) AS x FROM kept WHERE f{f} IS NOT NULL"
    drawn = log.frame(f"SELECT x FROM ({known}) USING SAMPLE reservoir({SAMPLED_ROWS} ROWS) REPEATABLE (0)")
    numbers = drawn["x"].to_numpy(dtype=np.float64)
    edges, texts = np.empty(0), np.empty(0, dtype=object)
    if len(numbers):
        edges = bin_edges(numbers)
        bins = np.searchsorted(edges, numbers, side="right") - 1
        # a bin without a row has no text, so where it begins must not be counted either
        edges, texts = edges[np.unique(bins)], bin_texts(numbers, bins)
    log.database.register(f"edges_{f}", pd.DataFrame({"edge": edges}))
    return np.append(texts, MISSING)


def _titles(log: _Log) -> dict[str, str]:
    if log.roles.title is None or log.roles.item is None:
        return {}
    f = 0 if log.roles.user is None else 1
    pairs = log.rows(f"SELECT f{f}, arg_min(title, row) FROM kept WHERE title IS NOT NULL GROUP BY f{f}")
    return dict(pairs)


def _code(log: _Log, target: str, seconds: str, n_fields: int) -> None:
    """Table ``coded``: numbers in the place of texts."""
    numeric = [field in log.roles.numeric for field in log.roles.fields]
    codes, joins = [], ["FROM kept"]
    for f in range(n_fields):
        if numeric[f]:
            bins = f"(SELECT list(edge ORDER BY edge) FROM edges_{f})"
            below = f"len(list_filter({bins}, lambda e: e <= CAST(f{f} AS DOUBLE)))"
            codes.append(f"CASE WHEN f{f} IS NULL THEN len({bins}) + 1 ELSE greatest(1, {below}) END::INTEGER AS c{f}")
        else:
            codes.append(f"coalesce(values_{f}.code, 0) AS c{f}")
            joins.append(f"LEFT JOIN values_{f} ON values_{f}.v = coalesce(kept.f{f}, '{MISSING}')")
    log.rows(
        f"CREATE TABLE coded AS SELECT row, {', '.join(codes)}, {target} AS y, {seconds} AS t, s {' '.join(joins)}"
    )
    log.rows("DROP VIEW kept")
    log.rows("DROP TABLE log")


def _vocabulary(log: _Log, values: list[np.ndarray], titles: dict[str, str]) -> Vocabulary:
    """The features of the training part, and table ``ids_f`` from codes to feature ids."""
    kept, first = [], 0
    for f, texts in enumerate(values):
        trained = np.zeros(len(texts) + 1, dtype=bool)
        trained[log.frame(f"SELECT DISTINCT c{f} AS code FROM dealt WHERE part = 0")["code"].to_numpy()] = True
        trained[0] = True
        place = np.where(trained, first + np.cumsum(trained) - 1, first).astype(np.int32)
        log.database.register(f"ids_{f}", pd.DataFrame({"code": np.arange(len(place), dtype=np.int32), "id": place}))
        kept.append(np.array([UNKNOWN, *texts[trained[1:]]], dtype=object))
        first += len(kept[-1])
    return Vocabulary(log.roles.fields, tuple(kept), titles, item_field=log.roles.item)


def _write(log: _Log, part: int, path: Path, vocabulary: Vocabulary, seed: int) -> dict[str, int]:
    """Write a part, the training part in a drawn order; count its unknown values by field."""
    ids = ", ".join(f'ids_{f}.id AS "{f}"' for f in range(len(vocabulary.fields)))
    joins = " ".join(f"JOIN ids_{f} ON ids_{f}.code = c{f}" for f in range(len(vocabulary.fields)))
    order = f"hash(row, {seed}), row" if part == 0 else "row"
    log.rows(
        f"COPY (SELECT {ids}, y::FLOAT AS {TARGET} FROM dealt {joins} WHERE part = {part} ORDER BY {order}) "
        f"TO {text(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
    )
    firsts = vocabulary.offsets[:-1]
    hits = ", ".join(f'count(*) FILTER (WHERE "{f}" = {first})' for f, first in enumerate(firsts))
    counted = log.rows(f"SELECT {hits} FROM {text(path)}")[0]
    return dict(zip(vocabulary.fields, counted, strict=True))
