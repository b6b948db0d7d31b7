"""One raw column into numbers: categories, binned numbers, targets, seconds, parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnis.bins import bin_edges, bin_texts
from dnis.cleaning import are_numbers, is_time
from dnis.counting import counted
from dnis.ids import are_whole
from dnis.reading import DataError
from dnis.roles import SPLIT_WORDS
from dnis.times import UNITS_PER_SECOND, is_twofold, read_times
from dnis.vocabulary import MISSING, UNKNOWN

MAX_DISTINCT = 1_000_000
"""A column with more distinct values than this is refused."""

_YES = {"1", "1.0", "true", "yes", "y", "t", ">50k", "click", "clicked", "positive"}


def category_codes(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Number the values of a column.

    Args:
        column: Any column; an empty cell becomes MISSING.

    Returns:
        Codes (n,) int32 and the values as text, UNKNOWN at 0, then sorted, MISSING last where there is one.

    Raises:
        DataError: If there are more than ``MAX_DISTINCT`` values.
    """
    codes, uniques = pd.factorize(_sortable(column), sort=True)
    if len(uniques) > MAX_DISTINCT:
        raise DataError(f"column {column.name!r} has {len(uniques):,} distinct values, more than {MAX_DISTINCT:,}")
    return _with_specials(codes, _texts(uniques))


