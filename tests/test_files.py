"""A file is whole or not there."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dnis import files
from dnis.files import (
    disk_fault,
    plain,
    read_json,
    read_table,
    read_tensors,
    write_json,
    write_table,
    write_tensors,
    write_whole,
)
from dnis.reading import DataError
from dnis.settings import DataSpec


def test_a_crash_while_writing_leaves_the_old_content_and_no_draft(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.txt", b"old")

    def crash(number):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "a.txt", b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.txt": b"old"}


def test_content_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(files.os, "fsync", lambda number: order.append("fsync") or fsync(number))
    monkeypatch.setattr(Path, "replace", lambda self, to: order.append("rename") or replace(self, to))
    write_whole(tmp_path / "a.txt", b"new")
    assert order == ["fsync", "rename"]


def test_plain_makes_strict_json_of_records_arrays_and_broken_numbers():
    value = {"spec": DataSpec(seed=3), "a": np.array([[1.5, np.nan]]), "n": np.int64(2), "p": Path("x"), "t": (1, None)}
    expected = {
        "spec": {"source": "sample:movielens-small", "columns": [], "strategy": None, "seed": 3, "core": 0},
        "a": [[1.5, None]],
        "n": 2,
        "p": "x",
        "t": [1, None],
    }
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


def test_tensors_come_back_with_shape_type_and_metadata(tmp_path):
    arrays = {
        "scalar": np.array(3.5, dtype=np.float32),
        "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "none": np.zeros((0, 4), dtype=np.uint8),
    }
    write_tensors(tmp_path / "a.safetensors", arrays, {"note": "kept"})
    back, texts = read_tensors(tmp_path / "a.safetensors")
    assert texts == {"note": "kept"}
    assert {n: (a.shape, a.dtype, a.tolist()) for n, a in back.items()} == {
        n: (a.shape, a.dtype, a.tolist()) for n, a in arrays.items()
    }


def test_a_table_comes_back(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 8])
    write_table(tmp_path / "a.parquet", frame)
    assert read_table(tmp_path / "a.parquet").to_pydict() == {"a": [1, 2], "b": ["x", None]}


@pytest.mark.parametrize(
    ("read", "kind"),
    [(read_json, "valid JSON"), (read_tensors, "readable safetensors"), (read_table, "readable Parquet")],
)
def test_damaged_and_missing_files_are_refused_in_one_sentence(tmp_path, read, kind):
    with pytest.raises(DataError, match=r"gone\.bin is missing"):
        read(tmp_path / "gone.bin")
    (tmp_path / "bad.bin").write_bytes(b"\x08\0\0\0\0\0\0\0 rubbish")
    with pytest.raises(DataError, match=rf"bad\.bin is not a? ?{kind}"):
        read(tmp_path / "bad.bin")


def test_json_is_written_for_people_too(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1]})
    assert (tmp_path / "a.json").read_text() == '{\n "a": [\n  1\n ]\n}\n'


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "read-only"), (errno.EACCES, "may not write"), (errno.EIO, None)],
)
def test_a_disk_that_takes_nothing_is_said_without_its_place(number, word):
    said = disk_fault(OSError(number, "as the system says", "secret-place"))
    assert (said is None) == (word is None)
    assert said is None or (word in said and "secret" not in said)
