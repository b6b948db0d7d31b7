"""The commands: each takes parsed options and gives back one record for JSON, and the same as text for people."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dnis.bulk import prepare as prepare_log
from dnis.checkpoints import CHECKPOINT, read_record
from dnis.control import Control
from dnis.errands import perform
from dnis.exports import csv_bytes, npz_arrays, npz_bytes, packed_zip, projector_zip, run_zip, scheme_frame
from dnis.files import plain, write_whole
from dnis.options import CUTS, MACHINE, data_of, new_folder, settings_of
from dnis.preparation import cut, split_of, split_of_run
from dnis.prepared import is_prepared
from dnis.progress import Progress, stop_on_interrupt
from dnis.pruning import sweep as measure_sweep
from dnis.recipes import script, settings_json
from dnis.runs import load_run
from dnis.settings import CompareConfig, DataSpec, SearchConfig

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

Answer = tuple[dict[str, Any], str]
"""One record for JSON, and its text."""

COMPARED = ("method", "compression", "embedding_dim", "n_bytes", "mean", "sd", "difference", "low", "high")
"""Columns of a comparison that a terminal has room for."""

EXPORTS: dict[str, Callable[[Run, DimensionScheme], bytes]] = {
    "packed": packed_zip,
    "scheme": lambda run, scheme: csv_bytes(scheme_frame(run, scheme)),
    "npz": lambda run, scheme: npz_bytes(npz_arrays(run, scheme)),
    "projector": projector_zip,
    "settings": lambda run, scheme: settings_json(run, scheme.threshold or 0.0).encode(),
    "script": lambda run, scheme: script(run, scheme.threshold or 0.0).encode(),
    "run": lambda run, scheme: run_zip(run.folder),
}
"""What ``export`` can write, and how its bytes are made."""


def prepare(options: argparse.Namespace) -> Answer:
    """Deal and encode a log bigger than memory, to be searched from disk."""
    data = DataSpec("", getattr(options, "columns", ()), options.strategy, options.seed, options.core)
    found = prepare_log(options.files, options.out, data, options.memory_mb, tell=say)
    record = plain({"prepared": options.out, **found})
    return record, "\n".join(f"{name}: {_readable(value)}" for name, value in record.items())


def search(options: argparse.Namespace) -> Answer:
    """Search the dimensions of every feature."""
    job = {
        "kind": "search",
        "data": asdict(data_of(options)),
        "config": settings_of(options, SearchConfig),
        "out": new_folder(options),
        "name": options.name,
        "controls": options.controls,
    }
    return _searched(job, options)


def resume(options: argparse.Namespace) -> Answer:
    """Take up a search that was stopped."""
    job = (read_record(options.run) or {}).get("job", {})
    if not job or (options.run / "run.json").is_file():  # else it was killed before it could write a run
        run = load_run(options.run)
        if not (run.result.stopped or (run.folder / CHECKPOINT).exists()):
            raise ValueError(f"the search of {run.folder} is finished: there is nothing to resume")
        job |= {"data": asdict(run.data), "config": asdict(run.result.config), "name": run.name}
    return _searched({**job, "kind": "search", "out": options.run, "resume": True}, options)


def _searched(job: dict[str, Any], options: argparse.Namespace) -> Answer:
    found = _perform(job, options)
    if "metrics" not in found:
        raise ValueError("stopped before the first epoch was over; nothing was kept")
    size, course = f"{found['n_interactions']:,} interactions", f"{found['epochs']} epochs, {found['elapsed_s']:.1f} s"
    lines = [f"{found['model']} on {size}, {course}"]
    lines += [f"{part:>5}  {_numbers(metrics)}" for part, metrics in found["metrics"].items()]
    lines += [f"alpha by block, most frequent first: {' '.join(f'{a:.2f}' for a in found['alpha_mean_by_block'])}"]
    lines += [*found["warnings"], f"run: {found['run']}"]
    return found, "\n".join(lines)


def sweep(options: argparse.Namespace) -> Answer:
    """Measure what every threshold costs."""
    run = load_run(options.run)
    points = run.sweep
    if points is None or options.thresholds:
        points = measure_sweep(run.result, split_of_run(run), options.thresholds)
    record = {"run": run.folder, "task": run.result.config.task, "points": points.to_dict("records")}
    return plain(record), points.to_string(index=False)


def prune(options: argparse.Namespace) -> Answer:
    """Say what stays when the table is cut."""
    run = load_run(options.run)
    scheme = cut(run.result, _cut_of(options))
    record = {
        "run": run.folder,
        "threshold": scheme.threshold,
        **{n: getattr(scheme, n) for n in ("sparsity", "n_values", "n_bytes", "layout", "bytes_by_layout")},
        "mean_dims_by_block": scheme.mean_dims_by_block,
    }
    text = (
        f"threshold {scheme.threshold:.6g} keeps {scheme.n_values:,} of {scheme.mask.size:,} values, "
        f"{scheme.n_bytes:,} bytes as {scheme.layout} (index included)\n"
        f"dimensions by block, most frequent first: {' '.join(f'{d:.1f}' for d in scheme.mean_dims_by_block)}"
    )
    return plain(record), text


def retrain(options: argparse.Namespace) -> Answer:
    """Train again with the pruned table, on everything but test."""
    done = _perform({"kind": "retrain", "run": options.run, **_cut_of(options)}, options)
    if "retrained" not in done:
        raise ValueError("stopped before the training was over; nothing was kept")
    point = done["retrained"]
    text = (
        f"kept {point['n_values']:,} values, {point['n_bytes']:,} bytes; "
        f"val {point['metric']} {point['val']:.4f}, test {point['metric']} {point['test']:.4f} after retraining"
    )
    return {"run": done["run"], **point}, text


def compare(options: argparse.Namespace) -> Answer:
    """Compare with uniform dimensions at equal data and equal tuning."""
    job = {
        "kind": "compare",
        "data": asdict(data_of(options)),
        "config": {**settings_of(options, CompareConfig), "search": settings_of(options, SearchConfig)},
        "out": options.out or new_folder(options),
    }
    done = _perform(job, options)
    if "rows" not in done:
        raise ValueError(f"stopped; finished cells are kept, go on with --out {job['out']}")
    rows = pd.DataFrame(done["rows"])[list(COMPARED)]
    return done, "\n".join([rows.to_string(index=False), *done["verdict"]])


def inspect(options: argparse.Namespace) -> Answer:
    """Say what is in data, or in a run."""
    if Path(options.source).is_dir() and not is_prepared(options.source):
        run = load_run(options.source)
        record = {**run.summary, "name": run.name, "data": run.data, "facts": run.facts, "retrained": run.retrained}
    else:
        record = _data_facts(options)
    record = plain(record)
    return record, "\n".join(f"{name}: {_readable(value)}" for name, value in record.items())


def _data_facts(options: argparse.Namespace) -> dict[str, Any]:
    data = data_of(options)
    split = split_of(data)
    vocabulary = split.vocabulary
    n = sum(len(part) for part in split.parts.values())
    return {
        "data": data.source,
        "task": split.train.task,
        "roles": split.train.roles,
        "n_interactions": n,
        "n_features": split.train.n_features,
        "n_users": split.train.n_users,
        "n_items": split.train.n_items,
        "n_by_field": {f: len(v) - 1 for f, v in zip(vocabulary.fields, vocabulary.values, strict=True)},
        "split": split.strategy,
        "n_by_part": {name: len(part) for name, part in split.parts.items()},
        "unknown": split.unknown,
        "notes": split.train.notes,
    }


def export(options: argparse.Namespace) -> Answer:
    """Write a run, or what a cut keeps of it, for other programs."""
    run = load_run(options.run)
    content = EXPORTS[options.what](run, cut(run.result, _cut_of(options)))
    write_whole(options.out, content)
    return plain({"run": run.folder, "what": options.what, "file": options.out, "n_bytes": len(content)}), str(
        options.out
    )


def say(step: str) -> None:
    """Tell a person at the terminal what is being done.

    Args:
        step: What.
    """
    sys.stderr.write(f"{step}\n")


def _cut_of(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in CUTS}


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_readable(item)}" for name, item in value.items() if item not in (None, [], {}))
    if isinstance(value, list):
        return " ".join(map(_readable, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _numbers(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if value is not None)


def _perform(job: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    control = Control()
    job |= {name: getattr(options, name) for name in MACHINE if hasattr(options, name)}
    with stop_on_interrupt(control), Progress() as progress:
        done = perform(job, progress, control)
    if int(os.environ.get("RANK", "0")):
        sys.exit(0)  # of several processes under torchrun the first one says what came out
    return {name: value for name, value in done.items() if name != "event"}
