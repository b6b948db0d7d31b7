"""Our MF against the ALS and BPR of the ``implicit`` library, ranking every unseen item of a log; six settings each.

``python -m benchmarks.rankings --data DIR [--python PYTHON]``, with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 set,
where DIR holds ml-1m/ratings.parquet and PYTHON is the interpreter of an environment of its own with ``implicit``
(without it only our MF is run). Ratings count as clicks; the last item of every user is the test, the one before it
chooses among the settings, then each winner learns from everything but the test, and is paired with ours user by user.
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnis.datasets import load
from dnis.interactions import Interactions
from dnis.intervals import Outcomes, paired_difference
from dnis.network import Network
from dnis.results import Fitted
from dnis.settings import TrainConfig
from dnis.splits import Split
from dnis.tasks import TASKS, evaluate
from dnis.training import train

HERE = Path(__file__).parent

RIVALS: dict[str, list[dict[str, Any]]] = {
    "ALS": [
        {"factors": 64, "regularization": 10.0, "alpha": 1.0, "iterations": 15},
        {"factors": 64, "regularization": 10.0, "alpha": 5.0, "iterations": 15},
        {"factors": 128, "regularization": 10.0, "alpha": 1.0, "iterations": 15},
        {"factors": 128, "regularization": 30.0, "alpha": 1.0, "iterations": 15},
        {"factors": 256, "regularization": 10.0, "alpha": 1.0, "iterations": 15},
        {"factors": 256, "regularization": 30.0, "alpha": 1.0, "iterations": 15},
    ],
    "BPR": [
        {"factors": 64, "learning_rate": 0.05, "regularization": 0.01, "iterations": 60},
        {"factors": 64, "learning_rate": 0.05, "regularization": 0.05, "iterations": 60},
        {"factors": 128, "learning_rate": 0.02, "regularization": 0.01, "iterations": 100},
        {"factors": 128, "learning_rate": 0.02, "regularization": 0.05, "iterations": 100},
        {"factors": 256, "learning_rate": 0.02, "regularization": 0.01, "iterations": 100},
        {"factors": 256, "learning_rate": 0.02, "regularization": 0.05, "iterations": 100},
    ],
}
"""Six settings a method."""

OURS = TrainConfig(
    task="topk", embedding_dim=256, batch_size=16_384, topk_loss="full_softmax", lr=1e-2, l2=3e-2, l2_nu=-0.5,
    epochs=60, patience=10,
)  # fmt: skip
TRIALS: list[dict[str, Any]] = [
    {}, {"embedding_dim": 128}, {"embedding_dim": 64}, {"l2_nu": 0.0}, {"l2": 4e-2}, {"l2": 2e-2},
]  # fmt: skip
"""What our six settings change."""


N_DRAWS = 1000
"""Bootstrap draws of test users."""


def gains(model: Fitted, split: Split) -> Outcomes:
    """What the model gains for every test user, its NDCG@10."""
    test = split.test
    network = Network.from_fitted(model, len(test.vocabulary.fields))
    values = TASKS["topk"](model.config).outcomes(network, test, split.development)
    return Outcomes(values[None], test.target, np.unique(test.ids[:, 0], return_inverse=True)[1], "ndcg@10")


def trial(split: Split, changes: dict[str, Any]) -> tuple[float, int]:
    """NDCG@10 on select_val of our MF with a setting, and the epoch that was best."""
    torch.set_num_threads(1)
    found = train(split, replace(OURS, **changes))
    return found.metrics["val"]["ndcg@10"], found.best_epoch


def ours(split: Split, tuned: list[tuple[float, int]]) -> tuple[dict[str, Any], Outcomes]:
    """Train our MF on everything but the test, with the setting that was best on select_val."""
    vals = [val for val, _ in tuned]
    best = int(np.argmax(vals))
    final = train(split, replace(OURS, **TRIALS[best], epochs=tuned[best][1]), data="development")
    scores = {"val": vals[best], "test": final.metrics["test"]["ndcg@10"]}
    return {"settings": TRIALS[best], **scores, "epochs": tuned[best][1], "vals": vals}, gains(final.model, split)


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


def rival(python: str, split: Split, kind: str) -> tuple[dict[str, Any], Outcomes]:
    """Tune a model of the other library on select_val, then train it on everything but the test."""
    models = factors(python, split.train, kind, RIVALS[kind])
    scores = [evaluate(model, split.select_val, split.train)["ndcg@10"] for model in models]
    best = int(np.argmax(scores))
    (final,) = factors(python, split.development, kind, [RIVALS[kind][best]])
    gained = gains(final, split)
    test = float(gained.values.mean())
    return {"settings": RIVALS[kind][best], "val": scores[best], "test": test, "vals": scores}, gained


def main() -> None:
    """Compare, and print what was found."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--python", help="interpreter that has implicit")
    ask.add_argument("--processes", type=int, default=2, help="how many settings are tried at once")
    options = ask.parse_args()
    torch.set_num_threads(1)
    path = options.data / "ml-1m" / "ratings.parquet"
    if not path.is_file():
        print(json.dumps({"benchmark": "rankings", "found": "no data"}))
        return
    split = load(str(path), (("item", "movie_id"),)).of_users_and_items().split("leave_last_out")
    kinds = list(RIVALS) if options.python else []
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        trials = [pool.submit(trial, split, changes) for changes in TRIALS]
        rivals = {kind: pool.submit(rival, options.python, split, kind) for kind in kinds}
        found, gained = ours(split, [one.result() for one in trials])
        theirs_of = {kind: one.result() for kind, one in rivals.items()}
    lines = {"MF": found}
    for kind, (facts, theirs) in theirs_of.items():
        lines[kind] = facts
        centre, low, high = paired_difference(gained, theirs, N_DRAWS)
        lines[kind]["ours_minus_theirs"] = {"difference": centre, "low": low, "high": high}
    print(json.dumps({"benchmark": "rankings", "metric": "ndcg@10", **lines}))


if __name__ == "__main__":
    main()
