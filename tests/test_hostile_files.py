"""Files that were broken at random or on purpose: each is read or refused in one sentence, and no more."""

import gzip
import io
import json
import random
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest

from dnis.archives import open_zip
from dnis.exports import run_zip
from dnis.files import read_tensors, write_tensors
from dnis.interactions import Interactions
from dnis.reading import DataError
from tests.ui.small_run import made_run, titled_csv

__all__ = ["made_run", "titled_csv"]

N_PER_KIND = 100
"""Mutants per kind of file; the seed of each is its number."""

NASTY = (
    b"\0",
    b"\xff\xfe",
    b'"',
    b"\r",
    b"\n",
    b",",
    b";",
    b"\x1f\x8b",
    b"PAR1",
    b"PK\x03\x04",
    b"\xef\xbb\xbf",
    b"1e999",
)


def flip(out, at, length, chance):
    out[at] ^= 1 << chance.randrange(8)


def set_byte(out, at, length, chance):
    out[at] = chance.randrange(256)


def take_out(out, at, length, chance):
    del out[at : at + length]


def repeat(out, at, length, chance):
    out[at:at] = out[at : at + length]


def cut_off(out, at, length, chance):
    del out[at:]


def put_in(out, at, length, chance):
    out[at:at] = chance.choice(NASTY)


def set_zero(out, at, length, chance):
    out[at : at + 8] = bytes(8)


def mutant(content, seed):
    """One to eight changes, all of them decided by the seed."""
    chance, out = random.Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 8)):
        out = out or bytearray(b"\n")
        length = chance.randint(1, 1 + len(out) // chance.choice((2, 8, 64)))
        change = chance.choice((flip, set_byte, take_out, repeat, cut_off, put_in, set_zero))
        change(out, chance.randrange(len(out)), length, chance)
    return bytes(out)


def is_one_sentence(text):
    return 0 < len(text) < 600 and "\n" not in text


def refusals(content, read, n=N_PER_KIND):
    """What is said of the mutants that are refused, by seed; anything but a refusal is an error of the test."""
    said = {}
    for seed in range(n):
        try:
            read(mutant(content, seed), seed)
        except DataError as error:
            said[seed] = str(error)
    assert {seed: text for seed, text in said.items() if not is_one_sentence(text)} == {}
    return said


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"user_id": rng.integers(1, 9, 60), "item_id": rng.integers(1, 9, 60)})
    return frame.assign(rating=rng.integers(1, 6, 60), title=[f'"{i}", é' for i in range(60)], x=rng.normal(size=60))


def contents(table):
    text = table.to_csv(index=False).encode()
    out = io.BytesIO()
    table.to_parquet(out)
    return {
        "log.csv": text,
        "wide.csv": text.decode().encode("utf-16"),
        "log.csv.gz": gzip.compress(text, mtime=0),
        "log.parquet": out.getvalue(),
    }


@pytest.mark.parametrize("name", ["log.csv", "wide.csv", "log.csv.gz", "log.parquet"])
def test_a_table_broken_at_random_is_read_or_refused(table, tmp_path, name):
    def read(content, seed):
        (tmp_path / name).write_bytes(content)
        Interactions.from_csv(tmp_path / name)

    assert 0 < len(refusals(contents(table)[name], read)) <= N_PER_KIND


def test_a_zip_broken_at_random_is_opened_or_refused_and_leaves_nothing_elsewhere(made_run, tmp_path):
    said = refusals(
        run_zip(made_run), lambda content, seed: open_zip(content, tmp_path / "runs" / str(seed), tmp_path / "uploads")
    )
    assert len(said) > N_PER_KIND / 2
    assert not any(str(tmp_path) in text for text in said.values())
    assert not any((tmp_path / "runs" / str(seed)).exists() for seed in said)
    assert {p.name for p in tmp_path.iterdir()} <= {"runs"}


@pytest.fixture
def tensors(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"alpha": np.ones((3, 4), np.float32), "n": np.arange(5)}, {"k": "v"})
    return (tmp_path / "a.safetensors").read_bytes()


def test_tensors_broken_at_random_are_read_or_refused(tensors, tmp_path):
    def read(content, seed):
        (tmp_path / "b.safetensors").write_bytes(content)
        read_tensors(tmp_path / "b.safetensors")

    assert len(refusals(tensors, read)) > N_PER_KIND / 2


def lying(header, data=bytes(8), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08\0\0\0",
        lying({}, length=2**63),
        lying({}, length=2**40),
        lying(b"[" * 200_000),
        lying({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**40]}}),
        lying({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}),
        lying({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]}}),
        lying({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}),
        lying({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}),
        lying({"a": {"dtype": "evil", "shape": [2], "data_offsets": [0, 8]}}),
        lying({n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "ab"}),
        lying({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}),
        lying({"a": {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}}),
        lying({"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}),
        lying({"__metadata__": {"a": 7}}),
        lying(b'{"\xff": 1}'),
    ],
)
def test_a_header_that_lies_is_refused(content, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="a.safetensors is not a readable safetensors file") as refused:
        read_tensors(tmp_path / "a.safetensors")
    assert is_one_sentence(str(refused.value))


def with_links(made_run):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in made_run.iterdir():
            if path.name == "model.safetensors":
                info = zipfile.ZipInfo(path.name)
                info.external_attr = 0o120777 << 16  # a symbolic link
                archive.writestr(info, "/etc/passwd")
            else:
                archive.write(path, path.name)
    return out.getvalue()


def test_a_link_in_a_zip_is_not_followed(made_run, tmp_path):
    with pytest.raises(DataError, match="link"):
        open_zip(with_links(made_run), tmp_path / "opened", tmp_path)
    assert not (tmp_path / "opened").exists()


def test_a_zip_that_unpacks_to_far_more_than_it_is_is_refused_before_it_is_unpacked(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.json", b"{}")
        archive.writestr("model.safetensors", bytes(401_000_000))
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(DataError, match="401 MB unpacked, more than 400 MB"):
        open_zip(out.getvalue(), tmp_path / "opened", tmp_path)


def test_a_zip_of_very_many_files_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.json", b"{}")
    with pytest.raises(DataError, match="300 files, more than 200"):
        open_zip(out.getvalue(), tmp_path / "opened", tmp_path)


def test_a_file_without_a_name_in_a_zip_is_refused(made_run, tmp_path):
    content = bytearray(run_zip(made_run))
    at = content.rindex(b"PK\x01\x02")
    length = struct.unpack("<H", content[at + 28 : at + 30])[0]
    content[at + 28 : at + 30] = bytes(2)  # its name becomes its comment
    content[at + 32 : at + 34] = struct.pack("<H", length)
    with pytest.raises(DataError, match="not a readable zip"):
        open_zip(bytes(content), tmp_path / "opened", tmp_path)


def test_a_checkpoint_in_a_zip_is_left_out(made_run, tmp_path):
    out = io.BytesIO(run_zip(made_run))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("small-run/checkpoint.safetensors", b"x")
    folder = open_zip(out.getvalue(), tmp_path / "opened", tmp_path)
    assert not (folder / "checkpoint.safetensors").exists()
