"""200 thresholds on validation and test: one pass against one evaluation per threshold, in one run.

``python -m benchmarks.sweep [--source FILE] [--item COLUMN] [--model MF] [--embedding-dim 64]``

Prints one JSON line; the slow way is measured on a tenth of the thresholds and multiplied.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import torch

from dnis.bilevel import Search
from dnis.preparation import split_of, with_defaults
from dnis.pruning import prune, sweep, sweep_thresholds
from dnis.settings import DataSpec, SearchConfig
from dnis.tasks import TASKS, evaluate


def main() -> None:
    """Search for one epoch, then sweep both ways."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--source", default="sample:movielens-small")
    ask.add_argument("--item", help="column of the item, where its name does not say so")
    ask.add_argument("--model", default="MF")
    ask.add_argument("--embedding-dim", type=int, default=64)
    options = ask.parse_args()
    torch.set_num_threads(1)
    columns = (("item", options.item),) if options.item else ()
    split = split_of(DataSpec(options.source, columns, "random"), None, options.model)
    values = {"model": options.model, "embedding_dim": options.embedding_dim, "epochs": 1, "warm_epochs": 0}
    search = Search(split, with_defaults(SearchConfig, values, split))
    search.step()
    result = search.result()
    thresholds = sweep_thresholds(result, 188)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    table = sweep(result, split, thresholds)
    fast_s = time.perf_counter() - started
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    some, worst = slice(None, None, 10), 0.0
    metric = TASKS[result.config.task].metric
    started = time.perf_counter()
    for row in table[some].itertuples():
        scheme = prune(result, threshold=row.threshold)
        assert scheme.n_bytes == row.n_bytes
        for part, found in ((split.select_val, row.val), (split.test, row.test)):
            worst = max(worst, abs(evaluate(result.fitted(scheme.mask), part, split.train)[metric] - found))
    slow_s = (time.perf_counter() - started) * len(table) / len(table[some])
    record = {
        "benchmark": "sweep",
        "source": options.source.rsplit("/", 1)[-1],
        "model": options.model,
        "n_judged": len(split.select_val) + len(split.test),
        "n_thresholds": len(np.unique(thresholds)),
        "seconds": round(fast_s, 3),
        "ratio_to_evaluations": round(slow_s / fast_s, 1),
        "worst_difference": float(f"{worst:.2g}"),
        "peak_memory_grown_mb": round(grown_mb, 1),
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
