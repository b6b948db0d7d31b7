"""A million-row CSV read, checked and encoded, beside pandas' own reader; and a log prepared in bounded memory.

``python -m benchmarks.reading [--rows 1000000] [--log-rows 20000000] [--log-files 4]``

Prints one JSON line. The log is prepared and searched for one epoch, each in a process of its own, whose peak memory is
said; without DuckDB (requirements-bulk.txt) or with ``--log-rows 0`` that part is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import csv as pa_csv
from pyarrow import table

from dnis.interactions import Interactions

CHUNK = 1_000_000
WATCHED = "import resource, sys; from dnis.__main__ import main; code = main(sys.argv[1:]); "
WATCHED += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
"""A command that says its own peak memory last [kB]."""


def write_log(path: Path, n_rows: int, seed: int) -> None:
    """Ratings of 200,000 users on 50,000 items whose popularity falls steeply, written in chunks."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as out:
        for start in range(0, n_rows, CHUNK):
            n = min(CHUNK, n_rows - start)
            user, item = (rng.random(n) ** 2 * 200_000).astype(int), (rng.random(n) ** 3 * 50_000).astype(int)
            rating = np.clip(np.round(6 + 2 * np.sin(user) + 2 * np.cos(item) + rng.normal(0, 1, n)), 1, 10) / 2
            times = 1_500_000_000 + rng.integers(0, 10**8, n)
            rows = table({"user_id": user, "item_id": item, "rating": rating, "timestamp": times})
            pa_csv.write_csv(rows, out, pa_csv.WriteOptions(include_header=start == 0))


def seconds(run: Callable[[], object]) -> float:
    """Fastest of three runs [s]."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return min(taken)


def watched(*words: object) -> dict[str, float]:
    """Time [s] and peak memory [MB] of a command in a process of its own."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", WATCHED, *map(str, words)], capture_output=True, text=True, check=True)
    peak_mb = int(done.stdout.split()[-1]) / 1024
    return {"seconds": round(time.perf_counter() - started, 1), "peak_mb": round(peak_mb)}


def main() -> None:
    """Measure both."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, default=1_000_000)
    ask.add_argument("--log-rows", type=int, default=20_000_000)
    ask.add_argument("--log-files", type=int, default=4)
    options = ask.parse_args()
    record: dict[str, object] = {"benchmark": "reading", "rows": options.rows}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder / "ratings.csv", options.rows, 0)
        own_s = seconds(lambda: Interactions.from_csv(folder / "ratings.csv"))
        record["seconds"] = round(own_s, 2)
        record["ratio_to_pandas_read_csv"] = round(own_s / seconds(lambda: pd.read_csv(folder / "ratings.csv")), 2)
        if options.log_rows and importlib.util.find_spec("duckdb"):
            files = [folder / f"log-{i}.csv" for i in range(options.log_files)]
            for i, path in enumerate(files):
                write_log(path, options.log_rows // options.log_files, i + 1)
            record["log_rows"] = options.log_rows
            record["log_mb"] = round(sum(path.stat().st_size for path in files) / 1e6)
            record["prepare"] = watched("prepare", *files, "--out", folder / "prepared")
            words = ("--epochs", 1, "--warm-epochs", 0, "--embedding-dim", 16, "--no-controls")
            record["search"] = watched("search", folder / "prepared", "--out", folder / "run", *words)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
