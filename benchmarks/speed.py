"""What an epoch costs: plain training, first- and second-order search, and a minimal hand-written loop, in one run.

``python -m benchmarks.speed [--source sample:movielens-small] [--model MF] [--rounds 5]``

Prints one JSON line. Compare the ratios; times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from dnis.bilevel import Search
from dnis.datasets import load
from dnis.models import MODELS
from dnis.preparation import with_defaults
from dnis.selection import UniformSelection
from dnis.settings import SearchConfig
from dnis.splits import Split
from dnis.training import Trainer


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
        validation = search._validation_batches(epoch)
        search.trainer.run_epoch(epoch, lambda batch: search._alpha_step(batch, next(validation)))

    return run


def main() -> None:
    """Time the four in turn, round after round."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--source", default="sample:movielens-small")
    ask.add_argument("--model", default="MF")
    ask.add_argument("--rounds", type=int, default=5)
    options = ask.parse_args()
    torch.set_num_threads(1)
    split = load(options.source).split()
    config = with_defaults(SearchConfig, {"model": options.model}, split)
    trainer = Trainer(split.train, config, UniformSelection())
    runs: dict[str, Callable[[int], object]] = {
        "train": trainer.run_epoch,
        "search_order_1": search_epoch(split, config),
        "search_order_2": search_epoch(split, replace(config, order=2)),
        "minimal_loop": minimal_epoch(split, config),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(1, options.rounds + 2):
        for name, run in runs.items():
            started = time.perf_counter()
            run(turn)
            seconds[name].append(time.perf_counter() - started)
    # the first round warms up; ratios are taken round by round, so a drift of the machine cancels
    ratio = {
        name: round(statistics.median(s / t for s, t in zip(times[1:], seconds["train"][1:], strict=True)), 2)
        for name, times in seconds.items()
    }
    facts = {
        "source": options.source,
        "model": config.model,
        "n_train": len(split.train),
        "batch_size": config.batch_size,
    }
    print(json.dumps({"benchmark": "speed", **facts, "epoch_ratio_to_train": ratio}))


if __name__ == "__main__":
    main()
