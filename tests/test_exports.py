"""What leaves the app is exact, small, and safe to open."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from dnis import exports
from dnis.interactions import Interactions
from dnis.loader import load_table
from dnis.pruning import prune
from dnis.results import SearchResult
from dnis.runs import load_run, save_run
from dnis.schemes import DimensionScheme, make_blocks
from dnis.settings import DataSpec, SearchConfig

TITLES = {"a": "=HYPERLINK(1)", "b": "Plain (1999)", "c": "tab\there"}
K = 4


@pytest.fixture
def run(tmp_path):
    users = np.repeat(["u1", "u2", "u3"], 20)
    items = np.tile(["a", "b", "c", "a"], 15)
    frame = pd.DataFrame(
        {"user_id": users, "item_id": items, "rating": np.arange(60) % 5, "title": [TITLES[i] for i in items]}
    )
    split = Interactions.from_frame(frame).split("random", seed=1)
    n = split.train.n_features
    rng = np.random.default_rng(0)
    block_of = make_blocks(split.counts, 2)
    result = SearchResult(
        config=SearchConfig(embedding_dim=K, n_blocks=2, lr=0.01),
        embeddings=rng.normal(0, 1, (n, K)).astype(np.float32),
        biases=np.zeros(n, np.float32), dense={"global_bias": np.array(3.5, np.float32)},
        alpha=np.array([[1.0, 0.5, 1.0, 0.2], [0.5, 0.1, 0.0, 0.3]], np.float32),
        block_of=block_of, counts=split.counts,
    )  # fmt: skip
    folder = save_run(
        tmp_path / "some-run", data=DataSpec("sample:planted", strategy="random", seed=1), result=result, split=split
    )
    return load_run(folder)


@pytest.fixture
def scheme(run):
    return prune(run.result, n_values=9)


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n", "\0"])
def test_a_cell_that_would_start_a_formula_gets_an_apostrophe(start):
    assert exports.spreadsheet_text(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


def test_a_carriage_return_begins_no_line_of_a_file():
    content = exports.csv_bytes(pd.DataFrame({"title": ["Film 3\r=1+1", "Film 4"], "n": [1, 2]}))
    again = pd.read_csv(io.BytesIO(content))
    assert again["n"].tolist() == [1, 2]
    assert b"\r" not in content
    assert exports.spreadsheet_text("\r=1+1") == "'\n=1+1"


@pytest.mark.parametrize("text", ["-5", "+1.5", "-.5e-3", "Toy Story (1995)", "", "a=b"])
def test_plain_numbers_and_plain_words_stay_as_they_are(text):
    assert exports.spreadsheet_text(text) == text


def test_number_columns_are_untouched_and_headers_are_made_safe():
    safe = exports.safe_frame(pd.DataFrame({"=x": ["-a", None], "n": [-1.5, 2.0]}))
    assert list(safe.columns) == ["'=x", "n"]
    assert safe["'=x"].tolist()[0] == "'-a"
    assert safe["n"].tolist() == [-1.5, 2.0]


def test_scheme_csv_says_what_every_row_of_the_packed_table_keeps(run, scheme):
    table = pd.read_csv(io.BytesIO(exports.csv_bytes(exports.scheme_frame(run, scheme))), keep_default_na=False)
    assert len(table) == run.vocabulary.n_features
    assert table["dims"].sum() == 9
    for row in table.to_dict("records"):
        kept = np.flatnonzero(scheme.mask[row["feature_id"]])
        assert row["kept_dimensions"] == " ".join(map(str, kept))
        assert (row["field"], row["raw_id"]) == run.vocabulary.decode(row["feature_id"])
        assert row["count"] == run.result.counts[row["feature_id"]]
    assert "'=HYPERLINK(1)" in set(table["title"])


def test_packed_zip_holds_the_pruned_table_its_rows_and_a_loader(run, scheme, tmp_path):
    by_block = DimensionScheme.from_block_dims(np.array([3, 1]), run.result.block_of, K)
    assert by_block.layout == "block"
    assert (np.diff(run.result.block_of) < 0).any()
    for kept in (scheme, by_block):
        files = members(exports.packed_zip(run, kept))
        assert sorted(files) == ["features.csv", "load_table.py", "table.safetensors"]
        (tmp_path / "table.safetensors").write_bytes(files["table.safetensors"])
        order = pd.read_csv(io.BytesIO(files["features.csv"]))["feature_id"].to_numpy()
        assert load_table(tmp_path / "table.safetensors") == pytest.approx((run.result.weighted * kept.mask)[order])


def test_the_exported_loader_needs_numpy_alone_and_reads_the_exported_table(run, scheme, tmp_path):
    source = exports.loader_source()
    lines = {line.strip() for line in source.splitlines()}
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= {"__future__", "json", "pathlib", "numpy"}
    names = {"__name__": "load_table"}
    exec(compile(source, "load_table.py", "exec"), names)
    (tmp_path / "table.safetensors").write_bytes(exports.packed_bytes(scheme, run.result.weighted))
    assert names["load_table"](tmp_path / "table.safetensors").shape == (run.vocabulary.n_features, K)


def test_npz_opens_without_pickle_and_keeps_every_number(run, scheme):
    content = exports.npz_bytes(exports.npz_arrays(run, scheme))
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert archive["embeddings"] == pytest.approx(run.result.weighted * scheme.mask)
        assert float(archive["dense.global_bias"]) == 3.5
        assert archive["dims"].tolist() == scheme.dims.tolist()


def test_projector_files_have_a_label_for_every_vector(run, scheme):
    vectors, metadata = exports.projector_texts(run, scheme)
    rows, labels = vectors.splitlines(), metadata.splitlines()
    seen = int((run.result.counts > 0).sum())
    assert len(rows) == seen
    assert len(labels) == seen + 1
    assert {len(row.split("\t")) for row in rows} == {K}
    assert {len(row.split("\t")) for row in labels} == {4}
    assert any(row.startswith("tab here\t") for row in labels)


def test_run_zip_holds_the_folder_and_no_drafts(run):
    (run.folder / ".draft").write_text("half")
    (run.folder / "cells").mkdir()
    (run.folder / "cells" / "one.cell").write_text("unfinished")
    files = members(exports.run_zip(run.folder))
    assert "some-run/run.json" in files
    assert not any(".draft" in name or "cell" in name for name in files)
    assert files["some-run/run.json"] == (run.folder / "run.json").read_bytes()


def test_equal_runs_give_equal_bytes(run, scheme):
    assert exports.run_zip(run.folder) == exports.run_zip(run.folder)
    assert exports.projector_zip(run, scheme) == exports.projector_zip(run, scheme)


def test_a_checkpoint_stays_on_the_server(run):
    """It names the place of the data there."""
    (run.folder / "checkpoint.safetensors").write_bytes(b"x")
    assert not any("checkpoint" in name for name in members(exports.run_zip(run.folder)))
