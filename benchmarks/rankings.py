"""Our MF against the ALS and BPR of the ``implicit`` library, ranking every unseen item of a log; six settings each.

``python -m benchmarks.rankings --data DIR [--python PYTHON]``, with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 set,
where DIR holds ml-1m/ratings.parquet and PYTHON is the interpreter of an environment of its own with ``implicit``
(without it only our MF is run). Ratings count as clicks; the last item of every user is the test, the one before it
chooses among settings of models that learned from all items before it. Then each winner learns from everything but the
test with three seeds, and is paired with ours user by user. Prints one JSON line.
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
from dnis.splits import Split, joined
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
    task="topk", embedding_dim=256, batch_size=16_384, topk_loss="full_softmax", optimizer="adagrad", lr=0.2, l2=3e-2,
    l2_nu=-0.3, epochs=120, patience=30, ema_decay=0.9,
)  # fmt: skip
TRIALS: list[dict[str, Any]] = [
    {}, {"l2_nu": -0.5}, {"l2_nu": 0.0}, {"l2": 3.5e-2}, {"l2": 2.5e-2}, {"embedding_dim": 128},
]  # fmt: skip
"""What our six settings change."""


SEEDS = (0, 1, 2)
"""Of the final trainings; every method is judged by the mean of them."""

N_DRAWS = 1000
"""Bootstrap draws of test users."""


def gains(model: Fitted, split: Split) -> np.ndarray:
    """What the model gains for every test user, (n_test,); the mean is its NDCG@10."""
    network = Network.from_fitted(model, len(split.test.vocabulary.fields))
    return TASKS["topk"](model.config).outcomes(network, split.test, split.development)


def trial(split: Split, changes: dict[str, Any]) -> tuple[float, int]:
    """NDCG@10 on select_val of our MF with a setting, and the epoch that was best."""
    torch.set_num_threads(1)
    found = train(split, replace(OURS, **changes))
    return found.metrics["val"]["ndcg@10"], found.best_epoch


def final(split: Split, changes: dict[str, Any], epochs: int, seed: int) -> np.ndarray:
    """Gains of our MF that learned from everything but the test, (n_test,)."""
    torch.set_num_threads(1)
    return gains(train(split, replace(OURS, **changes, epochs=epochs, seed=seed), data="development").model, split)


def factors(python: str, part: Interactions, kind: str, settings: list[dict[str, Any]]) -> list[Fitted]:
    """Models of the other library as ours: factors for embeddings, no biases (its own stand among the factors)."""
    offsets = part.vocabulary.offsets
    n_users, n_items = int(offsets[1]), int(offsets[2] - offsets[1])
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder) / "log.npz", Path(folder) / "factors.npz"
        asked = json.dumps([[kind, {"random_state": 0, **arguments}] for arguments in settings])
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


def rival_trials(python: str, split: Split, kind: str) -> list[float]:
    """NDCG@10 on select_val of every setting of a model of the other library."""
    models = factors(python, split.train, kind, RIVALS[kind])
    return [evaluate(model, split.select_val, split.train)["ndcg@10"] for model in models]


def rival_finals(python: str, split: Split, kind: str, settings: dict[str, Any]) -> np.ndarray:
    """Gains of a model of the other library that learned from everything but the test, (n_seeds, n_test)."""
    seeded = [{**settings, "random_state": seed} for seed in SEEDS]
    return np.stack([gains(model, split) for model in factors(python, split.development, kind, seeded)])


def tune(pool: ProcessPoolExecutor, split: Split, python: str) -> dict[str, dict[str, Any]]:
    """The setting of every method that was best on select_val, and what the others gave."""
    ours = [pool.submit(trial, split, changes) for changes in TRIALS]
    theirs = {kind: pool.submit(rival_trials, python, split, kind) for kind in (RIVALS if python else ())}
    tried = [one.result() for one in ours]
    vals = [val for val, _ in tried]
    best = int(np.argmax(vals))
    chosen = {"MF": {"settings": TRIALS[best], "epochs": tried[best][1], "val": vals[best], "vals": vals}}
    for kind, one in theirs.items():
        vals = one.result()
        chosen[kind] = {"settings": RIVALS[kind][int(np.argmax(vals))], "val": max(vals), "vals": vals}
    return chosen


def judge(
    pool: ProcessPoolExecutor, split: Split, chosen: dict[str, dict[str, Any]], python: str
) -> dict[str, dict[str, Any]]:
    """NDCG@10 on the test of the chosen settings, and how far ours is from each."""
    mf = chosen["MF"]
    ours = [pool.submit(final, split, mf["settings"], mf["epochs"], seed) for seed in SEEDS]
    theirs = {
        kind: pool.submit(rival_finals, python, split, kind, chosen[kind]["settings"])
        for kind in (RIVALS if python else ())
    }
    gained = {"MF": np.stack([one.result() for one in ours])} | {kind: one.result() for kind, one in theirs.items()}
    outcomes = {
        kind: Outcomes(values, split.test.target, split.test_units, "ndcg@10") for kind, values in gained.items()
    }
    found = {}
    for kind, values in gained.items():
        found[kind] = {**chosen[kind], "test": values.mean(), "tests": values.mean(axis=1).tolist()}
        if kind != "MF":
            ends = paired_difference(outcomes["MF"], outcomes[kind], N_DRAWS)
            found[kind]["ours_minus_theirs"] = dict(zip(("difference", "low", "high"), ends, strict=True))
    return found


def main() -> None:
    """Compare, and print what was found."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--python", default="", help="interpreter that has implicit")
    ask.add_argument("--processes", type=int, default=2, help="how many settings are tried at once")
    ask.add_argument("--tuned", type=Path, help="JSON line of an earlier call, whose chosen settings are taken")
    options = ask.parse_args()
    torch.set_num_threads(1)
    path = options.data / "ml-1m" / "ratings.parquet"
    if not path.is_file():
        print(json.dumps({"benchmark": "rankings", "found": "no data"}))
        return
    split = load(str(path), (("item", "movie_id"),)).of_users_and_items().split("leave_last_out")
    # whoever is asked for the item before the last has learned all before it, as a final model has before the last
    earlier = replace(split, train=joined([split.train, split.search_val]))
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        known = options.tuned is not None
        chosen = json.loads(options.tuned.read_text()) if known else tune(pool, earlier, options.python)
        untried = {"MF", *(RIVALS if options.python else ())} - chosen.keys()
        if untried:
            raise SystemExit(f"{options.tuned} has no setting of {', '.join(sorted(untried))}; tune without --tuned")
        found = judge(pool, split, chosen, options.python)
    print(json.dumps({"benchmark": "rankings", "metric": "ndcg@10", **found}))


if __name__ == "__main__":
    main()
