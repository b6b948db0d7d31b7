"""Whether files that were broken on purpose are read, or refused in one sentence: never a crash, never a hang.

``python -m benchmarks.fuzz [--files 10000] [--first 0] [--kinds csv gzip parquet zip safetensors] [--keep FOLDER]``

Files are read in processes of their own with bounded memory; one that takes too long is ended. Every file can be made
again from its kind and its number (``tests/mutants.py``); ``--keep`` writes those that failed into a folder. Prints one
JSON line; exit code 1 if a file failed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from dnis.reading import DataError
from dnis.ui.store import BUNDLED, SAMPLES_FOLDER
from tests import mutants

MAX_SECONDS, MAX_BYTES = 10, 2_000_000_000
"""Longest that a file may take, in seconds of its reader's own work, and most memory that the reader may take."""

PATIENCE_S = 60
"""When a reader is given up by the clock [s]: on a busy machine it may have worked for a part of this only."""

PER_PROCESS = 250
"""Files that one process reads, so that the memory seen belongs to few of them."""


def members() -> dict[str, bytes]:
    """The files of a small run, which zips and tensors are made from."""
    with tempfile.TemporaryDirectory() as folder:
        return {path.name: path.read_bytes() for path in small_run(Path(folder) / "run").iterdir()}


def small_run(folder: Path) -> Path:
    """A tenth of the bundled run's features, with everything that a run can have."""
    from dnis.files import read_tensors, write_json, write_table, write_tensors  # noqa: PLC0415

    shutil.copytree(SAMPLES_FOLDER / BUNDLED, folder)
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pq.read_table(folder / "vocabulary.parquet")
    arrays, texts = read_tensors(folder / "model.safetensors")
    n = table.num_rows
    kept = [i for i in range(n) if i % 20 == 0 or table["value"][i].as_py() == "(unknown)"]
    write_table(folder / "vocabulary.parquet", table.take(kept))
    fewer = {name: values[kept] if len(values) == n else values for name, values in arrays.items() if values.ndim}
    write_tensors(folder / "model.safetensors", {**arrays, **fewer}, texts)
    point = {"created_s": 1.0, "threshold": 0.1, "sparsity": 0.5, "n_values": 9, "n_bytes": 36, "val": 0.8, "test": 0.8}
    write_json(folder / "retrained-000000000000.json", {**point, "metric": "mse"})
    return folder


def read_one(kind: str, content: bytes, folder: Path) -> None:
    """Do with a file what the app does with it."""
    path = folder / mutants.ENDINGS[kind]
    if kind == "zip":
        use_run(content, folder)
        return
    path.write_bytes(content)
    if kind == "safetensors":
        from dnis.files import read_tensors  # noqa: PLC0415

        read_tensors(path)
        return
    from dnis.interactions import Interactions  # noqa: PLC0415
    from dnis.problems import facts_of, problems_of  # noqa: PLC0415
    from dnis.reading import read_frame  # noqa: PLC0415
    from dnis.roles import Roles  # noqa: PLC0415

    frame = read_frame(path)
    facts_of(frame), problems_of(frame, Roles.guess(frame))
    Interactions.from_csv(path).split()


def use_run(content: bytes, folder: Path) -> None:
    """Open a run and make everything of it that the pages show or hand out."""
    from dnis import exports, figures, recipes  # noqa: PLC0415
    from dnis.archives import open_zip  # noqa: PLC0415
    from dnis.pruning import prune  # noqa: PLC0415
    from dnis.runs import load_run  # noqa: PLC0415

    before = sorted(path.name for path in folder.iterdir())
    opened = folder / "opened"
    try:
        run = load_run(open_zip(content, opened, folder / "uploads"))
        scheme = prune(run.result, threshold=0.1)
        _ = run.summary, figures.gallery(run, scheme), recipes.script(run, 0.1), exports.run_zip(opened)
        exports.csv_bytes(exports.scheme_frame(run, scheme, 20))
        exports.projector_texts(run, scheme, 20)
        show_comparison(opened)
    finally:
        shutil.rmtree(opened, ignore_errors=True)
    if sorted(path.name for path in folder.iterdir()) != before:
        raise AssertionError("the zip wrote elsewhere")


def show_comparison(opened: Path) -> None:
    """Draw the comparison of an opened run, where there is one that can be read."""
    from dnis import figures  # noqa: PLC0415
    from dnis.additions import COMPARISON  # noqa: PLC0415
    from dnis.files import read_json  # noqa: PLC0415
    from dnis.inspection import check_comparison  # noqa: PLC0415
    from dnis.ui import comparison_panel  # noqa: PLC0415

    if (opened / COMPARISON).is_file():
        read = check_comparison(read_json(opened / COMPARISON))
        figures.frontier(read["rows"], comparison_panel.metric_name(read), True)
        figures.differences(read["rows"], read["higher_is_better"])
        comparison_panel.table(read["rows"])


