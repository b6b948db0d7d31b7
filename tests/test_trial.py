"""A stranger's file is read first where it can do no harm."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnis import trial
from dnis.reading import DataError


@pytest.fixture
def saved(tmp_path):
    def save(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return save


def test_a_good_file_passes_and_is_tried_once(saved, monkeypatch):
    path = saved(b"user,item\n1,2\n")
    trial.try_file(path)
    monkeypatch.setattr(trial.sys, "executable", "no-such-program")
    trial.try_file(path)


def test_a_refusal_comes_back_as_its_sentence(saved):
    with pytest.raises(DataError, match="^log.csv has column names but no rows$"):
        trial.try_file(saved(b"user,item\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        trial.try_file(tmp_path / "gone.csv")


def stand_in(monkeypatch, tmp_path, code):
    """Another program in the place of the reader."""
    program = tmp_path / "reader"
    program.write_text(f"#!{sys.executable}\n{code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(trial.sys, "executable", str(program))


def test_a_file_that_never_ends_is_refused(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "MAX_SECONDS", 0.5)
    stand_in(monkeypatch, tmp_path, "import time; time.sleep(60)")
    with pytest.raises(DataError, match=r"longer than the limit of 0\.5 s"):
        trial.try_file(saved(b"never,ends\n1,2\n"))


def test_a_file_that_crashes_its_reader_is_refused(saved, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, "import os; os.abort()")
    with pytest.raises(DataError, match="its reader ended with code -6"):
        trial.try_file(saved(b"crash,es\n1,2\n"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on memory there")
def test_a_small_file_that_fills_the_memory_is_refused(tmp_path):
    """8000 rows of one text of 400 kB: 3.2 GB from a file of a few kB, in a single batch, counted too late."""
    text = pa.array(["x" * 400_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 8000, pa.int32()), text)
    pq.write_table(pa.table({"user": column}), tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(DataError, match="needs more"):
        trial.try_file(tmp_path / "bomb.parquet")
