"""What an errand needs before it starts: data dealt into their roles, settings with their defaults, a table cut."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis import datasets
from dnis.presets import preset
from dnis.pruning import prune
from dnis.reading import DataError
from dnis.settings import (
    DEFAULTS_BY_TASK,
    TASK_NAMES,
    CompareConfig,
    DataSpec,
    SearchConfig,
    check_choice,
    from_dict,
)

if TYPE_CHECKING:
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
    interactions = datasets.load(data.source, data.columns)
    own, roles = interactions.task, interactions.roles
    task = task or own
    if task == "topk":
        if roles.user is None or roles.item is None:
            raise ValueError("task 'topk' needs a user and an item column; name them with --user and --item")
        return interactions.of_users_and_items().split(data.strategy or "leave_last_out", data.seed)
    if task in TASK_NAMES and task != own:
        column = {"rating": "rating", "ctr": "label"}[task]
        raise ValueError(f"task {task!r} needs a {column} column, these data allow {own!r}; name it with --{column}")
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
    split = split_of(run.data, run.result.config.task, run.result.config.model)
    if not np.array_equal(split.counts, run.result.counts):
        raise DataError(
            f"{run.data.source} is not what run {run.id} was made from: "
            f"{len(split.counts):,} features now, {len(run.result.counts):,} then, or other counts"
        )
    return split


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
    # about seventy steps an epoch, whatever the data's size: alpha moves lr_alpha a step
    defaults["batch_size"] = 2 ** int(np.clip(round(np.log2(max(len(split.train), 1) / 70)), 6, 12))
    if task == "rating" and len(split.vocabulary.fields) > 2:
        defaults["model"] = "FM"
    return from_dict(kind, {**defaults, **values})


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
