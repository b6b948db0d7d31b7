"""What a worker or the command line is sent to do: settings in, a run folder (or what is added to one) out.

An errand tells of its progress by ``emit`` and asks ``Control`` before every epoch whether it may go on. This module
loads no torch: the engine is fetched when an errand starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.additions import drop_additions
from dnis.checkpoints import drop_checkpoint, held, load_checkpoint, save_checkpoint
from dnis.control import Control, Stopped
from dnis.files import plain
from dnis.preparation import cut, planted_rank_correlation, refuse_other_run, split_of, split_of_run, with_defaults
from dnis.pruning import sweep
from dnis.ranges import check_range
from dnis.results import STOPPED, SearchResult
from dnis.runs import add_controls, add_retrained, add_sweep, load_run, save_comparison, save_run
from dnis.schemes import make_blocks
from dnis.settings import CompareConfig, DataSpec, SearchConfig, from_dict
from dnis.stopping import DivergedError

if TYPE_CHECKING:
    import pandas as pd

    from dnis.bilevel import Search
    from dnis.results import EpochEvent
    from dnis.splits import Split

PLANTED = "sample:planted"
"""The sample whose answer is known."""

Emit = Callable[[dict[str, Any]], None]
"""Told of every step, as a record for JSON with the key ``event``."""


def perform(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    """Do a job.

    Args:
        job: ``kind`` (search, retrain, compare) and its needs; ``threads``, ``processes``, ``tables``, ``device``.
        emit: Told of progress.
        control: Asked before every epoch.

    Returns:
        The last event: ``finished`` with what came out, or ``stopped``.

    Raises:
        ValueError: If the job, its data or its settings are not usable.
    """
    kind, kinds = job.get("kind"), {"search": _search, "retrain": _retrain, "compare": _compare}
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}; got {kind!r}")
    if not job.get(place := "run" if kind == "retrain" else "out"):
        raise ValueError(f"a job of kind {kind!r} needs {place!r}")
    for name in ("threads", "processes"):
        check_range(name, job.get(name, 1), 1, 256)
    import torch  # noqa: PLC0415  only now is the engine needed

    from dnis.processes import joined  # noqa: PLC0415

    torch.set_num_threads(job.get("threads", 1))
    device = "cpu" if kind == "compare" else job.get("device", "auto")  # its methods are compared on equal machines
    with joined(job.get("tables", "rows"), device, job.get("mixed_precision", False)) as group:
        if group.world > 1 and kind == "compare":
            raise ValueError(f"compare works in one process at a time, got {group.world}; start it without torchrun")
        control.agree = group.agree
        return kinds[kind](job, emit if group.rank == 0 else lambda event: None, control)


def _is_first() -> bool:
    from dnis.processes import current  # noqa: PLC0415

    return current().rank == 0


def _search(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    # of several processes the first one alone writes
    with held(job["out"]) if _is_first() else nullcontext():
        return _searched(job, emit, control)


def _searched(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    from dnis.bilevel import Search  # noqa: PLC0415
    from dnis.processes import current  # noqa: PLC0415

    data, out = from_dict(DataSpec, job.get("data", {})), Path(job["out"])
    split = split_of(data, *(job.get("config", {}).get(name) for name in ("task", "model")))
    config = with_defaults(SearchConfig, job.get("config", {}), split)
    state = load_checkpoint(out, current().place, split.digest) if job.get("resume") else None
    search = Search(split, config, state=state)
    usual = {"name": "", "controls": True, "mixed_precision": False}
    kept = {"data": data, "config": config, **{name: job.get(name, value) for name, value in usual.items()}}
    record = {"job": plain(kept), "digest": split.digest}
    finished = _run_epochs(search, emit, control, lambda: _checkpoint(out, search, record))
    if not search.history:
        if _is_first():
            drop_checkpoint(out)
        return {"event": "stopped"}
    result = search.result()
    if not finished:
        result = replace(result, warnings=(*result.warnings, f"{STOPPED} {len(search.history)} of {config.epochs}"))
    if _is_first():
        _keep(job, replace(data, strategy=split.strategy), result, split)
        # the run is safe now: who stops a search need not wait for what is measured on it
        emit({"event": "saved", "run": str(out)})
        add_sweep(out, sweep(result, split))
        if finished:
            drop_checkpoint(out)
    controls = _controls(config, split, emit, control) if finished and job.get("controls", True) else {}
    event = {"event": "finished" if finished else "stopped"}
    if not _is_first():
        return event
    add_controls(out, controls)
    return {**event, **load_run(out).summary}


def _keep(job: dict[str, Any], data: DataSpec, result: SearchResult, split: Split) -> None:
    mixed = {"mixed_precision": True} if job.get("mixed_precision") else {}
    facts = {"planted_rank_correlation": planted_rank_correlation(result, split)} if data.source == PLANTED else {}
    drop_additions(job["out"])
    save_run(job["out"], data=data, result=result, split=split, facts=mixed | facts, name=job.get("name", ""))


def _run_epochs(search: Search, emit: Emit, control: Control, keep: Callable[[], None]) -> bool:
    """Step a search to its end, keeping its state before the first epoch and after each; False if told to stop."""
    # what an earlier worker ran is told again, so that who watches sees the whole course
    for event in search.history:
        emit({"event": "epoch", "epochs": search.config.epochs, **plain(event)})
    keep()
    while not search.done:
        if not control.may_go_on():
            return False
        try:
            event = search.step(control.heed)
        except Stopped:
            return False
        keep()
        if event is not None:
            emit({"event": "epoch", "epochs": search.config.epochs, **plain(event)})
    return True


def _checkpoint(out: Path, search: Search, record: dict[str, Any]) -> None:
    group, (arrays, meta) = search.trainer.network.group, search.state()
    save_checkpoint(out, arrays, {**meta, **record}, group.place, lambda: group.agree(False))


def _controls(config: SearchConfig, split: Split, emit: Emit, control: Control) -> dict[str, pd.DataFrame]:
    """The sweep of a table whose alpha stood still at 1; without it a curve says nothing about alpha.

    Plain training cut by magnitude and a search with frozen alpha take the same steps, so one stands for both.

    Returns:
        The sweep under the name ``magnitude``; nothing if the training diverged or was stopped.
    """
    from dnis.training import train  # noqa: PLC0415

    def hear(event: EpochEvent) -> None:
        emit({"event": "control", "epoch": event.epoch, "epochs": config.epochs})
        if not control.may_go_on():
            raise Stopped

    try:
        model = train(split, config.for_training(), None, hear).model
    except (DivergedError, Stopped):
        return {}  # the search itself is done and saved; a control that cannot be had does not undo it
    if not _is_first():
        return {}
    blocks = make_blocks(split.counts, config.n_blocks, config.blocks, split.vocabulary.field_of)
    ones = np.ones((int(blocks.max()) + 1, config.embedding_dim), dtype=np.float32)
    held = SearchResult(config, model.embeddings, model.biases, model.dense, ones, blocks, split.counts)
    return {"magnitude": sweep(held, split)}


def _retrain(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    from dnis.tasks import TASKS  # noqa: PLC0415
    from dnis.training import train  # noqa: PLC0415

    run = load_run(job["run"])
    split, scheme = split_of_run(run), cut(run.result, job)
    config = run.result.retraining

    def listen(phase: str, epochs: int) -> Callable[[EpochEvent], None]:
        def hear(event: EpochEvent) -> None:
            emit({"event": "epoch", "epochs": epochs, **plain(event), "phase": phase})
            if not control.may_go_on():
                raise Stopped

        return hear

    started_s = time.perf_counter()
    try:
        # how long to train is chosen on select_val; the final model then learns from everything but test (equal data)
        chosen = train(split, config, scheme, listen("select", config.epochs))
        config = replace(config, epochs=chosen.best_epoch)
        final = train(split, config, scheme, listen("retrain", config.epochs), data="development")
    except Stopped:
        return {"event": "stopped"}
    metric = TASKS[config.task].metric
    record = {
        "threshold": scheme.threshold,
        **{name: getattr(scheme, name) for name in ("n_values", "n_bytes", "sparsity")},
        "mean_dims_by_block": scheme.mean_dims_by_block,
        "metric": metric,
        "val": chosen.metrics["val"][metric],
        "test": final.metrics["test"][metric],
        "metrics": {"val": chosen.metrics["val"], "test": final.metrics["test"]},
        "epochs": config.epochs,
        "elapsed_s": time.perf_counter() - started_s,
    }
    if _is_first():
        add_retrained(run.folder, record)
    return {"event": "finished", "run": str(run.folder), "retrained": plain(record)}


def _compare(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    from dnis.comparison import CellStore, Contest, compare, estimate_s  # noqa: PLC0415

    values, data, out = job.get("config", {}), from_dict(DataSpec, job.get("data", {})), Path(job["out"])
    shared = values.get("search", {})
    split = split_of(data, shared.get("task"), shared.get("model"))
    refuse_other_run(out, split, data)
    config, method = with_defaults(CompareConfig, values, split), job.get("method")

    def hear(cell: dict[str, Any]) -> None:
        emit({"event": "cell", **plain(cell)})
        if not control.may_go_on():
            raise Stopped

    try:
        # finished cells lie beside the comparison, so that one that was stopped goes on where it was
        if method is not None:  # one method's share, which leaves its cells for who puts the comparison together
            rows = Contest(split, config, CellStore(out, split), hear).run(method)
            return {"event": "finished", "run": str(out), "losses": [row["val"] for row in rows]}
        n_processes = job.get("processes", 1)
        emit({"event": "estimate", "seconds": estimate_s(split, config) / n_processes})
        found = compare(split, config, hear, out, n_processes)
    except Stopped:
        return {"event": "stopped"}
    save_comparison(out, found)
    return {"event": "finished", "run": str(out), **plain(found)}
