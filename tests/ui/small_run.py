"""A small finished run, made without torch, and the app opened on one of its pages."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dnis.interactions import Interactions
from dnis.results import EpochEvent, SearchResult
from dnis.runs import save_run
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig

ROOT = Path(__file__).resolve().parents[2]

HOSTILE = "<b>$bold$</b> ![x](http://x.example/y.png)"
"""A title that would load a picture, were it read as Markdown."""

K, N_BLOCKS = 8, 4


@pytest.fixture(scope="session")
def titled_csv(tmp_path_factory):
    """600 ratings of 30 users on 20 items; item 3 has a hostile title."""
    rng = np.random.default_rng(3)
    user, item = rng.integers(0, 30, 600), rng.integers(0, 20, 600) ** 2 // 20
    rating = np.clip(np.round(3 + np.sin(user) + np.cos(item) + rng.normal(0, 0.3, 600)), 1, 5)
    title = [HOSTILE if i == 3 else f"Film {i}" for i in item]
    frame = pd.DataFrame(
        {"user_id": user, "item_id": item, "rating": rating, "timestamp": np.arange(600) + 10**9, "title": title}
    )
    path = tmp_path_factory.mktemp("ui") / "titled.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def made_run(titled_csv, tmp_path_factory):
    """The folder of a run on those ratings; its numbers are drawn, not learnt."""
    split = Interactions.from_csv(titled_csv).split()
    n = split.train.n_features
    rng = np.random.default_rng(0)
    alpha = rng.uniform(0, 1, (N_BLOCKS, K)).astype(np.float32)
    events = [
        EpochEvent(
            e, "warm" if e < 3 else "search", {"train": 1 / e, "search_val": 1.1 / e, "test": 1.3 / e}, alpha,
            alpha.sum(axis=1), 0.1, 0.01,
        )
        for e in range(1, 6)
    ]  # fmt: skip
    result = SearchResult(
        config=SearchConfig(embedding_dim=K, n_blocks=N_BLOCKS),
        embeddings=rng.normal(0, 1, (n, K)).astype(np.float32),
        biases=np.zeros(n, np.float32),
        dense={"global_bias": np.array(3.0, np.float32)},
        alpha=alpha,
        block_of=make_blocks(split.counts, N_BLOCKS),
        counts=split.counts,
        history=tuple(events),
        best_epoch=5,
        metrics={"val": {"loss": 0.3, "mse": 0.3}, "test": {"loss": 0.4, "mse": 0.4}},
    )
    steps = np.linspace(0, 1, 5)
    sweep = pd.DataFrame(
        {
            "threshold": steps,
            "sparsity": steps,
            "n_values": (n * K * (1 - steps)).astype(int),
            "n_bytes": (4 * n * K * (1 - steps)).astype(int) + 40,
            "val": 0.3 + steps,
            "test": 0.4 + steps,
        }
    )
    folder = tmp_path_factory.mktemp("runs") / "small-run"
    return save_run(folder, data=DataSpec(str(titled_csv)), result=result, split=split, sweep=sweep, name="small run")


@pytest.fixture
def runs(made_run, runs_folder):
    """The test's own runs folder, with the small run in it."""
    shutil.copytree(made_run, runs_folder / "small-run")
    return runs_folder


@pytest.fixture
def open_page(runs, monkeypatch):
    """Opens a page of the app on the small run, as its link would."""

    def open_it(page, run="small-run", before=lambda app: None):
        monkeypatch.chdir(ROOT)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        app.query_params["run"] = run
        before(app)
        app.run()
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        return app

    return open_it
