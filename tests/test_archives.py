"""A run that came as a zip is opened without trusting it."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dnis import exports
from dnis.archives import open_zip
from dnis.files import read_tensors, write_tensors
from dnis.reading import DataError
from dnis.runs import load_run
from tests.ui.small_run import made_run, titled_csv

__all__ = ["made_run", "titled_csv"]


@pytest.fixture
def run(made_run, tmp_path):
    return load_run(shutil.copytree(made_run, tmp_path / "small-run"))


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_packed_run_opens_as_it_was(run, tmp_path):
    opened = load_run(open_zip(exports.run_zip(run.folder), tmp_path / "opened", tmp_path))
    assert opened.result.config == run.result.config
    assert (opened.result.alpha == run.result.alpha).all()


def test_a_run_tells_no_more_of_its_file_than_hash_and_name(run):
    record = json.loads(members(exports.run_zip(run.folder))["small-run/run.json"])
    assert record["data"]["source"] == "/".join(Path(run.data.source).parts[-2:])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../secret.csv", "secret.csv"),
        ("0f0f/mine.csv", "0f0f/mine.csv"),
        ("mine.csv", "mine.csv"),
        ("a/..", "a"),
    ],
)
def test_a_run_cannot_choose_where_a_server_reads_its_data(run, tmp_path, asked, found):
    files = {p.name: p.read_bytes() for p in run.folder.iterdir()}
    record = json.loads(files["run.json"])
    record["data"]["source"] = asked
    opened = load_run(
        open_zip(zipped(**files | {"run.json": json.dumps(record)}), tmp_path / "opened", tmp_path / "uploads")
    )
    assert opened.data.source == str(tmp_path / "uploads" / found)


def test_numbers_that_no_page_could_draw_are_refused(run, tmp_path):
    arrays, texts = read_tensors(run.folder / "model.safetensors")
    arrays["alpha"] = arrays["alpha"] * np.nan
    write_tensors(run.folder / "model.safetensors", arrays, texts)
    with pytest.raises(DataError, match="alpha must hold finite numbers"):
        open_zip(exports.run_zip(run.folder), tmp_path / "opened", tmp_path)


def test_paths_of_a_zip_lead_nowhere_else(run, tmp_path):
    files = {f"../../{p.name}": p.read_bytes() for p in run.folder.iterdir()}
    folder = open_zip(
        zipped(**files, **{"../../evil.py": b"x", "/etc/passwd": b"x"}), tmp_path / "a" / "opened", tmp_path
    )
    assert {p.parent for p in tmp_path.rglob("run.json")} >= {folder}
    assert not list(tmp_path.rglob("evil.py"))
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in run.folder.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "not a readable zip"),
        (zipped(**{"run.json": b"{"}), "not valid JSON"),
        (zipped(**{"run.json": b"{}"}), "format"),
    ],
)
def test_what_cannot_be_opened_leaves_nothing_behind(tmp_path, content, said):
    with pytest.raises(DataError, match=said) as refused:
        open_zip(content, tmp_path / "opened", tmp_path)
    assert not (tmp_path / "opened").exists()
    assert str(tmp_path) not in str(refused.value)


def test_a_zip_that_unpacks_to_too_much_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("dnis.archives.MAX_BYTES", 100)
    with pytest.raises(DataError, match="MB unpacked"):
        open_zip(exports.run_zip(run.folder), tmp_path / "opened", tmp_path)
