"""A run in words that repeat it: settings, command line, and a script that is run here and compared."""

import json
import shlex
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from dnis import recipes
from dnis.__main__ import make_parser
from dnis.control import Control
from dnis.errands import perform
from dnis.options import data_of, settings_of
from dnis.runs import load_run, save_run
from dnis.settings import DataSpec, SearchConfig
from tests.stopping import StopAfter

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tiny_search, small_split, tmp_path):
    n = small_split.train.n_features
    result = replace(
        tiny_search,
        config=replace(tiny_search.config, embedding_dim=4, lr=0.02, seed=3),
        embeddings=np.ones((n, 4), np.float32),
        biases=np.zeros(n, np.float32),
        alpha=np.ones((1, 4), np.float32),
        block_of=np.zeros(n, np.int32),
        counts=small_split.counts,
        history=(),
    )
    data = DataSpec("sample:planted", strategy="random", seed=3)
    return load_run(save_run(tmp_path / "some-run", data=data, result=result, split=small_split))


def reported(what, metrics):
    return [f"{what}, {part}: " + ", ".join(f"{n} {v}" for n, v in m.items()) for part, m in metrics.items()]


def with_data(run, **changes):
    return replace(run, data=replace(run.data, **changes))


def test_settings_json_reads_back_as_the_same_settings(run):
    settings = json.loads(recipes.settings_json(run, 0.25))
    assert SearchConfig.from_dict(settings["config"]) == run.result.config
    assert settings["data"]["source"] == "sample:planted"
    assert settings["threshold"] == 0.25


def test_only_settings_that_differ_from_their_defaults_are_told(run):
    assert recipes.changed_settings(run.result.config) == {
        "embedding_dim": 4, "n_blocks": 2, "hidden": (8, 4), "lr": 0.02, "seed": 3,
    }  # fmt: skip


def test_the_command_line_reads_the_command_as_the_same_data_and_settings(run):
    told = with_data(run, columns=(("user", "who's"), ("split", "part"), ("feature", "a,b"), ("ignore", "x")))
    threads, search, retrain = recipes.command(told, 0.25).splitlines()
    assert shlex.split(threads, comments=True) == ["export", "OMP_NUM_THREADS=1"]
    words = shlex.split(search)
    assert words[:3] == ["python", "-m", "dnis"]
    options = make_parser().parse_args(words[3:])
    assert data_of(options) == told.data
    given = settings_of(options, SearchConfig)
    assert SearchConfig.from_dict(given) == run.result.config
    assert make_parser().parse_args(shlex.split(retrain)[3:]).threshold == 0.25


def test_the_command_names_the_batch_size_even_where_it_is_the_usual_one(run):
    # on the command line it follows from the data where it is not named
    usual = replace(
        run, result=replace(run.result, config=replace(run.result.config, batch_size=SearchConfig().batch_size))
    )
    assert f"--batch-size {SearchConfig().batch_size}" in recipes.command(usual, 0.25)


def test_the_command_says_so_where_it_cannot_repeat_the_run_exactly(run):
    assert recipes.command(with_data(run, seed=9), 0.25).startswith("# the split had seed 9")


def test_uploaded_data_are_named_without_the_place_where_the_server_keeps_them(run):
    told = with_data(run, source="/somewhere/secret/0f0f.csv")
    source = recipes.script(told, 0.25)
    compile(source, "script.py", "exec")
    assert "sys.argv[1]" in source
    assert not any(
        "secret" in text for text in (source, recipes.settings_json(told, 0.25), recipes.command(told, 0.25))
    )


@pytest.mark.parametrize(
    ("name", "stem"), [("MF on Ratings 2.csv", "mf-on-ratings-2-csv"), ("/../ <b>", "b"), ("映画", "some-run")]
)
def test_files_are_called_after_the_run_in_letters_that_every_system_takes(run, name, stem):
    assert recipes.file_stem(replace(run, name=name)) == stem


