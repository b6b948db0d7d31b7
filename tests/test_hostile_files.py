"""Files that were broken at random or on purpose: each is read or refused in one sentence, and no more."""

import io
import json
import random
import struct
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import fuzz
from dnis.archives import open_zip
from dnis.delimited import first_line
from dnis.exports import run_zip
from dnis.files import read_tensors
from dnis.reading import DataError
from tests import mutants
from tests.ui.small_run import made_run, titled_csv

__all__ = ["made_run", "titled_csv"]

N_PER_KIND = 80
"""Mutants per kind of file; ``python -m benchmarks.fuzz`` reads thousands."""


@pytest.fixture(scope="module")
def members(made_run):
    return {path.name: path.read_bytes() for path in made_run.iterdir()}


@pytest.mark.parametrize("kind", mutants.KINDS)
def test_a_file_broken_at_random_is_read_or_refused_and_leaves_nothing_elsewhere(kind, members, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    outcomes = [fuzz.judge(kind, mutants.mutant(kind, seed, members), folder) for seed in range(N_PER_KIND)]
    assert set(outcomes) == {"accepted", "refused"}
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_mutant_is_made_by_its_kind_and_seed_alone(members):
    for kind in mutants.KINDS:
        assert mutants.mutant(kind, 3, members) == mutants.mutant(kind, 3, members)
        assert len({mutants.mutant(kind, seed, members) for seed in range(10)}) > 5


def is_one_sentence(text):
    return 0 < len(text) < 600 and text.isprintable()


def parquet(columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


FOUND_TABLES = {
    "a line of a million letters, and an accent: it took minutes to tell the encoding": (
        "csv", b"x" * 1_000_000 + b"\n\xe9\n",
    ),
    "a column name of 70,000 letters, all of which were said": ("csv", b"x" * 70_000 + b"\n1\n"),
    "two hundred columns, all of which were named": ("csv", ",".join(f"c{i}" for i in range(200)).encode() + b"\n"
                                                     + b",".join([b"1"] * 200) + b"\n"),
    "times of which most are infinite or too large: they were taken for dates, with a warning of NumPy's": (
        "parquet", parquet({"user_id": [7, 6, 5, 3], "item_id": [1, 4, 7, 7], "rating": [7, 1, 7, 3],
                            "timestamp": [1e308, float("inf"), 1e308, float("inf")]}),
    ),
}  # fmt: skip
"""What the fuzzer found in tables, and what went wrong then."""


@pytest.mark.parametrize("what", FOUND_TABLES)
def test_what_was_found_in_tables_is_refused_in_a_sentence(what, tmp_path):
    assert fuzz.judge(*FOUND_TABLES[what], tmp_path) == "refused"


def with_record(members, **changes):
    return {**members, "run.json": json.dumps(json.loads(members["run.json"]) | changes).encode()}


FOUND_RUNS = {
    "a vocabulary of records, which no text can be made of": lambda m: {
        **m, "vocabulary.parquet": parquet({"field": [{"a": 1}], "value": [{"a": 1}], "title": [{"a": 1}]}),
    },
    "epochs whose losses are dates": lambda m: {**m, "history.parquet": dated(m["history.parquet"])},
    "metrics that are a text": lambda m: with_record(m, metrics="good"),
    "a moment in the year 10,000": lambda m: with_record(m, created_s=1e12),
    "a retrained point without its size": lambda m: {**m, "retrained-00.json": b'{"created_s": 1, "test": 2}'},
    "a record of a hundred thousand brackets": lambda m: {**m, "run.json": b"[" * 100_000},
    "a number that JSON does not know": lambda m: with_record(m, elapsed_s=float("nan")),
    "a comparison of numbers for names": lambda m: {**m, "comparison.json": b'{"rows": [{"method": 7}]}'},
}  # fmt: skip
"""What the fuzzer found in runs: each was opened, and broke a page later."""


def dated(content):
    table = pq.read_table(io.BytesIO(content))
    at = table.column_names.index("loss_test")
    days = pa.array(range(table.num_rows), pa.int32()).cast(pa.date32())
    out = io.BytesIO()
    pq.write_table(table.set_column(at, "loss_test", days), out)
    return out.getvalue()


@pytest.mark.parametrize("what", FOUND_RUNS)
def test_what_was_found_in_runs_is_refused_in_a_sentence(what, members, tmp_path):
    assert fuzz.judge("zip", mutants.packed(members, random.Random(0)), tmp_path) == "accepted"
    assert fuzz.judge("zip", mutants.packed(FOUND_RUNS[what](members), random.Random(0)), tmp_path) == "refused"


@pytest.mark.parametrize("name", [*mutants.ODD_PATHS, "run.json.exe", ".run.json", "con.json.", "a b.json"])
def test_a_file_that_no_run_has_is_left_in_the_zip(name, members, tmp_path):
    content = mutants.packed({**members, name: b"{}"}, random.Random(0))
    folder = open_zip(content, tmp_path / "a" / "opened", tmp_path / "uploads")
    assert {path.name for path in folder.iterdir()} <= {*members, "out.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_signs_that_steer_a_terminal_are_not_said():
    assert first_line(ValueError("an unknown type \x1b[31m\x0e\nand more")) == "an unknown type  [31m "


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
