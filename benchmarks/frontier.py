"""Ideas for a table that is worth its bytes, tried on select_val; what they gave stands in frontier.md.

``python -m benchmarks.frontier --data DIR [--study ml-1m-mf] [--compression 4] [--idea slopes]``, where DIR holds
ml-1m/ratings.parquet and frappe/frappe.parquet. Everything learns from the training part alone; the test is not looked
at. Prints one line per trial and one JSON line at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.proof import STUDIES
from benchmarks.studies import HERE
from dnis import training
from dnis.allocation import fit_dims
from dnis.bilevel import search
from dnis.contests import trials
from dnis.pruning import prune
from dnis.schemes import DimensionScheme, make_blocks
from dnis.settings import SearchConfig
from dnis.splits import Split
from dnis.training import train

Trial = tuple[str, dict[str, Any]]
SLOPES = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Exponents t of dimensions proportional to count^t."""


def measured(split: Split, config: SearchConfig, scheme: DimensionScheme | None, **changes: Any) -> dict[str, Any]:
    """Loss on select_val of one masked training, its best epoch and the dimensions per block."""
    found = train(split, config.for_training(**changes), scheme)
    dims = None if scheme is None else [round(float(d), 1) for d in scheme.mean_dims_by_block]
    return {"val": round(found.metrics["val"]["loss"], 5), "epoch": found.best_epoch, "dims": dims}


def wide_epochs(split: Split, config: SearchConfig) -> int:
    """How long a full table trains before select_val gets worse."""
    return train(split, config.for_training(patience=1)).best_epoch


def sloped(split: Split, config: SearchConfig, slope: float, compression: float) -> DimensionScheme:
    """Nested dimensions proportional to count^slope."""
    blocks = make_blocks(split.counts, config.n_blocks, config.blocks, split.train.vocabulary.field_of)
    popularity = np.bincount(blocks, weights=split.counts + 1.0) / np.bincount(blocks)
    n_bytes = int(4 * split.train.n_features * config.embedding_dim / compression)
    return fit_dims(popularity**slope, blocks, config.embedding_dim, n_bytes)


def uniform(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """A narrower table from drawn values: what has to be beaten."""
    width = max(1, int(config.embedding_dim / compression))
    yield f"uniform {width}", measured(split, config, None, embedding_dim=width)


def slopes(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """Slopes set by hand, from drawn values and from a full table that was trained and turned."""
    wide = wide_epochs(split, config)
    for slope in SLOPES:
        scheme = sloped(split, config, slope, compression)
        yield f"slope {slope}, drawn start", measured(split, config, scheme)
        yield f"slope {slope}, turned start", measured(split, config, scheme, wide_epochs=wide)


def shorter(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """The turned start after fewer wide epochs, at a slope of 0.3."""
    scheme = sloped(split, config, 0.3, compression)
    for wide in (1, 2, 4):
        yield f"slope 0.3, turned after {wide}", measured(split, config, scheme, wide_epochs=wide)


def learned(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """Dimensions learned by the budgeted recipe, whose table is then trained from drawn values and as its own began."""
    result = search(split, replace(config, recipe="budget", grain="dimensions", compression=compression))
    scheme = prune(result, threshold=0.0)
    yield "learned, as searched", {"val": round(result.metrics["val"]["loss"], 5), "epoch": result.best_epoch}
    yield "learned, drawn start", measured(split, config, scheme)
    wide = result.retraining.wide_epochs
    yield "learned, turned start", measured(split, config, scheme, wide_epochs=wide)


def grains(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """Whole dimensions and single entries, as searched and trained again: entries with and without alpha, and drawn."""
    for grain in ("dimensions", "entries"):
        result = search(split, replace(config, recipe="budget", grain=grain, compression=compression))
        scheme, wide = prune(result, threshold=0.0), result.retraining.wide_epochs
        yield f"{grain}, as searched", {"val": round(result.metrics["val"]["loss"], 5), "epoch": result.best_epoch}
        yield f"{grain}, wide start", measured(split, config, scheme, wide_epochs=wide)
        if grain == "entries":
            yield (
                "entries, wide start, no alpha",
                measured(split, config, replace(scheme, alpha=None), wide_epochs=wide),
            )
            yield "entries, drawn start", measured(split, config, scheme)


def cost(split: Split, config: SearchConfig, compression: float) -> Iterator[Trial]:
    """What search and retraining take together, in trainings of the full uniform table, all in one run."""
    plain = train(split, config.for_training()).elapsed_s
    for grain in ("dimensions", "either"):
        result = search(split, replace(config, recipe="budget", grain=grain, compression=compression))
        training._wide.cache_clear()  # neither grain may find the other's wide table
        again = train(split, result.retraining, prune(result, threshold=0.0)).elapsed_s
        yield f"{grain}, cost", {"trainings": round((result.elapsed_s + again) / plain, 2)}


IDEAS: dict[str, Callable[[Split, SearchConfig, float], Iterator[Trial]]] = {
    "uniform": uniform, "slopes": slopes, "shorter": shorter, "learned": learned,
    "grains": grains, "cost": cost,
}  # fmt: skip


def main() -> None:
    """Try the ideas asked for."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--study", choices=STUDIES, default="ml-1m-mf")
    ask.add_argument("--compression", type=float, action="append")
    ask.add_argument("--idea", choices=IDEAS, action="append")
    ask.add_argument("--blocks", choices=("equal", "field"), default="equal")
    ask.add_argument("--trial", type=int, choices=(0, 1), default=0, help="which of the study's tuning trials")
    options = ask.parse_args()
    torch.set_num_threads(1)
    study, done = STUDIES[options.study], {}
    split = study.split(options.data)
    if split is not None:
        config = replace(trials(study.config)[options.trial], blocks=options.blocks)
        for compression in options.compression or (4.0,):
            for idea in options.idea or IDEAS:
                for name, found in IDEAS[idea](split, config, compression):
                    done[f"{compression:g}x {name}"] = found
                    print(f"{compression:g}x {name}: {found}", flush=True)
    print(json.dumps({"benchmark": "frontier", "study": options.study, "found": done or "no data"}))


if __name__ == "__main__":
    main()