def script_says(run, folder, *words):
    """What the script of a run prints; nothing is set for it: it finds the package in the folder that it is run in."""
    (folder / "script.py").write_text(recipes.script(run, 0.1))
    command = [sys.executable, folder / "script.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_script_repeats_the_run_to_the_bit(ratings_csv, tmp_path):
    config = asdict(SearchConfig(embedding_dim=8, n_blocks=4, epochs=6, warm_epochs=2, batch_size=128))
    job = {"kind": "search", "data": {"source": str(ratings_csv)}, "config": config, "out": str(tmp_path / "run")}
    perform(job, lambda event: None, Control())
    run = load_run(tmp_path / "run")
    done = perform({"kind": "retrain", "run": run.folder, "threshold": 0.1}, lambda event: None, Control())
    lines = script_says(run, tmp_path, ratings_csv)
    assert lines[: len(run.result.metrics)] == reported("search", run.result.metrics)
    again = done["retrained"]["metrics"]
    assert lines[-len(again) - 1 : -1] == reported("retrained", again)
    saved = np.load(next(tmp_path.glob("*-retrained.npz")))
    assert saved["embeddings"].shape == saved["mask"].shape == run.result.embeddings.shape
    assert not saved["embeddings"][~saved["mask"]].any()
    assert saved["mask"].sum() == done["retrained"]["n_values"]


def test_a_script_that_is_not_told_where_the_data_lie_says_how_it_is_called(run, tmp_path):
    (tmp_path / "script.py").write_text(recipes.script(replace(run, data=replace(run.data, source="my.csv")), 0.1))
    done = subprocess.run([sys.executable, tmp_path / "script.py"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Run it in the folder of DNIS Explorer" in done.stderr
    assert done.stderr.rstrip().endswith(f"{recipes.file_stem(run)}.py my.csv")


@pytest.mark.parametrize(
    ("settings", "mixed"),
    [({}, False), ({"model": "MLP", "compression": 4.0}, True), ({"recipe": "budget", "compression": 4.0}, False)],
)
def test_the_script_repeats_a_search_as_far_as_it_came_and_as_precisely(ratings_csv, tmp_path, settings, mixed):
    config = {"embedding_dim": 8, "n_blocks": 3, "epochs": 12, "warm_epochs": 1, "patience": 12, **settings}
    job = {"kind": "search", "data": {"source": str(ratings_csv)}, "config": config, "out": str(tmp_path / "run")}
    perform({**job, "mixed_precision": mixed}, lambda event: None, StopAfter(10))
    run = load_run(tmp_path / "run")
    assert run.result.stopped
    assert len(run.result.history) == 10
    wanted = reported("search", run.result.metrics)
    assert script_says(run, tmp_path, ratings_csv)[: len(wanted)] == wanted
    assert recipes.command(run, 0.1).startswith("# the search was stopped after epoch 10")
    assert ("--mixed-precision" in recipes.command(run, 0.1)) == mixed


def test_the_script_of_a_finished_search_computes_in_mixed_precision_where_the_run_did(ratings_csv, tmp_path):
    config = {"model": "MLP", "embedding_dim": 8, "n_blocks": 3, "epochs": 2, "warm_epochs": 1}
    job = {"kind": "search", "data": {"source": str(ratings_csv)}, "config": config, "out": str(tmp_path / "run")}
    perform({**job, "controls": False, "mixed_precision": True}, lambda event: None, Control())
    run = load_run(tmp_path / "run")
    wanted = reported("search", run.result.metrics)
    assert script_says(run, tmp_path, ratings_csv)[: len(wanted)] == wanted
    single = replace(run, facts={})
    assert script_says(single, tmp_path, ratings_csv)[: len(wanted)] != wanted


@pytest.mark.parametrize(("task", "model"), [("rating", "MF"), ("topk", "NeuMF")])
def test_the_script_leaves_aside_the_fields_that_the_run_left_aside(ratings_frame, tmp_path, task, model):
    source = tmp_path / "films.csv"
    ratings_frame.assign(genre=ratings_frame["item_id"] % 4).to_csv(source, index=False)
    columns = [["rating", "rating"]] if task == "rating" else [["ignore", "rating"]]
    data = {"source": str(source), "columns": [*columns, ["feature", "genre"]]}
    config = {"task": task, "model": model, "embedding_dim": 4, "n_blocks": 2, "epochs": 2, "warm_epochs": 1}
    job = {"kind": "search", "data": data, "config": config, "out": str(tmp_path / "run"), "controls": False}
    perform(job, lambda event: None, Control())
    run = load_run(tmp_path / "run")
    assert run.vocabulary.fields == ("user_id", "item_id")
    wanted = reported("search", run.result.metrics)
    assert script_says(run, tmp_path, source)[: len(wanted)] == wanted


def test_the_script_reads_a_prepared_folder(prepared_ratings, tmp_path):
    config = {"model": "MF", "embedding_dim": 4, "n_blocks": 2, "epochs": 2, "warm_epochs": 1}
    job = {"kind": "search", "data": {"source": str(prepared_ratings)}, "config": config, "out": str(tmp_path / "run")}
    perform({**job, "controls": False}, lambda event: None, Control())
    run = load_run(tmp_path / "run")
    wanted = reported("search", run.result.metrics)
    assert script_says(run, tmp_path, prepared_ratings)[: len(wanted)] == wanted
