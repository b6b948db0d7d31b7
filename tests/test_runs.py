"""A run comes back as it was, and a folder that is not whole is refused."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dnis import files
from dnis.additions import add_controls, drop_additions
from dnis.interactions import Interactions
from dnis.reading import DataError
from dnis.results import EpochEvent, SearchResult
from dnis.roles import Roles
from dnis.runs import add_retrained, add_sweep, load_run, save_run
from dnis.settings import DataSpec, SearchConfig

SWEEP = pd.DataFrame({"threshold": [0.0, 0.1], "n_values": [4, 2], "test": [0.9, float("nan")]})
DATA = DataSpec("ratings.csv", (("user", "user_id"),), "time", 5)


@pytest.fixture
def small_search(small_split):
    """Numbers of the right shapes for ``small_split``; nothing was learnt."""
    rng, n = np.random.default_rng(1), small_split.train.n_features
    block_of = (np.arange(n) * 3 // n).astype(np.int32)
    return SearchResult(
        config=SearchConfig(embedding_dim=4, n_blocks=3, hidden=(8, 4)),
        embeddings=rng.normal(size=(n, 4)).astype(np.float32),
        biases=rng.normal(size=n).astype(np.float32),
        dense={"global_bias": np.array(3.5, dtype=np.float32), "mlp.0.weight": np.ones((2, 3), dtype=np.float32)},
        alpha=rng.random((3, 4), dtype=np.float32),
        block_of=block_of,
        counts=small_split.counts,
        history=(
            EpochEvent(1, "warm", {"train": float("nan"), "test": 1.0}, None, None, 0.0, 0.5, ("a note", "another")),
            EpochEvent(2, "search", {"train": 0.9}, np.ones((3, 4), dtype=np.float32), np.full(3, 2.0), 0.25, 1.0),
        ),
        best_epoch=2,
        metrics={"val": {"mse": 0.8}, "test": {"mse": 0.9}},
        warnings=("a warning",),
        elapsed_s=1.5,
    )


@pytest.fixture
def folder(tmp_path, small_search, small_split):
    return save_run(tmp_path / "my-run", data=DATA, result=small_search, split=small_split, sweep=SWEEP, name="mine")


def test_a_result_comes_back_bit_for_bit(folder, small_search):
    back = load_run(folder).result
    for name in ("alpha", "embeddings", "biases", "block_of", "counts"):
        np.testing.assert_array_equal(getattr(back, name), getattr(small_search, name), strict=True)
    assert back.config == small_search.config
    assert {n: (a.shape, a.tolist()) for n, a in back.dense.items()} == {
        n: (a.shape, a.tolist()) for n, a in small_search.dense.items()
    }
    for name in ("best_epoch", "metrics", "warnings", "elapsed_s"):
        assert getattr(back, name) == getattr(small_search, name)


def test_the_history_comes_back_with_its_gaps_and_broken_numbers(folder, small_search):
    first, second = load_run(folder).result.history
    assert (first.alpha, first.dims_by_block, first.notes) == (None, None, ("a note", "another"))
    assert (first.epoch, first.phase, first.alpha_travel, first.seconds) == (1, "warm", 0.0, 0.5)
    assert first.losses["test"] == 1.0
    assert np.isnan(first.losses["train"])
    np.testing.assert_array_equal(second.alpha, small_search.history[1].alpha, strict=True)
    np.testing.assert_array_equal(second.dims_by_block, [2.0, 2.0, 2.0])
    bare = {"alpha": None, "dims_by_block": None}
    assert replace(second, **bare) == replace(small_search.history[1], **bare)


def test_the_rest_of_a_run_comes_back(folder, small_split):
    run = load_run(folder)
    assert (run.id, run.name, run.data) == ("my-run", "mine", DATA)
    pd.testing.assert_frame_equal(run.sweep, SWEEP)
    assert run.facts == {
        "n_users": 40,
        "n_items": 30,
        "n_features": 72,
        "n_interactions": 1200,
        "n_by_part": {name: len(part) for name, part in small_split.parts.items()},
        "strategy": "time",
        "unknown": small_split.unknown,
    }
    assert set(run.versions) == {"python", "numpy", "torch"}


def test_the_vocabulary_comes_back_with_its_titles(tmp_path, tiny_search):
    frame = pd.DataFrame({"who": ["1", "2"] * 8, "what": ["2"] * 8 + ["3"] * 8, "t": range(16)})
    frame["rating"] = frame["t"] % 5
    frame["title"] = frame["what"].map({"2": "Two, the film", "3": None})
    roles = (("user", "who"), ("item", "what"), ("rating", "rating"), ("timestamp", "t"), ("title", "title"))
    split = Interactions.from_frame(frame, Roles().override(roles)).split("random")
    n = split.train.n_features
    grown = replace(
        tiny_search,
        embeddings=np.ones((n, 2), dtype=np.float32),
        biases=np.zeros(n, dtype=np.float32),
        block_of=(np.arange(n) % 2).astype(np.int32),
        counts=split.counts,
    )
    vocabulary = load_run(save_run(tmp_path / "r", data=DATA, result=grown, split=split)).vocabulary
    assert vocabulary.fields == ("who", "what")
    assert [vocabulary.label(i) for i in range(n)] == [
        "who (unknown)", "who 1", "who 2", "what (unknown)", "Two, the film", "what 3",
    ]  # fmt: skip
    assert vocabulary.encode("what", ["3", "nix"]).tolist() == [5, 3]


def test_the_summary_is_strict_json(folder, small_search):
    summary = json.loads(json.dumps(load_run(folder).summary, allow_nan=False))
    assert summary["alpha_mean_by_block"] == pytest.approx(small_search.alpha.mean(axis=1).tolist())
    kept = {"task": "rating", "model": "MF", "n_interactions": 1200, "n_features": 72, "epochs": 2, "elapsed_s": 1.5}
    assert {name: summary[name] for name in kept} == kept
    assert summary["metrics"] == {"val": {"mse": 0.8}, "test": {"mse": 0.9}}
    assert (summary["warnings"], summary["run"]) == (["a warning"], str(folder))


def test_what_is_added_later_is_found(folder):
    for created_s in (6.0, 5.0, 4.0, 3.0, 2.0, 1.0):
        add_retrained(folder, {"threshold": created_s / 10, "test": 0.91, "created_s": created_s})
    add_sweep(folder, SWEEP[:1])
    run = load_run(folder)
    assert [point["threshold"] for point in run.retrained] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert len(run.sweep) == 1


def test_nothing_that_was_measured_on_an_earlier_state_outlives_it(folder):
    add_retrained(folder, {"threshold": 0.1})
    add_controls(folder, {"magnitude": SWEEP})
    drop_additions(folder)
    run = load_run(folder)
    assert (run.sweep, run.controls, run.retrained) == (None, {}, ())


def test_controls_come_back_by_name(tmp_path, small_search, small_split):
    controls = {"magnitude": SWEEP, "frozen": SWEEP[:1]}
    run = load_run(save_run(tmp_path / "r", data=DATA, result=small_search, split=small_split, controls=controls))
    assert list(run.controls) == ["magnitude", "frozen"]
    pd.testing.assert_frame_equal(run.controls["magnitude"], SWEEP)
    assert run.sweep is None


def test_a_crash_at_any_file_leaves_no_folder_that_calls_itself_a_run(tmp_path, small_search, small_split, monkeypatch):
    fsync = files.os.fsync
    n_files = 5
    for survived in range(n_files):
        left = [survived]

        def crash(number, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError("no space left")
            fsync(number)

        folder = save_run(tmp_path / f"r{survived}", data=DATA, result=small_search, split=small_split, sweep=SWEEP)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", crash)
            with pytest.raises(OSError, match="no space left"):
                save_run(folder, data=DATA, result=small_search, split=small_split, sweep=SWEEP)
        with pytest.raises(DataError, match="is not a run: it has no run.json"):
            load_run(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "history.parquet", "vocabulary.parquet"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        load_run(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "has format 99; this version reads format 1"),
        ({"config": None}, "is not a whole run: 'NoneType' object is not iterable"),
        ({"created_s": ...}, "is not a whole run: 'created_s' is missing"),
        ({"config": {"embedding_dim": 5}}, r"embeddings has shape \(72, 4\), expected \(72, 5\)"),
        ({"config": {"embedding_dim": 0}}, r"embedding_dim must be in \[1, 512\], got 0"),
        ({"config": {"depth": 3}}, "unknown setting 'depth'"),
    ],
)
def test_a_run_that_does_not_fit_together_is_refused(folder, change, sentence):
    record = {**json.loads((folder / "run.json").read_text()), **change}
    kept = {name: value for name, value in record.items() if value is not ...}
    (folder / "run.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=sentence):
        load_run(folder)


def test_a_run_read_while_another_search_takes_its_place_is_refused(folder, small_search, small_split, tmp_path):
    result = replace(small_search, history=small_search.history[:-1])
    other = save_run(tmp_path / "other", data=DataSpec("sample:x"), result=result, split=small_split)
    (folder / "history.parquet").write_bytes((other / "history.parquet").read_bytes())
    with pytest.raises(DataError, match=r"the history has alpha of \d+ epochs, the arrays hold \d+"):
        load_run(folder)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a run: it has no run.json"):
        load_run(tmp_path)
