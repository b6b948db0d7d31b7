"""One raw column into numbers."""

import numpy as np
import pandas as pd
import pytest

from dnis.columns import category_codes, labels, number_bins, parts, ratings, seconds
from dnis.reading import DataError
from dnis.times import read_times
from dnis.vocabulary import MISSING, UNKNOWN


def column(values, name="x", **options):
    return pd.Series(values, name=name, **options)


def test_categories_are_sorted_as_what_they_are_with_unknown_first_and_missing_last():
    codes, values = category_codes(column([10, 9, None, 10], dtype="Int64"))
    assert values.tolist() == [UNKNOWN, "9", "10", MISSING]
    assert codes.tolist() == [2, 1, 3, 2]


def test_without_empty_cells_there_is_no_missing_feature():
    codes, values = category_codes(column(["b", "a", "b"]))
    assert values.tolist() == [UNKNOWN, "a", "b"]
    assert codes.tolist() == [2, 1, 2]


def test_whole_numbers_with_gaps_in_a_float_column_are_written_without_a_fraction():
    assert category_codes(column([1.0, np.nan, 2.0]))[1].tolist() == [UNKNOWN, "1", "2", MISSING]


def test_floats_too_large_to_be_whole_numbers_are_categories_all_the_same():
    assert category_codes(column([1e20, 2e20, np.nan, 2.0**53]))[1].tolist() == [
        UNKNOWN,
        "9007199254740992.0",
        "1e+20",
        "2e+20",
        MISSING,
    ]


def test_values_of_one_text_are_one_feature():
    codes, values = category_codes(column([1, "1", None], dtype=object))
    assert values.tolist() == [UNKNOWN, "1", MISSING]
    assert codes.tolist() == [1, 1, 2]


def test_cells_that_say_unknown_or_missing_are_taken_at_their_word():
    codes, values = category_codes(column(["(unknown)", "a", "(missing)", None]))
    assert values.tolist() == [UNKNOWN, "a", MISSING]
    assert codes.tolist() == [0, 1, 2, 2]


def test_more_than_a_million_distinct_values_are_refused_and_a_million_are_not():
    texts = column([f"v{i}" for i in range(1_000_001)], name="session")
    with pytest.raises(DataError, match="column 'session' has 1,000,001 distinct values, more than 1,000,000"):
        category_codes(texts)
    assert len(category_codes(texts[1:])[1]) == 1_000_001  # and UNKNOWN


def test_twenty_or_fewer_numbers_are_bins_of_their_own():
    codes, values = number_bins(column([0.5, 2.0, np.nan, 0.5]))
    assert values.tolist() == [UNKNOWN, "0.5", "2", MISSING]
    assert codes.tolist() == [1, 2, 3, 1]
    assert number_bins(column([0] * 100 + [1, 2, 3]))[1].tolist() == [UNKNOWN, "0", "1", "2", "3"]


def test_bins_of_many_numbers_are_those_of_scikit_learn():
    from sklearn.preprocessing import KBinsDiscretizer

    numbers = np.random.default_rng(0).normal(size=5000)
    codes, values = number_bins(column(numbers))
    oracle = KBinsDiscretizer(20, encode="ordinal", quantile_method="linear", subsample=None)
    assert (codes - 1).tolist() == oracle.fit_transform(numbers[:, None])[:, 0].tolist()
    assert len(values) == 21


def test_bins_hold_equal_shares_and_say_their_smallest_and_largest_value():
    codes, values = number_bins(column(np.arange(100)))
    assert np.bincount(codes).tolist() == [0, *[5] * 20]
    assert values[[1, 20]].tolist() == ["0 to 4", "95 to 99"]


def test_counts_that_pile_up_on_zero_get_bins_of_doubling_width():
    numbers = np.concatenate([np.zeros(1000), [1, 2, 3, 4, 7, 40, 63], np.arange(64, 79)])
    codes, values = number_bins(column(numbers))
    assert values.tolist() == [UNKNOWN, "0", "1", "2 to 3", "4 to 7", "40 to 63", "64 to 78"]
    assert np.bincount(codes).tolist() == [0, 1000, 1, 2, 2, 2, 15]


def test_numbers_closer_than_their_print_still_have_bins_of_different_names():
    numbers = 1 + np.arange(100) * 1e-9
    assert len(set(number_bins(column(numbers))[1])) == 21


def test_an_all_empty_number_column_is_one_missing_feature():
    codes, values = number_bins(column([np.nan, np.nan]))
    assert (codes.tolist(), values.tolist()) == ([1, 1], [UNKNOWN, MISSING])


def test_numbers_that_are_none_are_refused_with_their_row():
    with pytest.raises(DataError, match="column 'age', data row 2: 'old' is not a number"):
        number_bins(column(["30", "old"], name="age"))
    with pytest.raises(DataError, match="column 'age' has 1 infinite value, the first in data row 3"):
        number_bins(column([1.0, 2.0, np.inf], name="age"))


