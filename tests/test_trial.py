"""A stranger's file is read first where it can do no harm."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnis import trial
from dnis.exports import run_zip
from dnis.reading import DataError
from dnis.runs import load_run
from tests.ui.small_run import made_run, titled_csv

__all__ = ["made_run", "titled_csv"]


@pytest.fixture
def saved(tmp_path):
    def save(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return save


def test_a_good_file_passes_and_is_tried_once(saved, monkeypatch):
    path = saved(b"user,item\n1,2\n2,3\n")
    trial.checked(path)
    monkeypatch.setattr(trial.sys, "executable", "no-such-program")
    trial.checked(path)


def test_a_refusal_comes_back_as_its_sentence(saved):
    with pytest.raises(DataError, match="^log.csv has column names but no rows$"):
        trial.checked(saved(b"user,item\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        trial.checked(tmp_path / "gone.csv")


def stand_in(monkeypatch, tmp_path, code):
    """Another program in the place of the reader."""
    program = tmp_path / "reader"
    program.write_text(f"#!{sys.executable}\n{code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(trial.sys, "executable", str(program))


def test_a_file_that_never_ends_is_refused(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "MAX_SECONDS", 0.5)
    stand_in(monkeypatch, tmp_path, "import time; time.sleep(60)")
    path = saved(b"never,ends\n1,2\n2,3\n")
    with pytest.raises(DataError, match=r"longer than the limit of 0\.5 s"):
        trial.checked(path)


def test_a_refusal_for_lack_of_time_is_not_kept(saved, tmp_path, monkeypatch):
    path = saved(b"user,item\n1,2\n2,3\n")
    with monkeypatch.context() as busy:
        busy.setattr(trial, "MAX_SECONDS", 0.001)
        with pytest.raises(DataError, match="longer than the limit"):
            trial.checked(path)
    trial.checked(path)


def test_a_file_that_crashes_its_reader_is_refused(saved, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, "import os; os.abort()")
    with pytest.raises(DataError, match="its reader ended with code -6"):
        trial.checked(saved(b"crash,es\n1,2\n"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on memory there")
def test_a_small_file_that_fills_the_memory_is_refused(tmp_path):
    """8000 rows of one text of 400 kB: 3.2 GB from a file of a few kB, in a single batch, counted too late."""
    text = pa.array(["x" * 400_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 8000, pa.int32()), text)
    pq.write_table(pa.table({"user": column}), tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(DataError, match="needs more"):
        trial.checked(tmp_path / "bomb.parquet")


def test_what_is_in_a_table_is_told_by_the_process_that_reads_it(saved):
    seen = trial.examine(saved(b"user,item,rating,word\n1,2,3,a\n2,3,bad,b\n1,3,4,\n"))
    assert [fact["name"] for fact in seen.facts] == ["user", "item", "rating", "word"]
    assert (seen.facts[3]["n_missing"], seen.facts[3]["samples"]) == (1, ["a", "b"])
    assert [(p["column"], p["kind"], p["rows"]) for p in seen.problems] == [("rating", "not_rating", [2])]
    assert seen.refusal is not None
    assert "'bad' is not a number" in seen.refusal


def test_roles_that_solve_the_problem_are_tried_in_their_turn(saved):
    path = saved(b"user,item,rating\n1,2,3\n2,3,bad\n1,3,4\n2,2,5\n")
    assert trial.checked(path, (("clean", "rating"),)) == path
    with pytest.raises(DataError, match="not a number"):
        trial.checked(path)


def test_a_run_is_opened_by_another_process_and_a_refused_one_leaves_nothing(made_run, tmp_path):
    folder = trial.try_run(run_zip(made_run), tmp_path / "opened", tmp_path / "uploads")
    assert load_run(folder).name == "small run"
    with pytest.raises(DataError, match="^not a readable zip file"):
        trial.try_run(b"no zip", tmp_path / "other", tmp_path / "uploads")
    assert not (tmp_path / "other").exists()