def number_bins(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cut numbers into bins, each holding about the same number of rows.

    Counts that pile up on few values (most of them 0) leave fewer than 5 such bins; they get bins that double in width.
    The edges come from all rows, never from the target.

    Args:
        column: Numbers; an empty cell becomes MISSING.

    Returns:
        Codes (n,) int32 and the bins as text such as ``17 to 22``, UNKNOWN at 0, MISSING last where there is one.

    Raises:
        DataError: If a value is not a finite number.
    """
    numbers = _numbers(column)
    known = np.isfinite(numbers)
    _refuse_infinite(column, numbers)
    if not known.any():
        return _with_specials(np.full(len(numbers), -1), np.array([], dtype=object))
    edges = bin_edges(numbers[known])
    bins = np.full(len(numbers), -1)
    bins[known] = np.unique(np.searchsorted(edges, numbers[known], side="right"), return_inverse=True)[1]
    return _with_specials(bins, bin_texts(numbers[known], bins[known]))


def ratings(column: pd.Series) -> np.ndarray:
    """Ratings as numbers.

    Args:
        column: The rating column.

    Returns:
        Ratings (n,) float32.

    Raises:
        DataError: If a rating is missing, not a finite number, or if all are equal.
    """
    numbers = _numbers(column)
    _refuse_infinite(column, numbers)
    _refuse_missing(column, np.isnan(numbers), "rating")
    if numbers.min() == numbers.max():
        raise DataError(f"all {len(numbers):,} ratings in column {column.name!r} are {numbers[0]:g}: nothing to learn")
    return numbers.astype(np.float32)


def labels(column: pd.Series) -> tuple[np.ndarray, str]:
    """Labels as 0 and 1; 1 is the value that says yes, else the greater one.

    Args:
        column: A column of two values.

    Returns:
        Labels (n,) float32 and a sentence on what counts as 1, empty where the column holds 0 and 1 already.

    Raises:
        DataError: If a label is missing or there are not exactly two values.
    """
    _refuse_missing(column, column.isna().to_numpy(), "label")
    codes, uniques = pd.factorize(_sortable(column), sort=True)
    if len(uniques) != 2:
        raise DataError(f"label column {column.name!r} must hold two values, found {len(uniques):,}: {_some(uniques)}")
    texts = [str(v) for v in uniques]
    yes = 0 if texts[0].lower() in _YES and texts[1].lower() not in _YES else 1
    target = (codes == yes).astype(np.float32)
    if texts == ["0", "1"]:
        return target, ""
    return target, f"In column {column.name!r}, {texts[yes]!r} counts as 1, {texts[1 - yes]!r} as 0."


def seconds(column: pd.Series) -> np.ndarray:
    """Times as whole seconds since 1970.

    Args:
        column: Times, text (see ``dnis.times``), or numbers; numbers too large for seconds (from 1e11) are taken as
            milliseconds, from 1e14 as microseconds, from 1e17 as nanoseconds.

    Returns:
        Seconds (n,) int64.

    Raises:
        DataError: If a time is missing or cannot be read.
    """
    _refuse_missing(column, column.isna().to_numpy(), "time")
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        if are_numbers(column, numbers):
            return _whole_seconds(column, numbers)
    times = read_times(column)
    _refuse_unread_time(column, times.isna().to_numpy())
    return times.dt.as_unit("s").astype(np.int64).to_numpy()


def parts(column: pd.Series) -> np.ndarray:
    """The split column in the words train, valid and test.

    Args:
        column: The split column.

    Returns:
        Part (n,) of every row, text.

    Raises:
        DataError: If a cell is missing or holds another word.
    """
    _refuse_missing(column, column.isna().to_numpy(), "part")
    words = column.astype(str).str.lower().map(SPLIT_WORDS)
    bad = words.isna().to_numpy()
    if bad.any():
        where = f"column {column.name!r}, {_row(column, bad)}"
        raise DataError(f"{where}: {_shown(column, bad)} is not train, valid or test")
    return words.to_numpy(dtype="U5")


def _whole_seconds(column: pd.Series, numbers: np.ndarray) -> np.ndarray:
    _refuse_unread_time(column, ~is_time(numbers))
    largest = float(np.abs(numbers).max())
    unit = next((per for limit, per in UNITS_PER_SECOND if largest >= limit), 1)
    return np.floor(numbers / unit).astype(np.int64)


def _refuse_unread_time(column: pd.Series, bad: np.ndarray) -> None:
    if not bad.any():
        return
    twofold = is_twofold(str(column.iloc[int(np.argmax(bad))]))
    why = "can be a day of two months" if twofold else "is not a time, or not written as most are"
    raise DataError(
        f"column {column.name!r}, {_row(column, bad)}: {_shown(column, bad)} {why}; "
        "write seconds since 1970, 2024-01-31 18:30 or 31.01.2024 18:30"
    )


def _sortable(column: pd.Series) -> pd.Series:
    """One kind of value, so that equal texts are one value and sorting works."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_float_dtype(column.dtype) and are_whole(column, 2.0**63):
        return column.astype("Int64")
    if column.dtype == object:
        return column.map(str, na_action="ignore")
    return column


def _texts(uniques: pd.Index | np.ndarray) -> np.ndarray:
    if isinstance(uniques.dtype, pd.StringDtype):
        return np.asarray(uniques, dtype=object)
    return np.array([str(v) for v in uniques], dtype=object)


def _with_specials(codes: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    says_missing = texts == MISSING
    plain = (texts != UNKNOWN) & ~says_missing
    last = int(plain.sum()) + 1
    place = np.where(says_missing, last, np.where(plain, np.cumsum(plain), 0))
    has_missing = bool((codes < 0).any() or says_missing.any())
    values = np.array([UNKNOWN, *texts[plain], *([MISSING] if has_missing else [])], dtype=object)
    # Code -1, an empty cell, picks the place appended last.
    return np.append(place, last)[codes].astype(np.int32), values


def _numbers(column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = (numbers.isna() & column.notna()).to_numpy()
    if bad.any():
        raise DataError(f"column {column.name!r}, {_row(column, bad)}: {_shown(column, bad)} is not a number")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _refuse_infinite(column: pd.Series, numbers: np.ndarray) -> None:
    bad = np.isinf(numbers)
    if bad.any():
        cells = counted(int(bad.sum()), "infinite value")
        raise DataError(f"column {column.name!r} has {cells}, the first in {_row(column, bad)}")


def _refuse_missing(column: pd.Series, bad: np.ndarray, what: str) -> None:
    if bad.any():
        cells = counted(int(bad.sum()), f"missing {what}")
        raise DataError(f"column {column.name!r} has {cells}, the first in {_row(column, bad)}")


def _row(column: pd.Series, bad: np.ndarray) -> str:
    return f"data row {int(column.index[int(np.argmax(bad))]) + 1:,}"


def _shown(column: pd.Series, bad: np.ndarray) -> str:
    return repr(str(column.iloc[int(np.argmax(bad))])[:60])


def _some(values: pd.Index | np.ndarray) -> str:
    return ", ".join(repr(str(v)) for v in values[:3]) + (" ..." if len(values) > 3 else "")
