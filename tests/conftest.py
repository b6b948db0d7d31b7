"""Small data and small results that many tests share."""

import atexit
import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnis.interactions import Interactions
from dnis.prepared import part_file, save_record
from dnis.results import EpochEvent, SearchResult
from dnis.settings import SearchConfig


@pytest.fixture
def tiny_search():
    """Two features, two dimensions; alpha * e, by hand: [[0.5, 0.05], [0.2, 0.09]]."""
    alpha = np.array([[1.0, 0.5], [0.5, 1.0]], dtype=np.float32)
    dims = np.array([1.0, 1.0])
    history = (
        EpochEvent(1, "warm", {"train": 0.9, "test": 1.0}, np.ones((2, 2), dtype=np.float32), seconds=0.5),
        EpochEvent(2, "search", {"train": 0.8, "test": float("nan")}, alpha, dims, 0.25, 1.0, ("a note",)),
    )
    return SearchResult(
        config=SearchConfig(embedding_dim=2, n_blocks=2, hidden=(8, 4)),
        embeddings=np.array([[0.5, 0.1], [0.4, 0.09]], dtype=np.float32),
        biases=np.array([0.1, -0.1], dtype=np.float32),
        dense={"global_bias": np.array(3.5, dtype=np.float32)},
        alpha=alpha,
        block_of=np.array([0, 1], dtype=np.int32),
        counts=np.array([3, 1]),
        history=history,
        best_epoch=2,
        metrics={"val": {"mse": 0.8}, "test": {"mse": 0.9}},
        warnings=("a warning",),
        elapsed_s=1.5,
    )


@pytest.fixture(scope="session")
def ratings_frame():
    """1,200 ratings of 40 users on 30 items, a smooth function of both, in order of time."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 40, 1200), rng.integers(0, 30, 1200)
    rating = np.clip(np.round(3 + np.sin(user) + np.cos(item) + rng.normal(0, 0.3, 1200)), 1, 5)
    time = np.arange(1200) + 1_000_000_000
    return pd.DataFrame({"user_id": user, "item_id": item, "rating": rating, "timestamp": time})


@pytest.fixture(scope="session")
def ratings_csv(ratings_frame, tmp_path_factory):
    """The same as a file."""
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    ratings_frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def small_split(ratings_frame):
    """The same, dealt into the four roles."""
    return Interactions.from_frame(ratings_frame).split()


@pytest.fixture
def prepared_ratings(small_split, tmp_path):
    """The same as a prepared folder."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    for name, part in small_split.parts.items():
        ids = {str(f): part.ids[:, f] for f in range(part.ids.shape[1])}
        pq.write_table(pa.table({**ids, "target": part.target}), part_file(folder, name), row_group_size=50)
    record = {"strategy": small_split.strategy, "seed": 0, "unknown": small_split.unknown, "notes": []}
    save_record(folder, small_split.vocabulary, small_split.train.roles, record)
    return folder


AT_LAST = tuple(f"tests/browser/test_{name}.py" for name in ("hostile", "runs", "take_along", "figures"))
"""Files with a browser that look at no time: they fill up whichever process is done first."""


def pytest_collection_modifyitems(items):
    """What fills up comes last."""
    items.sort(key=lambda item: item.nodeid.startswith(AT_LAST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where tests run in several processes: a file stays in one of them, and most browsers in one, after each other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return "browser" if "/browser/" in file and file not in AT_LAST else file

    return ByFile(config, log)


def pytest_unconfigure():
    """Keep pytest's closing line the last one: DuckDB's binding lists at exit, on stderr, what it has not released."""
    if "duckdb" in sys.modules:
        # at exit, since pytest's capture gives stderr back only after this hook
        atexit.register(_drop_stderr)


def _drop_stderr():
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
