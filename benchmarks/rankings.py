"""Our MF against the ALS and BPR of the ``implicit`` library, ranking every unseen item of a log; six settings each.

``python -m benchmarks.rankings --data DIR [--python PYTHON]``, with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 set,
where DIR holds ml-1m/ratings.parquet and PYTHON is the interpreter of an environment of its own with ``implicit``
(without it only our MF is run). Ratings count as clicks; the last item of every user is the test, the one before it
chooses among settings of models that learned from all items before it. Then each winner learns from everything but the
test with three seeds, and ours are paired with all others user by user. "Recent first" gives clicks the weights of
``dnis.recency``, which ALS takes as confidences; BPR of ``implicit`` knows no weights. Prints one JSON line.
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
from dnis.recency import recency_weights
from dnis.results import Fitted
from dnis.settings import TrainConfig
from dnis.splits import Split, joined
from dnis.tasks import TASKS, evaluate
from dnis.training import train

HERE = Path(__file__).parent

HALF_LIFE = "recency_half_life"
RECENT: dict[str, Any] = {HALF_LIFE: 3.0, "embedding_dim": 128, "lr": 0.4, "l2": 0.25, "l2_nu": -0.5}
"""Where our six settings that put recent clicks first start from."""

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
    "ALS, recent first": [
        {"factors": 128, "regularization": 100.0, "alpha": 3.0, "iterations": 15, HALF_LIFE: 1.5},
        {"factors": 128, "regularization": 100.0, "alpha": 3.0, "iterations": 15, HALF_LIFE: 2.0},
        {"factors": 256, "regularization": 100.0, "alpha": 3.0, "iterations": 15, HALF_LIFE: 1.5},
        {"factors": 256, "regularization": 100.0, "alpha": 3.0, "iterations": 15, HALF_LIFE: 2.0},
        {"factors": 256, "regularization": 100.0, "alpha": 3.0, "iterations": 15, HALF_LIFE: 3.0},
        {"factors": 256, "regularization": 300.0, "alpha": 10.0, "iterations": 15, HALF_LIFE: 2.0},
    ],
}
"""Six settings a method; the kind of the model is the first word."""

BASE = TrainConfig(
    task="topk", embedding_dim=256, batch_size=16_384, topk_loss="full_softmax", optimizer="adagrad", lr=0.2, l2=3e-2,
    l2_nu=-0.3, epochs=120, patience=30, ema_decay=0.9,
)  # fmt: skip
OURS: dict[str, list[dict[str, Any]]] = {
    "MF": [{}, {"l2_nu": -0.5}, {"l2_nu": 0.0}, {"l2": 3.5e-2}, {"l2": 2.5e-2}, {"embedding_dim": 128}],
    "MF, recent first": [
        {**RECENT, **changes}
        for changes in ({}, {"embedding_dim": 256}, {HALF_LIFE: 2.0}, {"l2": 0.3}, {"l2": 0.2}, {"l2_nu": -0.75})
    ],
}  # fmt: skip
"""What our six settings a method change."""

SEEDS = (0, 1, 2)
"""Of the final trainings; every method is judged by the mean of them."""

CHOICE = {"settings", "epochs", "val", "vals"}
"""What is kept of a method's tuning."""

N_DRAWS = 1000
"""Bootstrap draws of test users."""


def gains(model: Fitted, split: Split) -> np.ndarray:
    """What the model gains for every test user, (n_test,); the mean is its NDCG@10."""
    network = Network.from_fitted(model, len(split.test.vocabulary.fields))
    return TASKS["topk"](model.config).outcomes(network, split.test, split.development)


def trial(split: Split, changes: dict[str, Any]) -> tuple[float, int]:
    """NDCG@10 on select_val of our MF with a setting, and the epoch that was best."""
    torch.set_num_threads(1)
    found = train(split, replace(BASE, **changes))
    return found.metrics["val"]["ndcg@10"], found.best_epoch


def final(split: Split, changes: dict[str, Any], epochs: int, seed: int) -> np.ndarray:
    """Gains of our MF that learned from everything but the test, (n_test,)."""
    torch.set_num_threads(1)
    return gains(train(split, replace(BASE, **changes, epochs=epochs, seed=seed), data="development").model, split)


