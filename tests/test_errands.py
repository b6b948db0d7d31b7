"""Settings in, a run folder out: with the real engine on a small table."""

import errno
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from dnis import contests
from dnis.checkpoints import load_checkpoint, read_record, save_checkpoint
from dnis.control import Control, Stopped
from dnis.datasets import planted
from dnis.errands import perform, planted_rank_correlation
from dnis.files import plain
from dnis.preparation import split_of_run
from dnis.pruning import prune
from dnis.reading import DataError
from dnis.results import SearchResult
from dnis.runs import add_retrained, load_comparison, load_run
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig
from dnis.training import train
from tests.stopping import StopAfter

CONFIG = {"embedding_dim": 8, "epochs": 4, "warm_epochs": 1, "n_blocks": 3, "patience": 9}


def search_job(source, out, **config):
    return {"kind": "search", "data": {"source": str(source)}, "config": {**CONFIG, **config}, "out": str(out)}


@pytest.fixture(scope="module")
def searched(ratings_csv, tmp_path_factory):
    events = []
    folder = tmp_path_factory.mktemp("runs") / "full"
    last = perform(search_job(ratings_csv, folder), events.append, Control())
    return folder, events, last


def same_numbers(one, other):
    for name in ("alpha", "embeddings", "biases", "block_of", "counts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert one.metrics == other.metrics
    assert [e.losses for e in one.history] == [e.losses for e in other.history]


def test_a_search_tells_every_epoch_and_ends_with_the_runs_summary(searched):
    folder, events, last = searched
    assert [(e["event"], e["epoch"], e["epochs"], e["phase"]) for e in events if e["event"] == "epoch"] == [
        ("epoch", 1, 4, "warm"), ("epoch", 2, 4, "search"), ("epoch", 3, 4, "search"), ("epoch", 4, 4, "search"),
    ]  # fmt: skip
    assert np.array(events[3]["alpha"]).shape == (3, 8)
    assert last == {"event": "finished", **load_run(folder).summary}


def test_the_run_remembers_how_the_data_were_dealt_and_what_every_threshold_costs(searched, ratings_csv):
    run = load_run(searched[0])
    assert run.data == DataSpec(str(ratings_csv), strategy="time")
    assert run.result.config == SearchConfig(**CONFIG, batch_size=64)  # follows the data
    kept = set(run.sweep["n_values"])
    assert {run.result.embeddings.size // c for c in (2, 4, 8, 16)} <= kept
    assert len(run.sweep) >= 50


def test_the_control_is_a_plain_training_cut_at_the_same_sizes(searched):
    """Oracle: uncut, the control is the plain model itself."""
    folder, events, _ = searched
    run = load_run(folder)
    assert list(run.controls) == ["magnitude"]
    uncut = train(split_of_run(run), run.result.config.for_training()).metrics["test"]["mse"]
    assert run.controls["magnitude"]["test"].iloc[0] == pytest.approx(uncut, rel=1e-6)
    assert events[4] == {"event": "saved", "run": str(folder)}
    assert {e["event"] for e in events[5:]} == {"control"}


def test_a_search_without_a_control_measures_none(ratings_csv, tmp_path):
    job = {**search_job(ratings_csv, tmp_path / "run", epochs=2), "controls": False}
    perform(job, lambda event: None, Control())
    assert load_run(tmp_path / "run").controls == {}


def test_who_stops_during_the_control_keeps_the_finished_search(searched, ratings_csv, tmp_path):
    last = perform(search_job(ratings_csv, tmp_path / "run"), lambda event: None, StopAfter(5))
    assert last["event"] == "finished"
    run = load_run(tmp_path / "run")
    assert run.controls == {}
    same_numbers(run.result, load_run(searched[0]).result)


def test_the_same_job_gives_the_same_bits(searched, ratings_csv, tmp_path):
    perform(search_job(ratings_csv, tmp_path / "again"), lambda event: None, Control())
    same_numbers(load_run(tmp_path / "again").result, load_run(searched[0]).result)


def test_a_stopped_search_keeps_its_best_and_goes_on_as_if_it_had_never_stopped(searched, ratings_csv, tmp_path):
    job = search_job(ratings_csv, tmp_path / "part")
    last = perform(job, lambda event: None, StopAfter(2))
    assert last["event"] == "stopped"
    assert last["warnings"] == ["stopped at epoch 2 of 4"]
    part = load_run(tmp_path / "part")
    assert len(part.result.history) == 2
    assert part.sweep is not None
    add_retrained(tmp_path / "part", {"threshold": 0.1})
    (tmp_path / "part" / "comparison.json").write_text("{}")
    events = []
    assert perform({**job, "resume": True}, events.append, Control())["event"] == "finished"
    # what was measured on the shorter search says nothing of the longer one
    assert load_run(tmp_path / "part").retrained == ()
    assert not (tmp_path / "part" / "comparison.json").exists()
    # what was reached before is told again, so that who watches sees the whole course
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [1, 2, 3, 4]
    resumed, whole = load_run(tmp_path / "part").result, load_run(searched[0]).result
    same_numbers(resumed, whole)
    assert resumed.warnings == whole.warnings == ()
    assert not (tmp_path / "part" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("turns", [0, 2])
def test_a_search_stopped_amid_an_epoch_keeps_the_epochs_before_it_and_goes_on_to_the_same_bits(
    searched, ratings_csv, tmp_path, turns
):
    class StopAmid(StopAfter):
        """Says stop at the second batch of epoch ``turns + 1``."""

        batches = 0

        def heed(self):
            self.batches += self.left == -1
            if self.batches == 2:
                raise Stopped

        def may_go_on(self):
            return super().may_go_on() or True

    job = search_job(ratings_csv, tmp_path / "part")
    last = perform(job, lambda event: None, StopAmid(turns))
    assert last["event"] == "stopped"
    if turns == 0:
        assert not (tmp_path / "part").exists()
        return
    assert len(load_run(tmp_path / "part").result.history) == len(read_record(tmp_path / "part")["history"]) == turns
    perform({**job, "resume": True}, lambda event: None, Control())
    same_numbers(load_run(tmp_path / "part").result, load_run(searched[0]).result)


def test_a_search_stopped_before_its_first_epoch_leaves_nothing(ratings_csv, tmp_path):
    assert perform(search_job(ratings_csv, tmp_path / "none"), print, StopAfter(0)) == {"event": "stopped"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("user", [3, "a new one"])
def test_a_search_does_not_go_on_with_other_data(ratings_frame, tmp_path, user):
    """A row more at the front deals all rows anew: what was held out would have been learnt from."""
    source = tmp_path / "r.csv"
    ratings_frame.to_csv(source, index=False)
    job = {**search_job(source, tmp_path / "part"), "controls": False}
    job["data"]["strategy"] = "random"
    perform(job, lambda event: None, StopAfter(2))
    first = pd.DataFrame({"user_id": [user] * 9, "item_id": range(9), "rating": 4, "timestamp": 1_000_000_000})
    pd.concat([first, ratings_frame]).to_csv(source, index=False)
    with pytest.raises(DataError, match="the data are no longer those that part was searched on"):
        perform({**job, "resume": True}, lambda event: None, Control())
    assert len(load_run(tmp_path / "part").result.history) == 2
    ratings_frame.to_csv(source, index=False)
    assert perform({**job, "resume": True}, lambda event: None, Control())["event"] == "finished"


def test_a_state_that_does_not_tell_its_data_is_taken_up(searched, ratings_csv, tmp_path):
    job = search_job(ratings_csv, tmp_path / "part")
    perform(job, lambda event: None, StopAfter(2))
    arrays, record = load_checkpoint(tmp_path / "part")
    del record["digest"]
    save_checkpoint(tmp_path / "part", arrays, record)
    perform({**job, "resume": True}, lambda event: None, Control())
    same_numbers(load_run(tmp_path / "part").result, load_run(searched[0]).result)


class Killed(BaseException):
    """Nothing catches it: the worker is gone."""


@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_a_search_that_is_killed_goes_on_from_its_last_epoch_to_the_same_bits(searched, ratings_csv, tmp_path, epoch):
    class KillAfter(StopAfter):
        def may_go_on(self):
            if not super().may_go_on():
                raise Killed
            return True

    job = search_job(ratings_csv, tmp_path / "part")
    with pytest.raises(Killed):
        perform(job, lambda event: None, KillAfter(epoch))
    kept = read_record(tmp_path / "part")
    assert len(kept["history"]) == epoch
    assert not (tmp_path / "part" / "run.json").exists()
    again = {"kind": "search", **kept["job"], "out": str(tmp_path / "part"), "resume": True}
    perform(again, lambda event: None, Control())
    same_numbers(load_run(tmp_path / "part").result, load_run(searched[0]).result)


def test_a_disk_that_fills_up_loses_no_more_than_the_epoch_under_way(searched, ratings_csv, tmp_path, monkeypatch):
    fsync, left = os.fsync, [3]

    def full(number):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    job = search_job(ratings_csv, tmp_path / "part")
    with monkeypatch.context() as disk:
        disk.setattr("dnis.files.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            perform(job, lambda event: None, Control())
    # three files went through: the state before the first epoch and those after two
    assert len(read_record(tmp_path / "part")["history"]) == 2
    assert [p.name for p in (tmp_path / "part").iterdir() if p.name != ".lock"] == ["checkpoint.safetensors"]
    perform({**job, "resume": True}, lambda event: None, Control())
    same_numbers(load_run(tmp_path / "part").result, load_run(searched[0]).result)


def test_two_workers_never_write_into_one_folder_at_a_time(ratings_csv, tmp_path):
    code = (
        "import sys\nfrom dnis.checkpoints import held\n"
        "with held(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "part")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        last = []
        job = {**search_job(ratings_csv, tmp_path / "part", epochs=2), "controls": False}
        waiting = threading.Thread(target=lambda: last.append(perform(job, lambda event: None, Control())))
        waiting.start()
        waiting.join(1.0)
        assert waiting.is_alive()
        other.kill()  # the system lets go of the folder
        waiting.join(60.0)
    assert last[0]["event"] == "finished"


def test_a_search_that_is_refused_leaves_no_folder(tmp_path):
    with pytest.raises(DataError):
        perform(search_job(tmp_path / "gone.csv", tmp_path / "part"), lambda event: None, Control())
    assert not (tmp_path / "part").exists()


def test_a_retraining_is_added_to_the_run(searched):
    folder, _, _ = searched
    events = []
    last = perform({"kind": "retrain", "run": str(folder), "compression": 4}, events.append, Control())
    run = load_run(folder)
    point, scheme = run.retrained[-1], prune(run.result, n_values=run.result.embeddings.size // 4)
    assert (point["n_values"], point["n_bytes"], point["threshold"]) == (
        scheme.n_values, scheme.n_bytes, scheme.threshold,
    )  # fmt: skip
    assert point["test"] == point["metrics"]["test"][point["metric"]]
    assert {k: v for k, v in point.items() if k != "created_s"} == last["retrained"]
    # the final model runs exactly as long as was best on select_val
    assert [e["epoch"] for e in events if e["phase"] == "retrain"] == list(range(1, point["epochs"] + 1))


def test_a_retraining_learns_from_everything_but_test_for_as_long_as_was_best_on_select_val(ratings_csv, tmp_path):
    """Oracle: the two trainings by hand, with a learning rate that overshoots after a few epochs."""
    perform(search_job(ratings_csv, tmp_path / "run", lr=0.05, l2=0.0, batch_size=64), lambda event: None, Control())
    run = load_run(tmp_path / "run")
    split, scheme = split_of_run(run), prune(run.result, n_values=100)
    chosen = train(split, run.result.config.for_training(), scheme)
    config = run.result.config.for_training(epochs=chosen.best_epoch)
    final = train(split, config, scheme, data="development")
    last = perform({"kind": "retrain", "run": str(run.folder), "n_values": 100}, lambda event: None, Control())
    assert last["retrained"]["metrics"] == {"val": chosen.metrics["val"], "test": final.metrics["test"]}
    assert last["retrained"]["epochs"] == chosen.best_epoch < run.result.config.epochs


def test_torch_gets_the_threads_that_the_job_asks_for():
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            job = {"kind": "search", "out": "x", "data": {"source": "gone.csv"}, "threads": threads}
            with pytest.raises(DataError):
                perform(job, lambda event: None, Control())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_stopped_retraining_adds_nothing(searched):
    before = len(load_run(searched[0]).retrained)
    job = {"kind": "retrain", "run": str(searched[0]), "threshold": 0.1}
    assert perform(job, lambda event: None, StopAfter(1)) == {"event": "stopped"}
    assert len(load_run(searched[0]).retrained) == before


def test_a_run_whose_data_have_changed_is_not_retrained(ratings_frame, tmp_path):
    ratings_frame.to_csv(tmp_path / "r.csv", index=False)
    perform(search_job(tmp_path / "r.csv", tmp_path / "run", epochs=2), lambda event: None, Control())
    ratings_frame[:1000].to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(DataError, match=r"r\.csv is not what run run was made from"):
        perform({"kind": "retrain", "run": str(tmp_path / "run")}, lambda event: None, Control())


COMPARISON = {
    "methods": ["uniform", "dnis"], "compressions": [1, 2], "seeds": [0, 1], "n_trials": 2,
    "search": {"embedding_dim": 8, "epochs": 2, "n_blocks": 3},
}  # fmt: skip


def test_a_comparison_tells_its_cells_and_is_kept(ratings_csv, tmp_path):
    job = {"kind": "compare", "data": {"source": str(ratings_csv)}, "config": COMPARISON, "out": str(tmp_path)}
    events = []
    last = perform(job, events.append, Control())
    estimate, *cells = events
    assert (estimate["event"], estimate["seconds"] > 0) == ("estimate", True)
    # by hand: 2 methods x (2 trials + 2 seeds x 2 compressions)
    assert [(c["event"], c["done"], c["n_cells"]) for c in cells] == [("cell", i, 12) for i in range(1, 13)]
    kept = load_comparison(tmp_path)
    assert last == {"event": "finished", "run": str(tmp_path), **plain(kept)}
    assert [(row["method"], row["compression"], row["seeds"]) for row in kept.rows] == [
        ("uniform", 1, 2), ("uniform", 2, 2), ("dnis", 1, 2), ("dnis", 2, 2),
    ]  # fmt: skip
    assert kept.config.search.embedding_dim == 8
    assert kept.verdict


def test_a_stopped_comparison_goes_on_where_it_was(ratings_csv, tmp_path, monkeypatch):
    job = {"kind": "compare", "data": {"source": str(ratings_csv)}, "config": COMPARISON, "out": str(tmp_path)}
    assert perform(job, lambda event: None, StopAfter(5)) == {"event": "stopped"}
    trained = []
    monkeypatch.setattr(contests, "train", lambda *args, **kwargs: trained.append(1) or train(*args, **kwargs))
    assert perform(job, lambda event: None, Control())["event"] == "finished"
    afresh = len(trained)
    perform({**job, "out": str(tmp_path / "other")}, lambda event: None, Control())
    assert afresh < len(trained) - afresh
    assert load_comparison(tmp_path).rows[0]["values"] == load_comparison(tmp_path / "other").rows[0]["values"]


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        ({"kind": "sing"}, "kind must be one of search, retrain, compare; got 'sing'"),
        ({"kind": "search"}, "a job of kind 'search' needs 'out'"),
        ({"kind": "retrain", "out": "x"}, "a job of kind 'retrain' needs 'run'"),
        ({"kind": "search", "out": "x", "threads": 0}, r"threads must be in \[1, 256\], got 0"),
        ({"kind": "search", "out": "x", "data": {"source": "gone.csv"}}, "no such file: gone.csv"),
        ({"kind": "search", "out": "x", "data": {"sauce": "y"}}, "unknown setting 'sauce'"),
        ({"kind": "search", "out": "x", "config": {"lr": 9}}, r"lr must be in \[1e-06, 1\], got 9"),
        ({"kind": "retrain", "run": "gone"}, "gone is not a run"),
        ({"kind": "compare", "out": "x", "config": {"methods": ["dnis"]}}, "methods must include uniform"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_in_one_sentence(job, sentence):
    with pytest.raises(ValueError, match=sentence):
        perform(job, lambda event: None, Control())


def test_planted_dimensions_are_ranked_per_block():
    """Learned dims that follow the planted ones correlate by 1, reversed ones by -1; a block of rank r keeps 3 + r."""
    truth = planted()
    split = truth.interactions.split()
    block_of = make_blocks(split.counts, 10)
    dims = np.bincount(block_of, weights=truth.dims_in(split.vocabulary)) / np.bincount(block_of)
    rank, n = dims.argsort().argsort(), len(split.counts)

    def searched_as(kept):
        alpha = (np.arange(16) < kept[:, None]).astype(np.float32)
        table, biases = np.ones((n, 16), dtype=np.float32), np.zeros(n, dtype=np.float32)
        return SearchResult(SearchConfig(embedding_dim=16), table, biases, {}, alpha, block_of, split.counts)

    assert planted_rank_correlation(searched_as(3 + rank), split) == pytest.approx(1.0)
    assert planted_rank_correlation(searched_as(12 - rank), split) == pytest.approx(-1.0)
