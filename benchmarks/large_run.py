"""A run over many features whose numbers are drawn, not learnt: what the pages do with a large vocabulary.

``python -m benchmarks.large_run [--features 100000] [--out FOLDER]`` prints one JSON line; without ``--out`` the run is
only built and thrown away.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from dnis.interactions import Interactions
from dnis.results import EpochEvent, SearchResult
from dnis.runs import Run, load_run, save_run
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig
from dnis.vocabulary import UNKNOWN

N_USERS, N_BLOCKS, N_DIMS = 1_000, 10, 16
STEP = 7
"""Raw ids of items are multiples of this, so that a number in a title is never the id of its item."""


def interactions(n_features: int) -> pd.DataFrame:
    """One rating of every item by some user, popular items more; titles have the item's number in them."""
    rng = np.random.default_rng(0)
    n_items = n_features - N_USERS - 2  # each field has an unknown feature besides
    number = np.concatenate([np.arange(n_items), (rng.zipf(1.6, n_items // 2) - 1) % n_items])
    user = np.concatenate([np.arange(N_USERS), rng.integers(0, N_USERS, len(number) - N_USERS)])
    rating = rng.integers(1, 6, len(number))
    title = [f"Film number {n} of {1900 + n % 120}" for n in number]
    # training has every feature, so that the vocabulary does
    part = ["train"] * n_items + [("train", "valid", "valid", "test")[i % 4] for i in range(n_items // 2)]
    return pd.DataFrame({"user_id": user, "item_id": STEP * number, "rating": rating, "title": title, "split": part})


def write(folder: Path, n_features: int) -> Run:
    """Write the run.

    Args:
        folder: The run's folder, to be made; its data file is written beside it.
        n_features: Features of both fields, the unknown ones among them; at least 3,000.

    Returns:
        The run.
    """
    table = interactions(n_features)
    source = folder.with_suffix(".csv")
    source.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(source, index=False)
    split = Interactions.from_frame(table).split("column")
    n = split.train.n_features
    rng = np.random.default_rng(1)
    alpha = np.clip(rng.uniform(0, 1.4, (N_BLOCKS, N_DIMS)) - np.linspace(0, 0.6, N_BLOCKS)[:, None], 0, 1)
    alpha = alpha.astype(np.float32)
    event = EpochEvent(1, "search", {"train": 1.0, "search_val": 1.1, "test": 1.2}, alpha, alpha.sum(axis=1), 0.1, 0.1)
    result = SearchResult(
        config=SearchConfig(embedding_dim=N_DIMS, n_blocks=N_BLOCKS),
        embeddings=rng.normal(0, 1, (n, N_DIMS)).astype(np.float32),
        biases=np.zeros(n, np.float32),
        dense={"global_bias": np.array(3.0, np.float32)},
        alpha=alpha,
        block_of=make_blocks(split.counts, N_BLOCKS),
        counts=split.counts,
        history=(event,),
        best_epoch=1,
    )
    save_run(folder, data=DataSpec(str(source)), result=result, split=split, name="Many features")
    return load_run(folder)


def some_features(run: Run) -> dict[str, str]:
    """A few features by raw id, spread over the vocabulary: raw id -> title."""
    titled = [raw for raw in run.vocabulary.values[1] if raw != UNKNOWN and raw in run.vocabulary.titles]
    return {str(titled[i]): run.vocabulary.titles[titled[i]] for i in np.linspace(0, len(titled) - 1, 7).astype(int)}


def main() -> None:
    """Build one and say how long it took and how large it is."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--features", type=int, default=100_000, help="features of both fields; at least 3,000")
    ask.add_argument("--out", type=Path, help="folder of the run, to be made")
    options = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        started_s = time.perf_counter()
        run = write(options.out or Path(scratch) / "large-run", max(3_000, options.features))
        size = sum(file.stat().st_size for file in run.folder.iterdir())
        build_s = round(time.perf_counter() - started_s, 2)
    features = run.vocabulary.n_features
    print(json.dumps({"benchmark": "large_run", "features": features, "build_s": build_s, "bytes": size}))


if __name__ == "__main__":
    main()
