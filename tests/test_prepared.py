"""A folder of prepared data, written without DuckDB: that is needed to make one of a log, not to read it."""

import shutil

import pandas as pd
import pytest

from dnis.preparation import split_of
from dnis.prepared import part_file
from dnis.settings import DataSpec


def test_the_same_rows_have_the_same_digest_wherever_they_lie(prepared_ratings, tmp_path):
    shutil.copytree(prepared_ratings, tmp_path / "elsewhere")
    one, other = (split_of(DataSpec(str(path))).digest for path in (prepared_ratings, tmp_path / "elsewhere"))
    assert one == other


@pytest.mark.parametrize("name", ["train", "test"])
def test_two_targets_that_change_places_are_other_data(prepared_ratings, name):
    before = split_of(DataSpec(str(prepared_ratings))).digest
    path = part_file(prepared_ratings, name)
    frame = pd.read_parquet(path)
    places = [frame["target"].idxmin(), frame["target"].idxmax()]
    frame.loc[places, "target"] = frame.loc[places[::-1], "target"].to_numpy()
    frame.to_parquet(path, row_group_size=50)
    assert split_of(DataSpec(str(prepared_ratings))).digest != before


def test_a_digest_reads_no_rows(prepared_ratings, monkeypatch):
    split = split_of(DataSpec(str(prepared_ratings)))
    monkeypatch.setattr(type(split.train), "blocks", lambda part: pytest.fail("a row was read"))
    assert len(split.digest) == 64
