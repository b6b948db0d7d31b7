"""Judge methods fairly: equal data, equal tuning, equal bytes, several seeds, paired intervals (METHOD section 4)."""

from __future__ import annotations

import tempfile
import time
from contextlib import nullcontext
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.baselines import BASELINES
from dnis.cells import CellStore
from dnis.contests import Contest, OnCell
from dnis.crew import fill
from dnis.intervals import Outcomes
from dnis.results import Comparison
from dnis.selection import UniformSelection
from dnis.settings import CompareConfig
from dnis.stopping import DivergedError
from dnis.tasks import TASKS
from dnis.training import Trainer
from dnis.verdicts import few_units, judged_rows, lost_seeds, verdict

if TYPE_CHECKING:
    from dnis.splits import Split

TIMED_STEPS = 8
"""Training steps measured for the estimate of time."""


def estimate_s(split: Split, config: CompareConfig) -> float:
    """Expected duration [s], from the measured speed of a few batches.

    Args:
        split: The four roles.
        config: What to compare.

    Returns:
        Seconds on this machine; trainings are taken to last as long as 12 epochs.
    """
    trainer = Trainer(split.train, config.search, UniformSelection())
    batches = chain.from_iterable(trainer.feed.batches(epoch) for epoch in count(1))
    trainer.step(next(batches))
    started = time.perf_counter()
    for batch in islice(batches, TIMED_STEPS):
        trainer.step(batch)
    per_epoch = (time.perf_counter() - started) / TIMED_STEPS * -(-len(split.train) // config.search.batch_size)
    proposals = sum(BASELINES[m].cost(len(config.compressions)) for m in config.methods)
    per_trial = len(config.methods) * len(config.compressions) + proposals
    return 1.3 * 12 * per_epoch * per_trial * (config.n_trials + len(config.seeds))


def compare(
    split: Split,
    config: CompareConfig,
    on_event: OnCell | None = None,
    folder: str | Path | None = None,
    n_processes: int = 1,
) -> Comparison:
    """Compare methods at equal data, tuning and bytes.

    Args:
        split: The four roles; every final model learns from everything but ``test``.
        config: Methods, compressions, seeds, trials.
        on_event: Called with a record after every cell: done, n_cells, method, kind; may raise to stop.
        folder: Where finished cells are kept, so that a stopped comparison goes on; None keeps them until it is over.
        n_processes: How many processes compute cells, each with as many threads as this one; the numbers stay the same.

    Returns:
        Rows, frontier and verdict; a final training that diverges is left out of its row, and the verdict says so.

    Raises:
        DataError: If the metric is AUC and the test part holds one label only.
        DivergedError: If every trial diverges, or every final training.
    """
    started = time.perf_counter()
    task = TASKS[config.search.task]
    rows_of_all = _rows(split, config, on_event, folder, n_processes)
    found = [row for row in rows_of_all if row["cells"]]
    if not found:
        what = "final training" if any(np.isfinite(row["val"]) for row in rows_of_all) else "trial"
        raise DivergedError(f"every {what} diverged; lower lr (now {config.search.lr:g})")
    outcomes = outcomes_of([row["cells"] for row in found], split, task.metric)
    labels = {name: kind.label for name, kind in BASELINES.items()}
    rows = judged_rows(found, outcomes, config, labels, task.higher_is_better)
    return Comparison(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        task=config.search.task,
        model=config.search.model,
        full_bytes=4 * split.train.n_features * config.search.embedding_dim,
        rows=tuple(rows),
        verdict=(
            *verdict(rows, task.metric, task.higher_is_better),
            *few_units(outcomes),
            *lost_seeds(rows_of_all, labels),
        ),
        config=config,
        elapsed_s=time.perf_counter() - started,
    )


def outcomes_of(cells: list[list[dict[str, Any]]], split: Split, metric: str) -> list[Outcomes]:
    """What happened on the test rows, ready to be set against each other.

    Args:
        cells: Finished cells of one row of a comparison, one per seed, for every row.
        split: The four roles; test rows of one user are drawn together.
        metric: Name of the metric.

    Returns:
        Outcomes, in the same order.
    """
    target, unit = split.test.target, split.test_units
    return [Outcomes(np.stack([c["outcomes"] for c in those]), target, unit, metric) for those in cells]


def _rows(
    split: Split, config: CompareConfig, on_event: OnCell | None, folder: str | Path | None, n_processes: int
) -> list[dict[str, Any]]:
    """Rows of all methods, computed here or by a crew, which leaves its cells in the folder."""
    if n_processes == 1:
        contest = Contest(split, config, CellStore(folder, split), on_event)
        return [row for method in config.methods for row in contest.run(method)]
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(str(folder)) as place:
        store = CellStore(place, split)
        fill(Contest(split, config, store, on_event), Path(place), n_processes)
        contest = Contest(split, config, store, None)
        return [row for method in config.methods for row in contest.run(method)]
