"""What a step costs and holds as the table grows, and an epoch as the data grow.

``python -m benchmarks.growth [--features 10000 100000 1000000 10000000] [--interactions 10000 ... 1000000] [--dim 16]``

Prints one JSON line. Times are the processor's, medians of steps in turn round the sizes, so that a drift cancels;
memory is that of a process of its own per size, beside what parameters and optimiser state must take. A step is
measured on batches that touch equally many rows, since freely drawn ids meet more often in a small table;
``rows_alone_ms`` is what reading and writing those rows takes without any arithmetic.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dnis.interactions import Interactions
from dnis.joint import PARTS, Columns, put_parts, take_parts
from dnis.roles import Roles
from dnis.selection import UniformSelection
from dnis.settings import TrainConfig
from dnis.tables import put_rows, take_rows
from dnis.training import Trainer
from dnis.vocabulary import Vocabulary

BATCH, STEPS = 4096, 40


def ratings(n_features: int, n_rows: int) -> Interactions:
    """Ratings of users on items, half of the features each, every one as likely; no texts, to leave memory alone."""
    rng = np.random.default_rng(0)
    half = n_features // 2
    names = np.broadcast_to(np.array("x", dtype=object), (half,))
    ids = np.column_stack([rng.integers(1, half, n_rows), rng.integers(half + 1, 2 * half, n_rows)]).astype(np.int32)
    roles = Roles("user_id", "item_id", target="rating", target_kind="rating")
    target = rng.normal(3, 1, n_rows).astype(np.float32)
    return Interactions(Vocabulary(("user_id", "item_id"), (names, names)), ids, target, None, None, roles)


def trainer_of(n_features: int, n_rows: int, dim: int) -> Trainer:
    """A model of the given size, ready to step."""
    return Trainer(ratings(n_features, n_rows), TrainConfig(embedding_dim=dim, batch_size=BATCH), UniformSelection())


def alike(n_features: int, seed: int) -> tuple[Tensor, Tensor]:
    """A batch in which no user and no item occurs twice: as many rows of the table, whatever its size."""
    rng, half = np.random.default_rng(seed), n_features // 2
    sides = [low + rng.choice(half - 1, BATCH, replace=False) for low in (1, half + 1)]
    return torch.from_numpy(np.column_stack(sides)), torch.from_numpy(rng.normal(3, 1, BATCH).astype(np.float32))


def rows_alone(trainer: Trainer, ids: Tensor) -> None:
    """Read and write again what a step must: the batch's rows and biases, and their two moments each."""
    tables = (trainer.network.embeddings, trainer.network.biases)
    if isinstance(tables[0], Columns):
        n_parts = PARTS[tables[0].optimizer]
        put_parts(tables[0].record, ids, take_parts(tables[0].record, n_parts, ids, n_parts))
        return
    for values in [part for table in tables for part in (table.values, *table._held)]:
        put_rows(values, ids, take_rows(values, ids))


def step_ms(sizes: list[int], dim: int) -> dict[str, dict[int, float]]:
    """Median time per number of features of a step, of one on rows drawn freely, and of moving its rows alone [ms]."""
    trainers = {n: trainer_of(n, STEPS * BATCH, dim) for n in sizes}
    batches = {n: list(trainer.feed.batches(1)) for n, trainer in trainers.items()}
    kinds = ("step", "step_on_free_draws", "rows_alone")
    taken: dict[str, dict[int, list[float]]] = {kind: {n: [] for n in sizes} for kind in kinds}
    for turn in range(STEPS):
        for n, trainer in trainers.items():
            batch, free, other = alike(n, turn), batches[n][turn], alike(n, STEPS + turn)[0].flatten().sort().values
            runs = (partial(trainer.step, batch), partial(trainer.step, free), partial(rows_alone, trainer, other))
            for kind, run in zip(kinds, runs, strict=True):
                started = time.process_time()
                run()
                taken[kind][n].append(1e3 * (time.process_time() - started))
    return {
        kind: {n: round(statistics.median(times[5:]), 2) for n, times in by_size.items()}
        for kind, by_size in taken.items()
    }


def epoch_s(sizes: list[int], dim: int) -> dict[int, float]:
    """Time of an epoch per number of interactions [s]."""
    out = {}
    for n in sizes:
        trainer = trainer_of(100_000, n, dim)
        trainer.run_epoch(1)
        started = time.process_time()
        trainer.run_epoch(2)
        out[n] = round(time.process_time() - started, 3)
    return out


def memory_kb(name: str) -> int:
    """A figure of this process's memory, as Linux tells it [kB]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def held_mb(n_features: int, dim: int) -> float:
    """Peak memory that training adds to what the data and the libraries hold, in this process [MB]."""
    part = ratings(n_features, 10 * BATCH)
    part.counts  # noqa: B018  the data's own, counted before
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = memory_kb("VmRSS")
    trainer = Trainer(part, TrainConfig(embedding_dim=dim, batch_size=BATCH), UniformSelection())
    trainer.run_epoch(1)
    return (memory_kb("VmHWM") - before) / 1024


def held_elsewhere(n_features: int, dim: int) -> dict[str, float]:
    """The same in a process of its own, beside the bytes of parameters and two moments, biases included."""
    words = ["-m", "benchmarks.growth", "--held", str(n_features), "--dim", str(dim)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    needed = 3 * 4 * n_features * (dim + 1) / 2**20
    peak = float(done.stdout)
    return {"peak_mb": round(peak), "needed_mb": round(needed), "ratio": round(peak / needed, 2)}


def main() -> None:
    """Measure growth with features and with interactions."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--features", nargs="+", type=int, default=[10_000, 100_000, 1_000_000, 10_000_000])
    ask.add_argument("--interactions", nargs="+", type=int, default=[10_000, 100_000, 1_000_000, 10_000_000])
    ask.add_argument("--dim", type=int, default=16)
    ask.add_argument("--held", type=int, help=argparse.SUPPRESS)
    options = ask.parse_args()
    torch.set_num_threads(1)
    if options.held:
        print(held_mb(options.held, options.dim))
        return
    steps, epochs = step_ms(options.features, options.dim), epoch_s(options.interactions, options.dim)
    record = {
        "benchmark": "growth",
        "embedding_dim": options.dim,
        "batch_size": BATCH,
        "step_ms_by_features": steps["step"],
        "step_ms_on_free_draws": steps["step_on_free_draws"],
        "rows_alone_ms": steps["rows_alone"],
        "step_ratio_last_to_first": round(steps["step"][options.features[-1]] / steps["step"][options.features[0]], 2),
        "epoch_s_by_interactions": epochs,
        "memory_by_features": {n: held_elsewhere(n, options.dim) for n in options.features[-2:]},
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
