"""Several processes give what one gives; they are real ones, started by torchrun on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dnis import processes, sharding
from dnis.__main__ import main
from dnis.checkpoints import read_record
from dnis.processes import LostProcessError, Solo, current, joined
from dnis.runs import load_run
from dnis.sharding import is_dealt, start_values
from tests import sharded_jobs

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-5


def torchrun(n, *words):
    """Start processes that meet on this machine alone."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m"]
    return subprocess.Popen(
        [*command, *map(str, words)], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finished(process, seconds=240):
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, err


@pytest.fixture(scope="module")
def alone():
    jobs = {job: sharded_jobs.done(job) for job in sharded_jobs.JOBS}
    return jobs | {"train": sharded_jobs.retrained(), "retrain": sharded_jobs.retrained([2, 1, 1])}


@pytest.fixture(scope="module", params=[2, 3])
def together(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"processes-{request.param}")
    mutants = sharded_jobs.MUTANTS if request.param == 2 else ()
    code, _, err = finished(torchrun(request.param, "tests.sharded_jobs", folder, *mutants))
    assert code == 0, err
    return {path.stem: dict(np.load(path)) for path in folder.iterdir()}


def differences(one, other):
    return {name: float(np.abs(one[name].astype(float) - other[name].astype(float)).max()) for name in one}


def test_processes_find_what_one_finds(alone, together):
    for job, wanted in alone.items():
        assert wanted.keys() == together[job].keys()
        far = {name: far for name, far in differences(wanted, together[job]).items() if not far <= TOLERANCE}
        assert far == {}, f"{job}: {far}"
    assert all(np.abs(alone[job]["alpha"] - 0.5).max() > 0.05 for job in sharded_jobs.JOBS)


def test_errors_made_on_purpose_are_seen(alone, together):
    for name in together.keys() & sharded_jobs.MUTANTS.keys():
        job, _ = sharded_jobs.MUTANTS[name]
        assert differences(alone[job], together[name])["alpha"] > 50 * TOLERANCE
    assert (together.keys() & sharded_jobs.MUTANTS.keys()) in (set(), set(sharded_jobs.MUTANTS))


def workers_of(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes of torchrun")
def test_a_killed_process_ends_the_job_which_goes_on_with_another_number_of_processes(ratings_csv, tmp_path, capsys):
    run, whole = tmp_path / "run", tmp_path / "whole"
    words = ["--epochs", "10", "--patience", "10", "--embedding-dim", "4", "--batch-size", "64"]
    words += ["--optimizer", "adagrad", "--lr", "0.05"]
    job = torchrun(2, "dnis", "search", ratings_csv, *words, "--out", run)
    until = time.monotonic() + 120
    while len((read_record(run) or {"history": []})["history"]) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(workers_of(job)[1], signal.SIGKILL)
    code, _, err = finished(job)
    assert code != 0
    assert f"go on from the last epoch with the command resume {run}" in err, err
    assert not (run / "run.json").exists()
    kept = len(read_record(run)["history"])
    assert 3 <= kept < 10
    assert len(read_record(run)["parts"]) == 2  # every process has written its own rows

    code, out, err = finished(torchrun(3, "dnis", "resume", run, "--json"))
    assert code == 0, err
    assert json.loads(out.strip().splitlines()[-1])["epochs"] == 10
    assert main(["search", str(ratings_csv), *words, "--out", str(whole), "--json"]) == 0
    capsys.readouterr()
    one, other = load_run(whole), load_run(run)
    assert {p.name for p in whole.iterdir()} == {p.name for p in run.iterdir()}
    for name in ("alpha", "embeddings", "biases"):
        assert np.abs(getattr(one.result, name) - getattr(other.result, name)).max() <= TOLERANCE
    np.testing.assert_allclose(one.sweep["test"], other.sweep["test"], atol=TOLERANCE)


@pytest.mark.parametrize("lost", [True, False])
def test_a_process_that_lost_another_one_says_so_even_where_torchrun_ends_it_meanwhile(lost, monkeypatch):
    ended = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(processes.distributed, "init_process_group", lambda *given, **named: None)
    monkeypatch.setattr(processes.distributed, "destroy_process_group", lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, lambda *heard: ended.append(heard))
    try:
        with pytest.raises(LostProcessError if lost else ValueError, match="why"), joined():
            raise (LostProcessError if lost else ValueError)("why")
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(ended) == (0 if lost else 2)


class Part(Solo):
    def __init__(self, rank, world):
        self.rank, self.world = rank, world


@pytest.mark.parametrize(("n_rows", "width"), [(50, 3), (64, 1), (33, 16), (16, 1), (7, 4), (81, 5)])
@pytest.mark.parametrize("world", [2, 3])
def test_start_values_do_not_depend_on_the_number_of_processes(n_rows, width, world, monkeypatch):
    monkeypatch.setattr(sharding, "CHUNK_ROWS", 16)
    wanted = 0.5 * torch.randn(n_rows, width, generator=torch.Generator().manual_seed(4))
    for rank in range(world):
        generator = torch.Generator().manual_seed(4)
        own = start_values(n_rows, width, 0.5, generator, Part(rank, world))
        assert torch.equal(own, wanted[rank::world])
        after = torch.Generator().manual_seed(4)
        torch.randn(n_rows, width, generator=after)
        assert torch.equal(torch.randn(5, generator=generator), torch.randn(5, generator=after))


@pytest.mark.parametrize(("n", "grain"), [(10, 1), (1, 1), (0, 1), (12, 3), (6, 3)])
def test_shares_cover_all_rows_once_in_whole_groups(n, grain):
    shares = [Part(rank, 3).share(n, grain) for rank in range(3)]
    assert [i for share in shares for i in range(n)[share]] == list(range(n))
    assert all((share.stop - share.start) % grain == 0 for share in shares)


def test_what_is_dealt_by_rows_is_known_by_its_name():
    names = ["trainer.embeddings.values", "trainer.biases.moment1", "best.embeddings", "best.biases"]
    assert all(map(is_dealt, names))
    assert not any(map(is_dealt, ["trainer.embeddings.steps", "alpha.value", "best.alpha", "best.dense.biases.w"]))


def test_a_process_without_torchrun_is_alone():
    assert (current().rank, current().world) == (0, 1)
