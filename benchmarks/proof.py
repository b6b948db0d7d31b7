"""Is the budgeted recipe worth choosing at every budget? Ten studies, six methods and a control. Resumable.

Six more put the published claim alone to the test (``claim-...``): 2x on ratings and 20x on clicks without loss, for
the six models of the paper.

``python -m benchmarks.proof --data DIR --study ml-1m-mf --write benchmarks/PROOF.md``, where DIR holds ml-1m, frappe,
movietweetings-100k and criteo-kaggle-10k as the studies below name their files; Adult is a bundled sample. With
``--only METHOD`` it fills in the cells of that method alone; with ``--finished`` it computes nothing and writes the
tables of what is complete.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.studies import Study, run
from dnis.comparison import outcomes_of
from dnis.contests import Contest
from dnis.intervals import Outcomes, paired_difference
from dnis.settings import CompareConfig, SearchConfig
from dnis.tasks import TASKS

METHODS = ("uniform", "dnis", "dnis-fit", "uniform-turned", "gradual", "random", "mde", "pep")
RATING = CompareConfig(
    SearchConfig(batch_size=4096, lr=2e-3, l2=0.05, epochs=80, patience=3, warm_epochs=8),
    METHODS,
    (1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
    (0, 1, 2, 3, 4),
    n_trials=2,
)
CLICKS = replace(
    RATING,
    search=SearchConfig("FM", "ctr", batch_size=4096, lr=2e-2, l2=2e-3, epochs=40, patience=2, warm_epochs=2),
    compressions=(1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 32.0),
)
MOVIES = (("item", "movie_id"),)


def _with(base: CompareConfig, **settings: object) -> CompareConfig:
    """The same comparison with other settings of the search."""
    return replace(base, search=replace(base.search, **settings))


def _movielens(model: str, **settings: object) -> Study:
    title = f"MovieLens-1M, rating, {model}, random 70/10/10/10"
    return Study(title, "ml-1m/ratings.parquet", "random", _with(RATING, model=model, **settings), MOVIES)


def _frappe(model: str, **settings: object) -> Study:
    title = f"Frappe, clicks, {model}, the data's own split"
    return Study(title, "frappe/frappe.parquet", "column", _with(CLICKS, model=model, **settings))


STUDIES = {
    "ml-1m-mf": _movielens("MF"),
    "frappe-fm": _frappe("FM"),
    "ml-1m-mlp": _movielens("MLP"),
    "ml-1m-neumf": _movielens("NeuMF"),
    "frappe-widedeep": _frappe("WideDeep"),
    "frappe-deepfm": _frappe("DeepFM"),
    "ml-1m-topk-mf": Study(
        "MovieLens-1M, ranking of all items, MF, every user's last ratings left out",
        "ml-1m/ratings.parquet",
        "leave_last_out",
        _with(RATING, task="topk", lr=5e-3, l2=1e-2, epochs=60, patience=5),
        MOVIES,
    ),
    "movietweetings-mf": Study(
        "MovieTweetings-100k, rating, MF, each user's ratings in order of time",
        "movietweetings-100k/ratings.parquet",
        "time",
        _with(RATING, batch_size=1024),
        MOVIES,
    ),
    "criteo-fm": Study(
        "Criteo, 10,000 rows, clicks, FM, random 70/10/10/10",
        "criteo-kaggle-10k/criteo.parquet",
        "random",
        _with(CLICKS, batch_size=512, lr=2e-3, l2=1e-2),
    ),
    "adult-fm": Study(
        "Adult, incomes, FM, random 70/10/10/10", "sample:adult", "random", _with(CLICKS, batch_size=1024, lr=2e-3)
    ),
}
CLAIMED = {"rating": 2.0, "ctr": 20.0}
"""The compression that the paper finds to cost nothing, by task."""


def _claim(study: Study) -> Study:
    """The full uniform table against one cut at the end, at the claimed compression alone."""
    config = replace(study.config, methods=("uniform", "dnis"), compressions=(1.0, CLAIMED[study.config.search.task]))
    return replace(study, title=f"The published claim: {study.title}", config=config)


STUDIES |= {
    f"claim-{name}": _claim(STUDIES[name])
    for name in ("ml-1m-mf", "ml-1m-mlp", "ml-1m-neumf", "frappe-fm", "frappe-widedeep", "frappe-deepfm")
}

Found = dict[tuple[str, float], Outcomes]
"""Outcomes by method and compression."""


def remarks(study: Study, contest: Contest) -> list[str]:
    """What the budgeted recipe brings within each budget, and whether the published claim holds."""
    config, task = contest.config, TASKS[contest.config.search.task]
    methods = {"uniform", "dnis", "dnis-fit"} & set(config.methods)
    rows = [row for method in sorted(methods) for row in contest.run(method) if row["cells"]]
    cells = {(row["method"], row["compression"]): row["cells"] for row in rows}
    found = dict(zip(cells, outcomes_of(list(cells.values()), contest.split, task.metric), strict=True))
    smaller = CLAIMED.get(config.search.task, 0.0)
    said = _sentences(found, config, smaller, task.higher_is_better)
    if task.metric == "auc":
        said += _sentences({key: _logloss(scores) for key, scores in found.items()}, config, smaller, False)
    return said


def _sentences(found: Found, config: CompareConfig, smaller: float, higher_is_better: bool) -> list[str]:
    said, sizes = [], config.compressions
    for size in sizes:
        if ("dnis-fit", size) in found:
            best = _best_uniform(found, [s for s in sizes if s >= size], higher_is_better)
            compared = _against(found["dnis-fit", size], best, config.n_bootstrap, higher_is_better)
            said.append(f"Within the budget of {size:g}x, DNIS, fit, against the best uniform table: {compared}")
    if ("dnis", smaller) in found:
        compared = _against(found["dnis", smaller], found["uniform", 1.0], config.n_bootstrap, higher_is_better)
        said.append(
            f"The claim of {smaller:g}x without loss, one cut at the end against the full uniform table: {compared}"
        )
    return said


def _logloss(scores: Outcomes) -> Outcomes:
    """Log losses of every row in place of the scores that AUC is judged by."""
    signed = np.where(scores.target > 0.5, -scores.values, scores.values)
    return replace(scores, values=np.logaddexp(0.0, signed), metric="logloss")


def _mean(outcomes: Outcomes) -> float:
    return float(outcomes.estimate(np.ones((1, int(outcomes.unit.max()) + 1)))[0])


def _best_uniform(found: Found, sizes: list[float], higher_is_better: bool) -> Outcomes:
    """The uniform table of best test metric among those that a budget holds: the hardest to beat."""
    fitting = [found["uniform", size] for size in sizes if ("uniform", size) in found]
    return (max if higher_is_better else min)(fitting, key=_mean)


def _against(ours: Outcomes, theirs: Outcomes, n_draws: int, higher_is_better: bool) -> str:
    """The difference in per cent of the other's metric, positive where ours is better, with its interval, in words."""
    whole = (100 if higher_is_better else -100) / _mean(theirs)
    low, centre, high = sorted(whole * value for value in paired_difference(ours, theirs, n_draws))
    word = "better" if low > 0 else "worse" if high < 0 else "within noise"
    return f"{ours.metric} {centre:+.2f} %, 95 % interval {low:+.2f} to {high:+.2f} %: {word}."


if __name__ == "__main__":
    run("proof", __doc__, STUDIES, remarks)
