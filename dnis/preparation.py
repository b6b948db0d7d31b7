"""What an errand needs before it starts: data dealt into their roles, settings with their defaults, a table cut."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis import datasets
from dnis.prepared import is_prepared, load_prepared
from dnis.presets import preset
from dnis.pruning import prune
from dnis.ranges import check_choice
from dnis.reading import DataError
from dnis.runs import load_run
from dnis.settings import (
    DEFAULTS_BY_TASK,
    TASK_NAMES,
    CompareConfig,
    DataSpec,
    SearchConfig,
    from_dict,
)

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.prepared import StoredSplit
    from dnis.results import SearchResult
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme
    from dnis.splits import Split


def split_of(data: DataSpec, task: str | None = None, model: str | None = None) -> Split:
    """Load data and deal them into the four roles; a ranking leaves the last ones out unless told otherwise.

    Args:
        data: Which data, and how to deal them.
        task: What is to be learnt; what the data allow where None.
        model: Which model will read them; MF and rankings read user and item alone.

    Returns:
        The split.

    Raises:
        ValueError: If ``task`` needs a column that the data do not have.
    """
    prepared = load_prepared(data) if is_prepared(data.source) else None
    if prepared and data.core:
        raise ValueError(f"core must be 0 for a prepared log, which is taken as it is; got {data.core}")
    interactions = prepared.train if prepared else datasets.load(data.source, data.columns, data.core)
    return dealt(interactions, data, task, model, prepared)


def dealt(
    interactions: Interactions,
    data: DataSpec,
    task: str | None = None,
    model: str | None = None,
    prepared: StoredSplit | None = None,
) -> Split:
    """The same for data that are loaded already.

    Args:
        interactions: The data.
        data: How to deal them.
        task: What is to be learnt; what the data allow where None.
        model: Which model will read them; MF and rankings read user and item alone.
        prepared: The split that the data were prepared with, where they were.

    Returns:
        The split.

    Raises:
        ValueError: If ``task`` needs a column that the data do not have.
    """
    own, roles = interactions.task, interactions.roles
    task = task or own
    if task == "topk":
        if roles.user is None or roles.item is None:
            raise ValueError("task 'topk' needs a user and an item column; name them with --user and --item")
        if prepared:
            return prepared.of_users_and_items()
        return interactions.of_users_and_items().split(data.strategy or "leave_last_out", data.seed)
    if task in TASK_NAMES and task != own:
        column = {"rating": "rating", "ctr": "label"}[task]
        raise ValueError(f"task {task!r} needs a {column} column, these data allow {own!r}; name it with --{column}")
    if prepared:
        return prepared.of_users_and_items() if model == "MF" else prepared
    if model == "MF":
        interactions = interactions.of_users_and_items()
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
    return same_data(split_of(run.data, run.result.config.task, run.result.config.model), run)


def same_data(split: Split, run: Run) -> Split:
    """A split, refused where it is not what a run has seen.

    Args:
        split: The data of the run, as they are now.
        run: A finished search.

    Returns:
        The split.

    Raises:
        DataError: If the data are not what they were.
    """
    if not np.array_equal(split.counts, run.result.counts):
        raise DataError(
            f"{run.data.source} is not what run {run.id} was made from: "
            f"{len(split.counts):,} features now, {len(run.result.counts):,} then, or other counts"
        )
    return split


def refuse_other_run(folder: Path, split: Split, data: DataSpec) -> None:
    """Refuse a folder whose run is of other data: what is put there would show as that run's result.

    Args:
        folder: Where something is to be added; it need not be there.
        split: What it is made from.
        data: How these data are called.

    Raises:
        DataError: If a run of other data is there, or of the same dealt otherwise.
    """
    if not (folder / "run.json").is_file():
        return
    run = load_run(folder)
    if not np.array_equal(split.counts, run.result.counts):
        raise DataError(
            f"{folder} holds a run that was made from {run.data.source}, not from {data.source} as dealt here; "
            "name another folder"
        )


def with_defaults(kind: type[SearchConfig | CompareConfig], values: dict[str, Any], split: Split) -> Any:
    """Settings in which the task follows from the data, and the rest from the task, where they are not given.

    Args:
        kind: ``SearchConfig``, or ``CompareConfig`` with the shared settings under ``search``.
        values: What was given; ``preset`` names a set of settings under it.
        split: The data.

    Returns:
        The settings.
    """
    if kind is CompareConfig:
        return from_dict(
            kind, {**values, "search": asdict(with_defaults(SearchConfig, values.get("search", {}), split))}
        )
    values = {**preset(values.get("preset", "default")), **values}
    values.pop("preset", None)
    task = values.get("task", split.train.task)
    check_choice("task", task, TASK_NAMES)
    defaults = {"task": task, **DEFAULTS_BY_TASK[task]}
    return from_dict(kind, {**defaults, **fitting(split.train, task, len(split.train)), **values})


def fitting(interactions: Interactions, task: str, n_train: int) -> dict[str, Any]:
    """Settings that follow from the data alone.

    Args:
        interactions: The data, whole or in part.
        task: What is to be learnt.
        n_train: Rows of the training part.

    Returns:
        ``batch_size``, and ``model`` where the task's usual one cannot read these data or would leave fields aside.
    """
    # about seventy steps an epoch, whatever the data's size: alpha moves lr_alpha a step
    found: dict[str, Any] = {"batch_size": 2 ** int(np.clip(round(np.log2(max(n_train, 1) / 70)), 6, 12))}
    if task == "rating" and (len(interactions.vocabulary.fields) > 2 or not has_pair(interactions)):
        found["model"] = "FM"
    return found


def has_pair(interactions: Interactions) -> bool:
    """Whether a user and an item column are named, which some models and every ranking need.

    Args:
        interactions: The data.

    Returns:
        True where both are.
    """
    return interactions.roles.user is not None and interactions.roles.item is not None


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
