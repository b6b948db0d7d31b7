"""What a worker or the command line is sent to do: settings in, a run folder (or what is added to one) out.

An errand tells of its progress by ``emit`` and asks ``Control`` before every epoch whether it may go on. This module loads
no torch: the engine is fetched when an errand starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis import datasets
from dnis.checkpoints import load_checkpoint, save_checkpoint
from dnis.control import Control, Stopped
from dnis.files import plain
from dnis.pruning import prune, sweep
from dnis.reading import DataError
from dnis.runs import Run, add_retrained, add_sweep, load_run, save_run
from dnis.settings import MODELS_BY_TASK, TASK_NAMES, DataSpec, SearchConfig, from_dict

if TYPE_CHECKING:
    from dnis.results import EpochEvent, SearchResult
    from dnis.schemes import DimensionScheme
    from dnis.splits import Split

PLANTED = "sample:planted"
"""The sample whose answer is known."""

Emit = Callable[[dict[str, Any]], None]
"""Told of every step, as a record for JSON with the key ``event``."""


def perform(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    """Do a job.

    Args:
        job: ``kind`` (search, retrain, compare) and what that kind needs; ``threads`` for torch, 1 where not given.
        emit: Told of progress.
        control: Asked before every epoch.

    Returns:
        The last event: ``finished`` with what came out, or ``stopped``.

    Raises:
        ValueError: If the job, its data or its settings are not usable.
    """
    kinds = {"search": _search, "retrain": _retrain, "compare": _compare}
    kind = job.get("kind")
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}; got {kind!r}")
    missing = [name for name in ({"retrain": ("run",)}.get(kind, ("out",))) if not job.get(name)]
    if missing:
        raise ValueError(f"a job of kind {kind!r} needs {missing[0]!r}")
    import torch  # noqa: PLC0415  only now is the engine needed

    torch.set_num_threads(int(job.get("threads", 1)))
    return kinds[kind](job, emit, control)


def split_of(data: DataSpec, task: str | None = None) -> Split:
    """Load data and deal them into the four roles; a ranking leaves the last ones out unless told otherwise.

    Args:
        data: Which data, and how to deal them.
        task: What is to be learnt; what the data allow where None.

    Returns:
        The split.

    Raises:
        ValueError: If ``task`` needs a column that the data do not have.
    """
    interactions = datasets.load(data.source, data.columns)
    own, roles = interactions.task, interactions.roles
    task = task or own
    if task == "topk":
        if roles.user is None or roles.item is None:
            raise ValueError("task 'topk' needs a user and an item column; name them with --user and --item")
        return interactions.split(data.strategy or "leave_last_out", data.seed)
    if task in TASK_NAMES and task != own:
        column = {"rating": "rating", "ctr": "label"}[task]
        raise ValueError(f"task {task!r} needs a {column} column, these data allow {own!r}; name it with --{column}")
    return interactions.split(data.strategy, data.seed)


def split_of_run(run: Run) -> Split:
    """The very split that a run has seen.

    Args:
        run: A finished search.

    Returns:
        The split.

    Raises:
        DataError: If the data are not what they were.
    """
    split = split_of(run.data, run.result.config.task)
    if not np.array_equal(split.counts, run.result.counts):
        raise DataError(
            f"{run.data.source} is not what run {run.id} was made from: "
            f"{len(split.counts):,} features now, {len(run.result.counts):,} then, or other counts"
        )
    return split


def with_defaults(kind: type, values: dict[str, Any], split: Split) -> Any:
    """Settings in which the task follows from the data, and the model from the task, where they are not given.

    Args:
        kind: ``SearchConfig`` or ``CompareConfig``.
        values: What was given.
        split: The data.

    Returns:
        The settings.
    """
    task = values.get("task", split.train.task)
    return from_dict(kind, {"task": task, "model": MODELS_BY_TASK.get(task, ("",))[0], **values})


def cut(result: SearchResult, wanted: dict[str, Any]) -> DimensionScheme:
    """Prune by whichever of threshold, n_values, n_bytes and compression is given; to half of the values if none is.

    Args:
        result: A search.
        wanted: May hold one of the four; compression 4 keeps a quarter of the values.

    Returns:
        The scheme.

    Raises:
        ValueError: If more than one is given, or it is out of its range.
    """
    given = {n: wanted[n] for n in ("threshold", "n_values", "n_bytes", "compression") if wanted.get(n) is not None}
    if len(given) > 1:
        raise ValueError(f"give one of threshold, n_values, n_bytes, compression; got {', '.join(given)}")
    if given.keys() - {"compression"}:
        return prune(result, **given)
    compression = given.get("compression", 2.0)
    if not compression >= 1:
        raise ValueError(f"compression must be at least 1, got {compression}")
    return prune(result, n_values=int(result.embeddings.size / compression))


def _search(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    from dnis.bilevel import Search  # noqa: PLC0415

    data, out = from_dict(DataSpec, job.get("data", {})), Path(job["out"])
    split = split_of(data, job.get("config", {}).get("task"))
    config = with_defaults(SearchConfig, job.get("config", {}), split)
    search = Search(split, config, state=load_checkpoint(out) if job.get("resume") else None)
    stopped = False
    while not search.done:
        if not control.may_go_on():
            stopped = True
            break
        event = search.step()
        if event is not None:
            emit({"event": "epoch", "epochs": config.epochs, **plain(event)})
    if not search.history:
        return {"event": "stopped"}
    result = search.result()
    if stopped:
        note = f"stopped at epoch {len(search.history)} of {config.epochs}"
        result = replace(result, warnings=(*result.warnings, note))
        save_checkpoint(out, *search.state())
    facts = {"planted_rank_correlation": planted_rank_correlation(result, split)} if data.source == PLANTED else {}
    save_run(out, data=replace(data, strategy=split.strategy), result=result, split=split, facts=facts, name=job.get("name", ""))
    # after the run is safe: who stops a search may not wait for the sweep
    add_sweep(out, sweep(result, split))
    return {"event": "stopped" if stopped else "finished", **load_run(out).summary}


def planted_rank_correlation(result: SearchResult, split: Split) -> float:
    """Spearman's rank correlation of learned and planted dimensions per block, at half of the values.

    Args:
        result: A search on ``sample:planted``.
        split: Its four roles.

    Returns:
        The correlation, in [-1, 1].
    """
    from scipy.stats import spearmanr  # noqa: PLC0415  slow to load, and needed for planted data only

    true_dims = datasets.planted().dims_in(split.vocabulary)
    planted = np.bincount(result.block_of, weights=true_dims) / np.bincount(result.block_of)
    learned = cut(result, {}).mean_dims_by_block
    return float(spearmanr(planted, learned).statistic)


def _retrain(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    from dnis.tasks import TASKS  # noqa: PLC0415
    from dnis.training import train  # noqa: PLC0415

    run = load_run(job["run"])
    split, scheme = split_of_run(run), cut(run.result, job)
    config = run.result.config.for_training()

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
    add_retrained(run.folder, record)
    return {"event": "finished", "run": str(run.folder), "retrained": plain(record)}


def _compare(job: dict[str, Any], emit: Emit, control: Control) -> dict[str, Any]:
    raise ValueError("not yet")
