"""Is the budgeted recipe worth choosing at every budget? Ten studies, six methods and a control. Resumable.

``python -m benchmarks.proof --data DIR --study ml-1m-mf --write benchmarks/PROOF.md``, where DIR holds ml-1m, frappe,
movietweetings-100k and criteo-kaggle-10k as the studies below name their files; Adult is a bundled sample. With
``--only METHOD`` it fills in the cells of that method alone; with ``--finished`` it computes nothing and writes the
tables of what is complete.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.studies import Study, run
from dnis.comparison import outcomes_of
from dnis.contests import Contest
from dnis.intervals import paired_difference
from dnis.settings import CompareConfig, SearchConfig
from dnis.tasks import TASKS

METHODS = ("uniform", "dnis", "dnis-nested", "uniform-turned", "gradual", "random", "mde", "pep")
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


def claim(study: Study, contest: Contest) -> list[str]:
    """Whether the search cut once at the end loses nothing at 2x (ratings) or 20x (clicks) against the full table."""
    config, test = contest.config, contest.split.test
    smaller = {"rating": 2.0, "ctr": 20.0}.get(config.search.task)
    if smaller is None or not {"uniform", "dnis"} <= set(config.methods):
        return []
    wanted = (("dnis", smaller), ("uniform", 1.0))
    cells = [contest.run(method)[config.compressions.index(size)]["cells"] for method, size in wanted]
    task = TASKS[config.search.task]
    small, full = outcomes_of(cells, test, task.metric)
    centre, low, high = paired_difference(small, full, config.n_bootstrap)
    lost = high < 0 if task.higher_is_better else low > 0
    against = f"{task.metric} {centre:+.4f} [{low:+.4f}, {high:+.4f}] against the full uniform table"
    word = "does not hold" if lost else "holds"
    return [f"The claim that one cut at the end gives {smaller:g}x without loss {word} here: {against}."]


if __name__ == "__main__":
    run("proof", __doc__, STUDIES, claim)
