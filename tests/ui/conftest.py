"""A run that was never searched for: its numbers are made by hand, so that a page can be checked against them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dnis.results import EpochEvent, SearchResult
from dnis.runs import save_run
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig
from dnis.ui import desk

ROOT = Path(__file__).resolve().parents[2]
N_BLOCKS, N_DIMS = 3, 8


@pytest.fixture(autouse=True)
def own_main(monkeypatch):
    """A tried page takes the place of the main module; a process started later would begin by running that page."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def runs_folder(tmp_path, monkeypatch):
    """A folder of its own for what the app writes, and a queue of its own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("DNIS_RUNS", str(folder))
    yield folder
    desk.runner().close()
    desk.runner.clear()


@pytest.fixture
def hand_run(runs_folder, ratings_csv, small_split):
    """Three blocks, eight dimensions, three epochs; in block l, |alpha * e| is k / 10 in dimension k >= 3 l, else 0."""
    counts = small_split.counts
    block_of = make_blocks(counts, N_BLOCKS)
    alpha = (np.arange(N_DIMS)[None, :] >= 3 * np.arange(N_BLOCKS)[:, None]).astype(np.float32)
    embeddings = np.tile(np.arange(N_DIMS, dtype=np.float32) / 10, (len(counts), 1))
    history = tuple(
        EpochEvent(
            epoch, "warm" if epoch == 1 else "search",
            {"train": 1.0 / epoch, "search_val": 1.1 / epoch, "select_val": 1.2 / epoch, "test": 1.3 / epoch},
            np.ones_like(alpha) if epoch == 1 else alpha, np.full(N_BLOCKS, 8.0 / epoch), 0.1 * epoch, 0.5 * epoch,
            ("block 2 lost its last dimension in epoch 3",) if epoch == 3 else (),
        )
        for epoch in (1, 2, 3)
    )  # fmt: skip
    result = SearchResult(
        config=SearchConfig(embedding_dim=N_DIMS, n_blocks=N_BLOCKS, epochs=3),
        embeddings=embeddings,
        biases=np.zeros(len(counts), np.float32),
        dense={"global_bias": np.array(3.0, np.float32)},
        alpha=alpha,
        block_of=block_of,
        counts=counts,
        history=history,
        best_epoch=3,
    )
    full = embeddings.size
    sweep = pd.DataFrame(
        {
            "threshold": [0.0, 0.25, 0.55],
            "sparsity": [0.0, 0.4, 0.8],
            "n_values": [full, full * 0.6, full * 0.2],
            "n_bytes": [4 * full, 3 * full, full],
            "val": [0.80, 0.81, 0.90],
            "test": [0.82, 0.83, 0.95],
        }
    )
    data = DataSpec(str(ratings_csv))
    return save_run(runs_folder / "hand-run", data=data, result=result, split=small_split, sweep=sweep, name="By hand")


@pytest.fixture
def app(hand_run, monkeypatch):
    """The app with that run on show."""
    monkeypatch.chdir(ROOT)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    test.query_params["run"] = hand_run.name
    return test
