"""What an epoch costs for every model: plain training, searches, a cut table, and the training of others, in one run.

``python -m benchmarks.speed [--source sample:movielens-small] [--models MF ...] [--rounds 5] [--python PYTHON]``

Beside ours stand a minimal hand-written loop of the same model and batch; the training of torch-rechub, where PYTHON is
the interpreter of an environment of its own that has it; and what the memory allows: the bytes that a step must move at
the measured speed of copying. Prints one JSON line. Compare the ratios, which are medians over rounds in turn; times
are the processor's, of one thread, so that other work on the machine matters less.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dnis.bilevel import Search
from dnis.datasets import load
from dnis.models import MODELS
from dnis.preparation import dealt, with_defaults
from dnis.pruning import sweep, sweep_thresholds
from dnis.schemes import DimensionScheme, make_blocks
from dnis.selection import UniformSelection, make_selection
from dnis.settings import MODELS_BY_TASK, DataSpec, SearchConfig
from dnis.splits import Split
from dnis.training import Trainer

HERE = Path(__file__).parent
COPIED = 1 << 26
"""Numbers that are copied to measure the memory's speed: 256 MB, far above any cache that one core has to itself."""


def minimal_epoch(split: Split, config: SearchConfig) -> Callable[[int], None]:
    """The loop that anybody would write first: nn.Embedding, dense Adam, slices of a permuted tensor."""
    torch.manual_seed(0)
    ids = torch.from_numpy(split.train.ids).long()
    target = torch.from_numpy(split.train.target)
    embedding = nn.Embedding(split.train.n_features, config.embedding_dim)
    bias = nn.Embedding(split.train.n_features, 1)
    model = MODELS[config.model](ids.shape[1], config, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam([*embedding.parameters(), *bias.parameters(), *model.parameters()], lr=config.lr)
    judge = nn.functional.binary_cross_entropy_with_logits if config.task == "ctr" else nn.functional.mse_loss

    def run(_epoch: int) -> None:
        order = torch.randperm(len(ids))
        for start in range(0, len(ids), config.batch_size):
            take = order[start : start + config.batch_size]
            rows = embedding(ids[take])
            loss = judge(model(rows, bias(ids[take])[..., 0]), target[take])
            loss = loss + config.l2 * rows.square().sum() / len(take)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def search_epoch(split: Split, config: SearchConfig) -> Callable[[int], None]:
    """Weight steps and alpha steps in turn, without the evaluation that an epoch ends with."""
    search = Search(split, replace(config, warm_epochs=0))

    def run(epoch: int) -> None:
        search.trainer.run_epoch(epoch, search._before_step(epoch, rests=False, before_batch=None))

    return run


def cut_epoch(split: Split, config: SearchConfig) -> Callable[[int], object]:
    """The training of a table cut to the first eighth of its dimensions; the others are left out where they can be."""
    blocks = make_blocks(split.counts, config.n_blocks, config.blocks, split.train.vocabulary.field_of)
    dims = np.full(int(blocks.max()) + 1, max(config.embedding_dim // 8, 1))
    scheme = DimensionScheme.from_block_dims(dims, blocks, config.embedding_dim)
    trainer = Trainer(split.train, config, make_selection(scheme, torch.Generator()))
    trainer.narrow()
    return trainer.run_epoch


def seconds_of(runs: dict[str, Callable[[int], object]], rounds: int) -> dict[str, list[float]]:
    """Time of every run in turn, round after round; a first round, which warms up, is left out [s]."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(1, rounds + 2):
        for name, run in runs.items():
            started = time.process_time()
            run(turn)
            taken[name].append(time.process_time() - started)
    return {name: times[1:] for name, times in taken.items()}


def copied_bytes_per_s() -> float:
    """Bytes that one core reads and writes per second when it copies, the best of five."""
    source, target = torch.ones(COPIED), torch.empty(COPIED)
    best = min(seconds_of({"copy": lambda _turn: target.copy_(source)}, 5)["copy"])
    return 2 * 4 * COPIED / best


def least_bytes(trainer: Trainer) -> float:
    """Bytes that an epoch must move at least, whoever writes it."""
    # every touched row, its bias and their two moments are read and written; rows and biases of the interactions are
    # written and read once on the way to the scores, and so is their gradient on the way back
    width, total = trainer.config.embedding_dim + 1, 0
    for ids, _ in trainer.feed.batches(1):
        total += 4 * width * (6 * len(ids.unique()) + 4 * ids.numel())
    return float(total)


def profiled(run: Callable[[int], object]) -> dict[str, float]:
    """The five functions in which a run spends most time, with their shares."""
    watch = cProfile.Profile()
    watch.runcall(run, 99)
    entries: dict[Any, Any] = pstats.Stats(watch).stats  # ty: ignore[missing-attribute]
    own = sorted(((entry[2], name[2]) for name, entry in entries.items()), reverse=True)
    whole = sum(seconds for seconds, _ in own)
    return {name: round(seconds / whole, 2) for seconds, name in own[:5]}


def elsewhere(python: str, split: Split, config: SearchConfig, models: list[str], epochs: int) -> dict[str, float]:
    """Fastest epoch per model of torch-rechub [s]."""
    offsets, target = split.train.vocabulary.offsets, split.train.target
    asked = {
        "dim": config.embedding_dim, "hidden": config.hidden, "batch_size": config.batch_size, "models": models,
        "epochs": epochs,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.npz"
        outcome = (target - target.min()) / max(float(np.ptp(target)), 1e-9)
        ids = split.train.ids - offsets[:-1]
        np.savez(log, ids=ids, sizes=np.diff(offsets), target=outcome, settings=np.array(json.dumps(asked)))
        words = [python, str(HERE / "elsewhere" / "rechub_epochs.py"), str(log)]
        return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measured(split: Split, config: SearchConfig, options: argparse.Namespace, speed: float) -> dict[str, Any]:
    """All figures of one model; ``speed`` is that of copying [bytes/s]."""
    trainer = Trainer(split.train, config, UniformSelection())
    runs: dict[str, Callable[[int], object]] = {
        "train": trainer.run_epoch,
        "search_order_1": search_epoch(split, config),
        "search_order_2": search_epoch(split, replace(config, order=2)),
        "cut_to_an_eighth": cut_epoch(split, config),
        "minimal_loop": minimal_epoch(split, config),
    }
    taken = seconds_of(runs, options.rounds)
    # ratios are taken round by round, so a drift of the machine cancels
    ratio = {
        name: statistics.median(s / t for s, t in zip(times, taken["train"], strict=True))
        for name, times in taken.items()
    }
    epoch_s = min(taken["train"])
    found: dict[str, Any] = {
        "epoch_s": round(epoch_s, 4),
        "epoch_ratio_to_train": {name: round(value, 2) for name, value in ratio.items() if name != "train"},
        # an epoch of a search looks at as many validation samples again
        "ratio_per_sample_seen": {
            f"search_order_{order}": round(ratio[f"search_order_{order}"] / 2, 2) for order in (1, 2)
        },
        "ratio_to_memory_limit": round(epoch_s / (least_bytes(trainer) / speed), 1),
    }
    result = runs_result(split, config)
    started = time.process_time()
    sweep(result, split, sweep_thresholds(result, 188))
    found["sweep_s"] = round(time.process_time() - started, 3)
    if options.profile:
        found["profile"] = {name: profiled(run) for name, run in runs.items()}
        found["profile"]["sweep"] = profiled(lambda _turn: sweep(result, split, sweep_thresholds(result, 188)))
    return found


def runs_result(split: Split, config: SearchConfig) -> Any:
    """The result of a search of one epoch."""
    search = Search(split, replace(config, warm_epochs=0, epochs=1))
    search.step()
    return search.result()


def ranking(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Time of ranking every unseen item for every user of the test, per model that ranks [s]."""
    data = load(options.source)
    out: dict[str, dict[str, Any]] = {}
    for model in (m for m in MODELS_BY_TASK["topk"] if m in options.models):
        split = dealt(data, DataSpec(options.source), "topk", model)
        config = with_defaults(SearchConfig, {"model": model, "task": "topk"}, split)
        trainer = Trainer(split.train, config, UniformSelection())
        rank = partial(_rank, trainer, split)
        out[model] = {"n_ranked": len(split.test), "seconds": round(min(seconds_of({"rank": rank}, 2)["rank"]), 3)}
        if options.profile:
            out[model]["profile"] = profiled(rank)
    return out


def _rank(trainer: Trainer, split: Split, _turn: int) -> object:
    return trainer.evaluate(split.test, split.train)


def main() -> None:
    """Measure every model."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--source", default="sample:movielens-small")
    ask.add_argument("--models", nargs="+", default=list(MODELS))
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--python", help="interpreter that has torch-rechub")
    ask.add_argument("--profile", action="store_true", help="say where the time goes")
    options = ask.parse_args()
    torch.set_num_threads(1)
    data, speed = load(options.source), copied_bytes_per_s()
    found: dict[str, Any] = {}
    for model in options.models:
        split = dealt(data, DataSpec(options.source), None, model)
        config = with_defaults(SearchConfig, {"model": model}, split)
        found[model] = measured(split, config, options, speed)
        if options.python:
            theirs = elsewhere(options.python, split, config, [model], options.rounds)[model]
            found[model]["library_ratio_to_train"] = round(theirs / found[model]["epoch_s"], 2)
    facts = {"source": options.source, "copied_gb_per_s": round(speed / 1e9, 1), "models": found}
    print(json.dumps({"benchmark": "speed", **facts, "ranking": ranking(options)}))


if __name__ == "__main__":
    main()