def factors(python: str, part: Interactions, kind: str, settings: list[dict[str, Any]]) -> list[Fitted]:
    """Models of the other library as ours: factors for embeddings, no biases (its own stand among the factors)."""
    offsets = part.vocabulary.offsets
    n_users, n_items = int(offsets[1]), int(offsets[2] - offsets[1])
    asked = [[kind, {"random_state": 0, **{k: v for k, v in one.items() if k != HALF_LIFE}}] for one in settings]
    alike = np.ones(len(part), np.float32)
    weights = np.stack([recency_weights(part, one[HALF_LIFE]) if HALF_LIFE in one else alike for one in settings])
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder) / "log.npz", Path(folder) / "factors.npz"
        shape, words = np.array([n_users, n_items]), np.array(json.dumps(asked))
        np.savez(log, ids=part.ids - [0, n_users], shape=shape, settings=words, weights=weights)
        subprocess.run([python, str(HERE / "elsewhere" / "implicit_factors.py"), str(log), str(out)], check=True)
        found = dict(np.load(out))
    tables = [np.concatenate([found[f"users{i}"], found[f"items{i}"]]) for i in range(len(settings))]
    return [
        Fitted(
            replace(BASE, embedding_dim=table.shape[1]), table, np.zeros(len(table), np.float32),
            {"global_bias": np.zeros((), np.float32)},
        )
        for table in tables
    ]  # fmt: skip


def rival_trials(python: str, split: Split, name: str) -> list[float]:
    """NDCG@10 on select_val of every setting of a model of the other library."""
    models = factors(python, split.train, name.partition(",")[0], RIVALS[name])
    return [evaluate(model, split.select_val, split.train)["ndcg@10"] for model in models]


def rival_finals(python: str, split: Split, name: str, settings: dict[str, Any]) -> np.ndarray:
    """Gains of a model of the other library that learned from everything but the test, (n_seeds, n_test)."""
    seeded = [{**settings, "random_state": seed} for seed in SEEDS]
    models = factors(python, split.development, name.partition(",")[0], seeded)
    return np.stack([gains(model, split) for model in models])


def tune(pool: ProcessPoolExecutor, split: Split, python: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """The setting of every method named that was best on select_val, and what the others gave."""
    ours = {
        name: [pool.submit(trial, split, changes) for changes in tried] for name, tried in OURS.items() if name in names
    }
    theirs = {name: pool.submit(rival_trials, python, split, name) for name in RIVALS if name in names}
    chosen = {}
    for name, trials in ours.items():
        vals, epochs = zip(*(one.result() for one in trials), strict=True)
        best = int(np.argmax(vals))
        chosen[name] = {"settings": OURS[name][best], "epochs": epochs[best], "val": vals[best], "vals": vals}
    for name, one in theirs.items():
        vals = one.result()
        chosen[name] = {"settings": RIVALS[name][int(np.argmax(vals))], "val": max(vals), "vals": vals}
    return chosen


def judge(
    pool: ProcessPoolExecutor, split: Split, chosen: dict[str, dict[str, Any]], python: str
) -> dict[str, dict[str, Any]]:
    """NDCG@10 on the test of the chosen settings, and how far each of ours is from each other one."""
    ours = {
        name: [pool.submit(final, split, chosen[name]["settings"], chosen[name]["epochs"], seed) for seed in SEEDS]
        for name in OURS
    }
    theirs = {
        name: pool.submit(rival_finals, python, split, name, chosen[name]["settings"])
        for name in (RIVALS if python else ())
    }
    gained = {name: np.stack([one.result() for one in runs]) for name, runs in ours.items()}
    gained |= {name: one.result() for name, one in theirs.items()}
    outcomes = {
        name: Outcomes(values, split.test.target, split.test_units, "ndcg@10") for name, values in gained.items()
    }
    found = {}
    for name, values in gained.items():
        found[name] = {**chosen[name], "test": values.mean(), "tests": values.mean(axis=1).tolist()}
        for other in OURS.keys() - {name}:
            ends = paired_difference(outcomes[other], outcomes[name], N_DRAWS)
            found[name][f"{other} minus this"] = dict(zip(("difference", "low", "high"), ends, strict=True))
    return found


def main() -> None:
    """Compare, and print what was found."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--python", default="", help="interpreter that has implicit")
    ask.add_argument("--processes", type=int, default=2, help="how many settings are tried at once")
    ask.add_argument("--tuned", type=Path, help="JSON line of an earlier call; a method that it has is not tuned anew")
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
        names = {*OURS, *(RIVALS if options.python else ())}
        earlier_call = json.loads(options.tuned.read_text()) if options.tuned else {}
        known = {
            name: {key: earlier_call[name][key] for key in CHOICE & earlier_call[name].keys()}
            for name in names & earlier_call.keys()
        }
        chosen = known | tune(pool, earlier, options.python, names - known.keys())
        found = judge(pool, split, chosen, options.python)
    print(json.dumps({"benchmark": "rankings", "metric": "ndcg@10", **found}))


if __name__ == "__main__":
    main()
