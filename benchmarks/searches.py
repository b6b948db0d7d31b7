"""One search on every public data set and model: command, time, memory and what it reached on the test part.

``python -m benchmarks.searches --data DIR [--only TEXT] [--write FILE]``, where DIR holds ml-1m/, frappe/,
criteo-kaggle-10k/ and movietweetings-100k/; ``--only`` takes the commands that hold a text. Each search is a process of
its own with one thread. Prints a Markdown table and one JSON line.
Settings are not tuned: RESULTS.md has those that are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

ML, FRAPPE, CRITEO = "ml-1m/ratings.parquet", "frappe/frappe.parquet", "criteo-kaggle-10k/criteo.parquet"
RATED = "--item movie_id --split random --lr 0.002 --l2 0.05 --batch-size 4096 --warm-epochs 8"
CLICKED = "--split column --embedding-dim 32 --lr 0.005 --l2 0.001 --batch-size 4096 --epochs 20 --warm-epochs 3"
RANKED = "--item movie_id --task topk --topk-loss softmax --n-negatives 16 --split leave_last_out --lr 0.005 --l2 0.01"

SEARCHES = (
    (ML, f"--model MF {RATED}"),
    (ML, f"--model MLP {RATED}"),
    (ML, f"--model NeuMF {RATED}"),
    (ML, "--model MF --item movie_id --split random --preset released --epochs 40"),
    (ML, f"--model MF {RANKED} --batch-size 4096 --epochs 20"),
    (ML, f"--model NeuMF {RANKED} --batch-size 4096 --epochs 20"),
    (FRAPPE, f"--model FM {CLICKED}"),
    (FRAPPE, f"--model WideDeep {CLICKED}"),
    (FRAPPE, f"--model DeepFM {CLICKED}"),
    (CRITEO, "--model FM --embedding-dim 16"),
    (CRITEO, "--model WideDeep --embedding-dim 16"),
    (CRITEO, "--model DeepFM --embedding-dim 16"),
    ("movietweetings-100k/ratings.parquet", "--model MF --item movie_id"),
)
"""Data, and what ``dnis search`` is told beside."""


def measured(path: Path, options: str) -> dict[str, Any]:
    """Run one search in a process of its own.

    Args:
        path: The data.
        options: Further words of the command line.

    Returns:
        Wall time [s], peak memory [MB] and the metrics of the test part.

    Raises:
        RuntimeError: If the command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dnis", "search", str(path), *options.split(), "--no-controls", "--json"]
        started = time.perf_counter()
        with (Path(folder) / "log").open("w+") as log:
            running = subprocess.Popen(
                [*command, "--out", f"{folder}/run"], stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            _, status, used = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            said = log.read()
        if running.returncode:
            raise RuntimeError(f"{' '.join(command[3:])} failed:\n{said}")
        wall = time.perf_counter() - started
    test = json.loads(said.splitlines()[-1])["metrics"]["test"]
    return {"s": round(wall, 1), "MB": round(used.ru_maxrss / 1024), "test": {k: round(v, 4) for k, v in test.items()}}


def main() -> None:
    """Search, one after the other."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--only", default="", help="a text that the command must hold, e.g. NeuMF")
    ask.add_argument("--write", type=Path, help="file of the Markdown table")
    options = ask.parse_args()
    lines = ["| `python -m dnis search DIR/...` | s | MB | test |", "|---|---|---|---|"]
    found = {}
    for source, words in SEARCHES:
        path = options.data / source
        if options.only not in f"{source} {words}" or not path.is_file():
            continue
        found[f"{source} {words}"] = got = measured(path, words)
        told = ", ".join(f"{name} {value:.4f}" for name, value in got["test"].items())
        lines.append(f"| `{source} {words}` | {got['s']:.0f} | {got['MB']} | {told} |")
        print(lines[-1], flush=True)
    if options.write:
        options.write.write_text("\n".join([*lines, ""]))
    print(json.dumps({"benchmark": "searches", "found": found or "no data"}))


if __name__ == "__main__":
    main()
