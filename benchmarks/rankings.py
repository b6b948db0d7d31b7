"""Our MF against the ALS and BPR of the ``implicit`` library, ranking every unseen item of a log; all are tuned alike.

``python -m benchmarks.rankings --data DIR [--python PYTHON]``, where DIR holds ml-1m/ratings.parquet and PYTHON is the
interpreter of an environment of its own with ``implicit`` (without it only our MF is run). Ratings count as clicks; the
last item of every user is the test, the one before it chooses among the settings, then each winner learns from
everything but the test. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnis.datasets import load
from dnis.interactions import Interactions
from dnis.results import Fitted
from dnis.settings import TrainConfig
from dnis.splits import Split
from dnis.tasks import evaluate
from dnis.training import train

HERE = Path(__file__).parent

RIVALS: dict[str, list[dict[str, Any]]] = {
    "ALS": [
        {"factors": 64, "regularization": 10.0, "alpha": 1.0, "iterations": 15},
        {"factors": 64, "regularization": 10.0, "alpha": 5.0, "iterations": 15},
        {"factors": 128, "regularization": 10.0, "alpha": 1.0, "iterations": 15},
        {"factors": 128, "regularization": 30.0, "alpha": 1.0, "iterations": 15},
    ],
    "BPR": [
        {"factors": 64, "learning_rate": 0.05, "regularization": 0.01, "iterations": 60},
        {"factors": 64, "learning_rate": 0.05, "regularization": 0.05, "iterations": 60},
        {"factors": 128, "learning_rate": 0.02, "regularization": 0.01, "iterations": 100},
        {"factors": 128, "learning_rate": 0.02, "regularization": 0.05, "iterations": 100},
    ],
}
"""Four settings a method."""

OURS = TrainConfig(
    task="topk", embedding_dim=128, batch_size=4096, topk_loss="softmax", n_negatives=64, lr=2e-3, l2=1e-2, epochs=40,
    patience=3,
)  # fmt: skip
TRIALS: list[dict[str, Any]] = [{}, {"l2": 2e-2}, {"l2": 5e-3}, {"embedding_dim": 64}]
"""What our four settings change."""


def ours(split: Split) -> dict[str, Any]:
    """Tune our MF on select_val, then train it on everything but the test."""
    tuned = [train(split, replace(OURS, **changes)) for changes in TRIALS]
    best = max(range(len(tuned)), key=lambda i: tuned[i].metrics["val"]["ndcg@10"])
    config = replace(OURS, **TRIALS[best], epochs=tuned[best].best_epoch)
    final = train(split, config, data="development")
    return {
        "settings": TRIALS[best],
        "val": tuned[best].metrics["val"]["ndcg@10"],
        "test": final.metrics["test"]["ndcg@10"],
    }


def factors(python: str, part: Interactions, kind: str, settings: list[dict[str, Any]]) -> list[Fitted]:
    """Models of the other library as ours: factors for embeddings, no biases (its own stand among the factors)."""
    offsets = part.vocabulary.offsets
    n_users, n_items = int(offsets[1]), int(offsets[2] - offsets[1])
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder) / "log.npz", Path(folder) / "factors.npz"
        asked = json.dumps([[kind, arguments] for arguments in settings])
        np.savez(log, ids=part.ids - [0, n_users], shape=np.array([n_users, n_items]), settings=np.array(asked))
        subprocess.run([python, str(HERE / "elsewhere" / "implicit_factors.py"), str(log), str(out)], check=True)
        found = dict(np.load(out))
    tables = [np.concatenate([found[f"users{i}"], found[f"items{i}"]]) for i in range(len(settings))]
    return [
        Fitted(
            replace(OURS, embedding_dim=table.shape[1]), table, np.zeros(len(table), np.float32),
            {"global_bias": np.zeros((), np.float32)},
        )
        for table in tables
    ]  # fmt: skip


def rival(python: str, split: Split, kind: str) -> dict[str, Any]:
    """Tune a model of the other library on select_val, then train it on everything but the test."""
    models = factors(python, split.train, kind, RIVALS[kind])
    scores = [evaluate(model, split.select_val, split.train)["ndcg@10"] for model in models]
    best = int(np.argmax(scores))
    (final,) = factors(python, split.development, kind, [RIVALS[kind][best]])
    test = evaluate(final, split.test, split.development)["ndcg@10"]
    return {"settings": RIVALS[kind][best], "val": scores[best], "test": test}


def main() -> None:
    """Compare, and print what was found."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--python", help="interpreter that has implicit")
    options = ask.parse_args()
    torch.set_num_threads(1)
    path = options.data / "ml-1m" / "ratings.parquet"
    if not path.is_file():
        print(json.dumps({"benchmark": "rankings", "found": "no data"}))
        return
    split = load(str(path), (("item", "movie_id"),)).of_users_and_items().split("leave_last_out")
    found = {kind: rival(options.python, split, kind) for kind in RIVALS} if options.python else {}
    print(json.dumps({"benchmark": "rankings", "metric": "ndcg@10", **found, "MF": ours(split)}))


if __name__ == "__main__":
    main()