def test_ratings_are_numbers():
    assert ratings(column([1, 4.5])).tolist() == [1.0, 4.5]
    assert ratings(column(["1", "4.5"])).tolist() == [1.0, 4.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2, np.nan, np.nan], "column 'stars' has 2 missing ratings, the first in data row 3"),
        ([1, np.inf, -np.inf], "column 'stars' has 2 infinite values, the first in data row 2"),
        (["4", "5", "good"], "column 'stars', data row 3: 'good' is not a number"),
        ([3, 3, 3], "all 3 ratings in column 'stars' are 3: nothing to learn"),
    ],
)
def test_ratings_that_cannot_be_learnt_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        ratings(column(values, name="stars"))


@pytest.mark.parametrize(
    ("values", "ones", "note"),
    [
        ([0, 1, 1], [0, 1, 1], ""),
        ([0.0, 1.0, None], None, "1 missing label, the first in data row 3"),
        ([-1, 1, -1], [0, 1, 0], "In column 'x', '1' counts as 1, '-1' as 0."),
        ([2, 1, 2], [0, 1, 0], "In column 'x', '1' counts as 1, '2' as 0."),
        (["yes", "zero"], [1, 0], "In column 'x', 'yes' counts as 1, 'zero' as 0."),
        ([True, False], [1, 0], "In column 'x', 'True' counts as 1, 'False' as 0."),
        (["a", "b", "c", "d"], None, "label column 'x' must hold two values, found 4: 'a', 'b', 'c' ..."),
        ([1, 1], None, "label column 'x' must hold two values, found 1: '1'"),
    ],
)
def test_two_values_become_0_and_1(values, ones, note):
    if ones is None:
        with pytest.raises(DataError, match=note):
            labels(column(values))
    else:
        target, said = labels(column(values))
        assert (target.tolist(), said) == (ones, note)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([978300760, 978300761], [978300760, 978300761]),
        ([978300760.9, 978300761.2], [978300760, 978300761]),
        ([978300760123, 978300761123], [978300760, 978300761]),
        (["1970-01-01", "1970-01-02 00:00:10"], [0, 86410]),
        (["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:01Z"], [0, 1]),
        (["12", "13"], [12, 13]),
        (["31.01.1970", "1.2.1970 00:01", " 02.02.1970 00:00:05"], [30 * 86400, 31 * 86400 + 60, 32 * 86400 + 5]),
        (["03/04/1970", "13/02/1970"], [92 * 86400, 43 * 86400]),
        (["03/04/1970", "02/13/1970"], [62 * 86400, 43 * 86400]),
        (["31-01-1970", "01-02-1970"], [30 * 86400, 31 * 86400]),
        (["31.12.9999", "01.01.1970 10:00"], [253402214400, 36000]),
        (["1970/01/31", "1970/02/01"], [30 * 86400, 31 * 86400]),
        (pd.to_datetime(["1970-01-01 00:01:00", "1969-12-31 23:59:59"]), [60, -1]),
    ],
)
def test_times_become_seconds(values, expected):
    result = seconds(column(values))
    assert result.dtype == np.int64
    assert result.tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-31", "yesterday"], "column 'date', data row 2: 'yesterday' is not a time"),
        (["5", "6", "yesterday"], "column 'date', data row 3: 'yesterday' is not a time"),
        ([1.0, 2.0, np.inf], "column 'date', data row 3: 'inf' is not a time"),
        ([1e308, np.inf, np.inf], "column 'date', data row 1: '1e.308' is not a time"),
        (["31.01.2024", "01.02.2024", "2024-02-03"], "column 'date', data row 3: '2024-02-03' is not a time"),
        (["31.12.99", "01.01.05"], "column 'date', data row 1: '31.12.99' is not a time"),
        (["03/04/2024", "05/06/2024"], "column 'date', data row 1: '03/04/2024' can be a day of two months; write"),
        (["31/01/2024", "01/31/2024", "05/06/2024"], "column 'date', data row 1: '31/01/2024' is not a time"),
        (["2024-01-31", None], "column 'date' has 1 missing time, the first in data row 2"),
    ],
)
def test_times_that_cannot_be_read_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        seconds(column(values, name="date"))


def test_words_of_a_split_column_become_three_parts():
    assert parts(column(["Train", "dev", "TEST", "validation"])).tolist() == ["train", "valid", "test", "valid"]
    with pytest.raises(DataError, match="column 'fold', data row 2: '3' is not train, valid or test"):
        parts(column(["train", "3"], name="fold"))
    with pytest.raises(DataError, match="column 'fold' has 1 missing part, the first in data row 1"):
        parts(column([None, "test"], name="fold"))


def test_the_way_that_most_cells_are_written_is_the_one_and_the_others_are_said_to_be_otherwise():
    cells = ["2020-06-28", "2021-10-12T01:54:15Z", "17/04/2022", "Mar 05, 2021"] * 5
    read = read_times(pd.Series(cells))
    assert read.notna().tolist() == [True, True, False, False] * 5
