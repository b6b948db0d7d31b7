"""Tables of TorchRec give what a table in one memory gives; needs requirements-torchrec.txt and torchrun."""

import importlib.util

import numpy as np
import pytest

from dnis import torchrec_tables
from dnis.__main__ import main
from dnis.torchrec_tables import check_torchrec
from tests import sharded_jobs
from tests.test_sharding import TOLERANCE, differences, finished, torchrun

needs_torchrec = pytest.mark.skipif(
    importlib.util.find_spec("torchrec") is None, reason="TorchRec is not installed: see requirements-torchrec.txt"
)


@needs_torchrec
@pytest.mark.parametrize("n", [2, 3])
def test_processes_with_tables_of_torchrec_find_what_one_finds(n, tmp_path):
    code, _, err = finished(torchrun(n, "tests.sharded_jobs", tmp_path, "torchrec"))
    assert code == 0, err
    assert {path.stem for path in tmp_path.iterdir()} == set(sharded_jobs.JOBS)
    for job in sharded_jobs.JOBS:
        wanted, found = sharded_jobs.done(job), dict(np.load(tmp_path / f"{job}.npz"))
        assert wanted.keys() == found.keys()
        far = {name: far for name, far in differences(wanted, found).items() if not far <= TOLERANCE}
        assert far == {}, f"{job}: {far}"


@pytest.mark.parametrize(
    ("there", "width", "optimizer", "said"),
    [
        (None, 4, "adagrad", "need TorchRec; requirements-torchrec.txt"),
        ("spec", 6, "adagrad", "embedding_dim must be a multiple of 4 for tables 'torchrec', got 6"),
        ("spec", 8, "adam", "optimizer must be adagrad for tables 'torchrec', got 'adam'"),
    ],
)
def test_what_torchrec_cannot_do_is_refused(there, width, optimizer, said, monkeypatch):
    monkeypatch.setattr(torchrec_tables.importlib.util, "find_spec", lambda name: there)
    with pytest.raises(ValueError, match=said):
        check_torchrec(width, optimizer)


def test_one_process_has_no_use_for_tables_of_torchrec(ratings_csv, tmp_path, capsys):
    assert main(["search", str(ratings_csv), "--tables", "torchrec", "--out", str(tmp_path / "run")]) == 2
    assert "start the command under torchrun" in capsys.readouterr().err
