"""Rows that cannot be used: found by their role, and dropped where that is asked for."""

import numpy as np
import pandas as pd
import pytest

from dnis.cleaning import unusable
from dnis.interactions import Interactions, Roles


@pytest.mark.parametrize(
    ("role", "cells", "bad"),
    [
        ("rating", ["1", "good", None, "2.5", "inf"], [1, 2, 4]),
        ("numeric", ["1", "good", None, "2.5", "inf"], [1, 4]),
        ("label", ["yes", None, "no"], [1]),
        ("timestamp", ["100", "200", "soon", None, "300"], [2, 3]),
        ("timestamp", ["2024-01-31", "31.12.", "2024-02-01 10:00"], [1]),
        ("timestamp", ["31.01.2024", "31.12.", None, "01.02.2024 10:00"], [1, 2]),
        ("timestamp", [1e308, np.inf, np.nan, 2.0**62], [0, 1, 2]),
        ("split", ["train", "Valid", "exam", None], [2, 3]),
        ("user", ["a", None], [1]),
        ("feature", ["a", None], []),
        ("title", ["a", None], []),
    ],
)
def test_a_cell_is_usable_or_not_by_its_role(role, cells, bad):
    assert np.flatnonzero(unusable(pd.Series(cells), role)).tolist() == bad


def test_rows_are_dropped_by_the_columns_that_ask_for_it_and_counted():
    frame = pd.DataFrame({"user": [1, 1, 2, 2, None], "item": [1, 2, 2, 1, 1], "rating": ["3", "good", "4", None, "5"]})
    data = Interactions.from_frame(frame, Roles.guess(frame).override((("clean", "rating"),)))
    assert data.target.tolist() == [3, 4]
    assert data.notes[:2] == (
        "Dropped 1 row without 'user', the first data row 5.",
        "Dropped 2 rows with an unusable 'rating', the first data row 2.",
    )
