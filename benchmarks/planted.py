"""Does the budgeted recipe find planted dimensions, keep to its bytes, and at what cost? Ten seeds by default.

``python -m benchmarks.planted [--seeds 10] [--compression 4] [--order falling] [--size 1]``

Prints one JSON line: Spearman's rank correlation of learned and planted dimensions over blocks, bytes over budget, and
what search and retraining cost together against one plain training of the full table, all in one run.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
import torch
from scipy.stats import spearmanr

from dnis.bilevel import search
from dnis.datasets import planted
from dnis.pruning import prune
from dnis.schemes import VALUE_BYTES
from dnis.settings import SearchConfig
from dnis.training import train

SETTINGS = SearchConfig(embedding_dim=16, batch_size=256, recipe="budget", compression=2.0)
"""K is the largest planted dimension; the rest are defaults."""


@dataclass(frozen=True)
class Finding:
    """What one seed gave: rank correlation, bytes over budget, and cost in trainings of the full table."""

    correlation: float
    bytes_of_budget: float
    cost: float
    dims: list[int]


def found(seed: int, compression: float, order: str, size: float) -> Finding:
    """Search planted data, train again, and compare with what was planted.

    Args:
        seed: Of data, split and search.
        compression: Full size over wanted size.
        order: Of the planted dimensions, see ``planted``.
        size: Ratings, as a multiple of the sample's.

    Returns:
        The finding.
    """
    truth = planted(seed=seed, order=order, n_interactions=int(80_000 * size))
    split = truth.interactions.split("random", seed=seed)
    config = replace(SETTINGS, seed=seed, compression=compression)
    plain = train(split, config.for_training())
    result = search(split, config)
    scheme = prune(result, threshold=0.0)
    again = train(split, result.retraining, scheme)
    true = truth.dims_in(split.vocabulary)
    deserved = [true[result.block_of == block].mean() for block in range(len(scheme.block_dims))]
    budget = VALUE_BYTES * split.train.n_features * config.embedding_dim / compression
    return Finding(
        float(spearmanr(deserved, scheme.block_dims).statistic), scheme.n_bytes / budget,
        (result.elapsed_s + again.elapsed_s) / plain.elapsed_s, [int(d) for d in scheme.block_dims],
    )  # fmt: skip


def main() -> None:
    """Search and retrain per seed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=2)
    ask.add_argument("--compression", type=float, default=SETTINGS.compression)
    ask.add_argument("--order", choices=("falling", "shuffled"), default="falling")
    ask.add_argument("--size", type=float, default=1.0)
    options = ask.parse_args()
    torch.set_num_threads(1)
    all_found = [found(seed, options.compression, options.order, options.size) for seed in range(options.seeds)]
    print(
        json.dumps(
            {
                "benchmark": "planted",
                "compression": options.compression,
                "least_correlation": round(min(f.correlation for f in all_found), 3),
                "correlation": round(mean(f.correlation for f in all_found), 3),
                "bytes_of_budget": [round(f(x.bytes_of_budget for x in all_found), 3) for f in (min, max)],
                "cost_in_trainings": round(float(np.median([f.cost for f in all_found])), 2),
                "dims": [f.dims for f in all_found],
            }
        )
    )


if __name__ == "__main__":
    main()
