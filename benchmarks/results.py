"""The search against its rivals at equal bytes, data and tuning; writes RESULTS.md. Resumable: finished cells are kept.

``python -m benchmarks.results --data DIR --write benchmarks/RESULTS.md``, where DIR holds ml-1m/ratings.parquet and
frappe/frappe.parquet; with ``--only METHOD`` it fills in the cells of that method alone, e.g. on another core; with
``--finished`` it computes nothing and writes the table of the methods whose cells are all there.
"""

from __future__ import annotations

from benchmarks.studies import Study, run
from dnis.settings import METHODS, CompareConfig, SearchConfig

STUDIES = {
    "ml-1m": Study(
        "MovieLens-1M, rating, MF, random 70/10/10/10",
        "ml-1m/ratings.parquet",
        "random",
        CompareConfig(
            SearchConfig(batch_size=4096, lr=2e-3, l2=0.05, epochs=40, patience=3, warm_epochs=8),
            methods=METHODS,
            compressions=(2.0, 4.0, 8.0, 16.0),
            n_trials=2,
        ),
        (("item", "movie_id"),),
    ),
    "frappe": Study(
        "Frappe, clicks, FM, the data's own split",
        "frappe/frappe.parquet",
        "column",
        CompareConfig(
            SearchConfig("FM", "ctr", batch_size=4096, lr=2e-2, l2=2e-3, epochs=10, patience=2, warm_epochs=2),
            methods=METHODS,
            compressions=(2.0, 4.0, 8.0, 16.0, 20.0),
            n_trials=2,
        ),
    ),
}

if __name__ == "__main__":
    run("results", __doc__, STUDIES)
