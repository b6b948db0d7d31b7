"""The command line: one JSON object on standard output, progress beside it, bad input refused in one sentence."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import dnis
from dnis.__main__ import main, make_parser
from dnis.checkpoints import load_checkpoint, save_checkpoint
from dnis.control import Control
from dnis.options import settings_of
from dnis.pruning import prune
from dnis.recipes import command
from dnis.runs import load_run
from dnis.settings import SearchConfig

SETTINGS = "--embedding-dim 8 --epochs 3 --warm-epochs 1 --n-blocks 3"


@pytest.fixture(scope="module")
def run_folder(ratings_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["search", str(ratings_csv), *SETTINGS.split(), "--out", str(folder)]) == 0
    return folder


def answer(capsys, *words):
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_search_answers_with_one_json_line_and_shows_progress_beside_it(ratings_csv, tmp_path):
    words = ["search", str(ratings_csv), *SETTINGS.split(), "--out", str(tmp_path / "run"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "dnis", *words], capture_output=True, text=True, check=True,
        cwd=Path(dnis.__file__).parents[1],
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert set(found) == {
        "task", "model", "n_interactions", "n_features", "epochs", "elapsed_s", "metrics", "alpha_mean_by_block",
        "warnings", "run",
    }  # fmt: skip
    assert found == load_run(tmp_path / "run").summary
    assert "3/3" in done.stderr


def test_the_text_says_what_the_json_says(ratings_csv, tmp_path, capsys):
    assert main(["search", str(ratings_csv), *SETTINGS.split(), "--out", str(tmp_path / "run"), "--name", "mine"]) == 0
    text, run = capsys.readouterr().out, load_run(tmp_path / "run")
    assert "MF on 1,200 interactions, 3 epochs" in text
    assert f"mse {run.result.metrics['test']['mse']:.4f}" in text
    assert run.name == "mine"


def test_a_path_is_made_whole_so_that_the_run_finds_its_data_from_anywhere(ratings_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(ratings_csv.parent)
    assert main(["search", ratings_csv.name, *SETTINGS.split(), "--no-controls", "--out", str(tmp_path / "run")]) == 0
    assert load_run(tmp_path / "run").data.source == str(ratings_csv)


def test_a_run_goes_into_a_new_folder_of_dnis_runs(ratings_csv, tmp_path, monkeypatch):
    monkeypatch.setenv("DNIS_RUNS", str(tmp_path))
    for _ in range(2):
        assert main(["search", str(ratings_csv), *SETTINGS.split(), "--no-controls"]) == 0
    assert len([load_run(folder) for folder in tmp_path.iterdir()]) == 2


def test_sweep_gives_the_points_of_the_run(run_folder, capsys):
    found, run = answer(capsys, "sweep", run_folder), load_run(run_folder)
    assert found["points"] == run.sweep.to_dict("records")
    assert set(found["points"][0]) >= {"threshold", "sparsity", "n_values", "n_bytes", "val", "test"}


def test_sweep_measures_at_thresholds_of_ones_own(run_folder, capsys):
    points = answer(capsys, "sweep", run_folder, "--thresholds", 0.0, 0.1)["points"]
    result = load_run(run_folder).result
    assert [p["threshold"] for p in points] == [0.0, 0.1]
    assert points[0]["test"] == pytest.approx(result.metrics["test"]["mse"])
    assert points[1]["n_values"] == prune(result, threshold=0.1).n_values


def test_prune_says_what_stays_in_values_and_bytes(run_folder, capsys):
    found, result = answer(capsys, "prune", run_folder, "--compression", 4), load_run(run_folder).result
    scheme = prune(result, n_values=result.embeddings.size // 4)
    assert {n: found[n] for n in ("threshold", "n_values", "n_bytes", "sparsity", "layout")} == {
        n: getattr(scheme, n) for n in ("threshold", "n_values", "n_bytes", "sparsity", "layout")
    }
    assert found["mean_dims_by_block"] == pytest.approx(scheme.mean_dims_by_block.tolist())


def test_retrain_answers_with_the_point_that_it_adds(run_folder, capsys):
    found = answer(capsys, "retrain", run_folder, "--n-values", 100)
    kept = load_run(run_folder).retrained[-1]
    assert found == {"run": str(run_folder), **{k: v for k, v in kept.items() if k != "created_s"}}
    assert found["n_values"] == 100


def test_compare_answers_with_rows_and_paired_differences(ratings_csv, tmp_path, capsys):
    words = f"{SETTINGS} --methods uniform dnis --compressions 1 2 --seeds 0 1 --n-trials 1".split()
    found = answer(capsys, "compare", ratings_csv, *words, "--out", tmp_path)
    assert len(found["rows"]) == 4
    assert set(found["rows"][0]) >= {
        "method", "embedding_dim", "compression", "n_values", "n_bytes", "seeds", "mean", "sd", "difference", "low",
        "high",
    }  # fmt: skip
    assert found["config"]["search"]["embedding_dim"] == 8
    assert found["verdict"]


def test_a_comparison_never_takes_the_place_of_that_of_a_run_on_other_data(
    ratings_csv, ratings_frame, run_folder, tmp_path, capsys
):
    other = tmp_path / "other.csv"
    ratings_frame[:1000].to_csv(other, index=False)
    words = f"{SETTINGS} --methods uniform --compressions 1 --seeds 0 --n-trials 1 --processes 1 --out".split()
    kept = answer(capsys, "compare", ratings_csv, *words, run_folder)
    said = refused(capsys, "compare", other, *words, run_folder)
    assert f"{run_folder} holds a run that was made from {ratings_csv}, not from {other}" in said
    assert "holds a run that was made from" in refused(
        capsys, "compare", ratings_csv, "--split", "random", *words, run_folder
    )
    assert json.loads((run_folder / "comparison.json").read_text())["rows"] == kept["rows"]


def test_inspect_says_what_is_in_data(ratings_csv, capsys):
    found = answer(capsys, "inspect", ratings_csv)
    assert {n: found[n] for n in ("task", "n_interactions", "n_users", "n_items", "n_features", "split")} == {
        "task": "rating", "n_interactions": 1200, "n_users": 40, "n_items": 30, "n_features": 72, "split": "time",
    }  # fmt: skip
    assert sum(found["n_by_part"].values()) == 1200
    assert list(found["n_by_part"]) == ["train", "search_val", "select_val", "test"]
    assert found["roles"]["timestamp"] == "timestamp"


def test_inspect_says_what_is_in_a_run(run_folder, capsys):
    found = answer(capsys, "inspect", run_folder)
    assert {name: found[name] for name in load_run(run_folder).summary} == load_run(run_folder).summary
    assert found["data"]["strategy"] == "time"


@pytest.mark.parametrize("what", ["packed", "scheme", "npz", "projector", "settings", "script", "run"])
def test_export_writes_a_file(run_folder, tmp_path, capsys, what):
    found = answer(capsys, "export", run_folder, "--what", what, "--out", tmp_path / "file")
    assert (tmp_path / "file").stat().st_size == found["n_bytes"] > 0


def test_the_packed_export_holds_table_rows_and_loader(run_folder, tmp_path, capsys):
    answer(capsys, "export", run_folder, "--out", tmp_path / "packed.zip", "--compression", 4)
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert sorted(archive.namelist()) == ["features.csv", "load_table.py", "table.safetensors"]


def stop_before_epoch(monkeypatch, n):
    """Say stop before epoch n of the next search; what comes later goes to its end."""
    go_on, turns = Control.may_go_on, iter([True] * (n - 1) + [False])
    monkeypatch.setattr(Control, "may_go_on", lambda self: next(turns, True) and go_on(self))


def test_resume_takes_up_a_stopped_search(ratings_csv, tmp_path, capsys, monkeypatch):
    words = ["search", str(ratings_csv), *SETTINGS.split(), "--no-controls", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    stop_before_epoch(monkeypatch, 3)
    assert main([*words, str(tmp_path / "part")]) == 0
    assert load_run(tmp_path / "part").result.warnings == ("stopped at epoch 2 of 3",)
    assert answer(capsys, "resume", tmp_path / "part")["warnings"] == []
    whole, part = load_run(tmp_path / "whole").result, load_run(tmp_path / "part").result
    np.testing.assert_array_equal(part.alpha, whole.alpha)
    np.testing.assert_array_equal(part.embeddings, whole.embeddings)


@pytest.mark.parametrize("is_killed", [False, True])
def test_resume_keeps_to_what_the_search_was_asked_for(ratings_csv, tmp_path, capsys, monkeypatch, is_killed):
    words = ["search", str(ratings_csv), *f"{SETTINGS} --model MLP --no-controls --mixed-precision --out".split()]
    assert main([*words, str(tmp_path / "whole")]) == 0
    stop_before_epoch(monkeypatch, 3)
    assert main([*words, str(tmp_path / "part")]) == 0
    if is_killed:  # before it could write a run
        (tmp_path / "part" / "run.json").unlink()
    answer(capsys, "resume", tmp_path / "part")
    whole, part = load_run(tmp_path / "whole"), load_run(tmp_path / "part")
    assert part.controls == {}
    assert part.facts["mixed_precision"] is True
    np.testing.assert_array_equal(part.result.embeddings, whole.result.embeddings)


def test_resume_of_an_older_state_measures_a_control_in_single_precision(ratings_csv, tmp_path, capsys, monkeypatch):
    words = ["search", str(ratings_csv), *SETTINGS.split(), "--no-controls", "--out", str(tmp_path / "part")]
    stop_before_epoch(monkeypatch, 3)
    assert main(words) == 0
    arrays, record = load_checkpoint(tmp_path / "part")
    job = {name: record["job"][name] for name in ("data", "config", "name")}
    save_checkpoint(tmp_path / "part", arrays, {**record, "job": job})
    answer(capsys, "resume", tmp_path / "part")
    run = load_run(tmp_path / "part")
    assert list(run.controls) == ["magnitude"]
    assert "mixed_precision" not in run.facts


def refused(capsys, *words):
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def csv(folder, text):
    path = folder / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


ROWS = [(i % 7, i % 5, i % 4 + 1, i) for i in range(200)]
HEAD = "user_id,item_id,rating,timestamp\n"


def rows(change):
    return HEAD + "".join(",".join(map(str, change(*row))) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "bad.csv is empty"),
        (HEAD, "bad.csv has column names but no rows"),
        (rows(lambda u, i, r, t: (1, i, r, t)), "column 'user_id' holds one value only, '1'"),
        (rows(lambda u, i, r, t: (u, i, 3, t)), "all 200 ratings in column 'rating' are 3"),
        (rows(lambda u, i, r, t: (u, i, "" if t == 9 else r, t)), "column 'rating' has 1 missing"),
        (rows(lambda u, i, r, t: (u, i, "good" if t == 9 else r, t)), "column 'rating', data row 10: 'good' is not"),
        (rows(lambda u, i, r, t: (f"привет{u}", i, r, t)).encode("cp1251"), "bad.csv is not UTF-8 text"),
    ],
)
def test_bad_data_end_with_code_2_and_one_sentence(tmp_path, capsys, text, sentence):
    assert sentence in refused(capsys, "search", csv(tmp_path, text), "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "search {csv} --user nobody",
            "no column 'nobody'; the columns are 'user_id', 'item_id', 'rating', 'timestamp'",
        ),
        ("search gone.csv", "no such file"),
        ("search sample:nothing", "no sample 'nothing'; the samples are movielens-small, adult, planted"),
        ("search {csv} --lr 7", "lr must be in [1e-06, 1], got 7.0"),
        ("search {csv} --lr fast", "argument --lr: invalid float value: 'fast'"),
        ("search {csv} --model GPT", "model must be one of MF, MLP"),
        ("search {csv} --split sideways", "argument --split/--strategy: invalid choice: 'sideways'"),
        ("search {csv} --out {run}", "holds a run already"),
        ("search {csv} --threads 0", "threads must be in [1, 256], got 0"),
        ("search", "the following arguments are required: DATA"),
        ("sing", "invalid choice: 'sing'"),
        ("prune {run} --threshold -1", "threshold must be finite and at least 0, got -1.0"),
        ("prune {run} --threshold 1 --n-values 2", "not allowed with argument"),
        ("prune {csv}", "is not a run"),
        ("sweep gone", "gone is not a run: it has no run.json"),
        ("resume {run}", "is finished: there is nothing to resume"),
        ("compare {csv} --recipe budget", "unrecognized arguments: --recipe budget"),
        ("sweep work {run} --threads 0", "threads must be in [1, 256], got 0"),
        ("compare {csv} --methods dnis", "methods must include uniform"),
        ("export {run}", "the following arguments are required: --out"),
    ],
)
def test_bad_words_end_with_code_2_and_one_sentence(ratings_csv, run_folder, capsys, words, sentence):
    capsys.readouterr()
    assert sentence in refused(capsys, *words.format(csv=ratings_csv, run=run_folder).split())


def test_the_command_that_an_export_shows_is_understood(run_folder):
    _, *lines = command(load_run(run_folder), 0.1).splitlines()
    search, retrain = (line.split()[3:] for line in lines)
    options = make_parser().parse_args(search)
    assert SearchConfig.from_dict(settings_of(options, SearchConfig)) == load_run(run_folder).result.config
    assert make_parser().parse_args(retrain).threshold == 0.1
