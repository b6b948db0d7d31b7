"""The search against its rivals at equal bytes, data and tuning; writes RESULTS.md. Resumable: finished cells are kept.

``python -m benchmarks.results --data DIR --write benchmarks/RESULTS.md``, where DIR holds ml-1m/ratings.parquet and
frappe/frappe.parquet; with ``--only METHOD`` it fills in the cells of that method alone, e.g. on another core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from dnis.cells import CellStore
from dnis.comparison import Contest, compare
from dnis.datasets import load
from dnis.results import Comparison
from dnis.settings import METHODS, CompareConfig, SearchConfig

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Study:
    """One table of the results: data, split and settings."""

    title: str
    source: str
    strategy: str
    config: CompareConfig
    columns: tuple[tuple[str, str], ...] = ()


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
            SearchConfig("FM", "ctr", batch_size=4096, lr=1e-2, l2=2e-3, epochs=20, patience=2, warm_epochs=3),
            methods=METHODS,
            compressions=(2.0, 4.0, 8.0, 16.0, 20.0),
            n_trials=2,
        ),
    ),
}


def table(study: Study, found: Comparison) -> str:
    """The study as Markdown, one row per compression and method."""
    head = ["compression", "method", "bytes", found.metric, "sd", "difference to uniform", "95 % interval", "s", "MB"]
    lines = [f"## {study.title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in sorted(found.rows, key=lambda r: (r["compression"], METHODS.index(r["method"]))):
        known = row["low"] is not None
        gap = (f"{row['difference']:+.4f}", f"{row['low']:+.4f} to {row['high']:+.4f}") if known else ("", "")
        memory = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.0f}"
        cells = [
            f"{row['compression']:g}x",
            row["label"],
            f"{row['n_bytes']:,}",
            *(f"{row[k]:.4f}" for k in ("mean", "sd")),
        ]
        lines.append("| " + " | ".join([*cells, *gap, f"{row['elapsed_s']:.0f}", memory]) + " |")
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in found.verdict), ""])


def main() -> None:
    """Run the studies whose data are there, and write what they found."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--cells", type=Path, default=HERE.parent / "runs" / "results")
    ask.add_argument("--study", choices=STUDIES, action="append")
    ask.add_argument("--only", choices=METHODS, action="append", help="fill in these methods' cells, write no table")
    ask.add_argument("--write", type=Path, help="where the tables go, e.g. benchmarks/RESULTS.md")
    options = ask.parse_args()
    torch.set_num_threads(1)
    done, parts = {}, []
    for name in options.study or STUDIES:
        study = STUDIES[name]
        path = options.data / study.source
        if not path.is_file():
            done[name] = "no data"
            continue
        split = load(str(path), study.columns).split(study.strategy)
        if options.only:
            contest = Contest(split, study.config, CellStore(options.cells / name, split), None)
            for method in options.only:
                contest.run(method)
            done[name] = options.only
            continue
        if options.write is None:
            done[name] = "give --write to run it: it takes about an hour"
            continue
        found = compare(split, study.config, folder=options.cells / name)
        parts.append(table(study, found))
        done[name] = round(found.elapsed_s, 1)
    if parts:
        options.write.write_text("\n".join([heading(), *parts]))
    print(json.dumps({"benchmark": "results", "studies": done}))


def heading() -> str:
    """What was run, and on what."""
    n_trials = max(study.config.n_trials for study in STUDIES.values())
    return f"""# Results

Made by `python -m benchmarks.results --data DIR --write benchmarks/RESULTS.md`. Every method: {n_trials} tuning
trials (learning rate, L2, its frequency exponent) per compression on select_val, then three seeds trained on everything
but test. Bytes count the index. Differences are paired with the best uniform table of at most the same bytes; the
interval is a bootstrap over test users. `s` and `MB`: wall time of proposal and final training, peak memory of the
process.
{platform.machine()}, {os.cpu_count()} cores, one thread, Python {platform.python_version()}.
"""


if __name__ == "__main__":
    main()