def judge(kind: str, content: bytes, folder: Path) -> str:
    """Read a file; ``accepted``, ``refused``, or what is wrong."""
    try:
        read_one(kind, content, folder)
    except DataError as error:
        # who reads a run by hand is told which of its files is meant; pages take the place out
        said = str(error).replace(f"{folder}/", "") if kind == "safetensors" else str(error)
        sound = 0 < len(said) < 600 and said.isprintable() and str(folder) not in said
        return "refused" if sound else f"no plain sentence: {said[:200]!r}"
    except Exception as error:  # whatever is raised but a refusal is what this looks for
        where = traceback.extract_tb(error.__traceback__)
        own = next((f for f in reversed(where) if "dnis" in f.filename), where[-1])
        return f"{type(error).__name__}: {str(error)[:150]} ({Path(own.filename).name}:{own.lineno})"
    return "accepted"


def serve(kind: str, first: int, last: int) -> None:
    """Read some files one after the other, and tell what came of each."""
    import warnings  # noqa: PLC0415

    warnings.simplefilter("error")
    made_from = members()
    with tempfile.TemporaryDirectory() as folder:
        judge(kind, mutants.mutant(kind, first, made_from), Path(folder))  # loads what is loaded late
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
        for seed in range(first, last):
            content = mutants.mutant(kind, seed, made_from)
            print(json.dumps({"seed": seed}), flush=True)
            before_s = time.process_time()
            outcome = judge(kind, content, Path(folder))
            worked_s = time.process_time() - before_s
            outcome = outcome if worked_s <= MAX_SECONDS else f"longer than {MAX_SECONDS} s"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            print(json.dumps({"seed": seed, "outcome": outcome, "peak_bytes": peak, "seconds": worked_s}), flush=True)


def watched(kind: str, first: int, last: int) -> list[dict[str, Any]]:
    """Have files read by another process; one that ends or hangs is named, and the rest goes on."""
    told: list[dict[str, Any]] = []
    while first < last:
        command = [sys.executable, "-m", "benchmarks.fuzz", "--serve", kind, str(first), str(last)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        seen, open_at, fault = listened(process)
        process.kill()
        process.wait()
        told += [{**one, "kind": kind} for one in seen]
        if open_at is None:
            if fault:  # nothing was being read: the benchmark itself is at fault
                raise RuntimeError(f"{kind} {first} to {last}: {fault}")
            break
        told.append({"seed": open_at, "kind": kind, "outcome": fault, "peak_bytes": 0, "seconds": PATIENCE_S})
        first = open_at + 1
    return told


def listened(process: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], int | None, str]:
    """What a reader tells until it is done; the file that it never came back from, and why."""
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
    told: list[dict[str, Any]] = []
    open_at = None
    while True:
        try:
            line = lines.get(timeout=300 if open_at is None else PATIENCE_S)
        except queue.Empty:
            return told, open_at, f"no answer within {PATIENCE_S} s"
        if not line:
            code = process.wait()
            return told, open_at, f"its reader ended with code {code}" if code or open_at is not None else ""
        said = json.loads(line)
        if "outcome" in said:
            told.append(said)
            open_at = None
        else:
            open_at = said["seed"]


def _forward(stream: Any, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def main() -> int:
    """Read every file and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(mutants.KINDS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--serve", nargs=3)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve[0], int(asked.serve[1]), int(asked.serve[2]))
        return 0
    start, last = time.perf_counter(), asked.first + asked.files // len(asked.kinds)
    told = [
        seen for kind in asked.kinds for first in range(asked.first, last, PER_PROCESS)
        for seen in watched(kind, first, min(last, first + PER_PROCESS))
    ]  # fmt: skip
    failed = [seen for seen in told if seen["outcome"] not in ("accepted", "refused")]
    if asked.keep and failed:
        asked.keep.mkdir(parents=True, exist_ok=True)
        made_from = members()
        for seen in failed:
            name = f"{seen['kind']}-{seen['seed']}-{mutants.ENDINGS[seen['kind']]}"
            (asked.keep / name).write_bytes(mutants.mutant(seen["kind"], seen["seed"], made_from))
    counts = Counter((seen["kind"], seen["outcome"] if seen not in failed else "failed") for seen in told)
    print(json.dumps({
        "benchmark": "fuzz", "files": len(told), "failed": len(failed),
        "counts": {f"{kind} {outcome}": n for (kind, outcome), n in sorted(counts.items())},
        "slowest_s": round(max(seen["seconds"] for seen in told), 2),
        "peak_mb": round(max(seen["peak_bytes"] for seen in told) / 1e6),
        "failures": dict(Counter(seen["outcome"] for seen in failed).most_common(30)),
        "examples": {seen["outcome"]: f"{seen['kind']} {seen['seed']}" for seen in failed[:30]},
        "elapsed_s": round(time.perf_counter() - start, 1), "cores": os.cpu_count(),
    }))  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
