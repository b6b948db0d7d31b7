"""What a table of results is made of, and the command that fills one: resumable, method by method if asked for.

``results.py`` and ``proof.py`` give the studies; this file asks the questions, keeps finished cells and writes tables.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.pictures import draw
from dnis import crew
from dnis.baselines import BASELINES
from dnis.cells import CellStore
from dnis.comparison import compare
from dnis.contests import Contest
from dnis.datasets import load
from dnis.figures.frontiers import frontier
from dnis.figures.gallery import METRICS as WORDS
from dnis.results import Comparison
from dnis.settings import METHODS, CompareConfig
from dnis.splits import Split

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Study:
    """One table of the results: data, split and settings; ``source`` is a file in the data's folder, or a sample."""

    title: str
    source: str
    strategy: str
    config: CompareConfig
    columns: tuple[tuple[str, str], ...] = ()

    def split(self, data: Path) -> Split | None:
        """The four roles, or None where the data are not there."""
        source = self.source if self.source.startswith("sample:") else str(data / self.source)
        if source != self.source and not Path(source).is_file():
            return None
        return load(source, self.columns).split(self.strategy)


Remark = Callable[[Study, Contest], list[str]]
"""Sentences on what else a study shows."""


class KeptCells(CellStore):
    """Gives finished cells and computes none."""

    def record(self, key: str, compute: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """A finished cell; KeyError where it is not there."""
        if self.folder is None or not (self.folder / f"{key}.cell").is_file():
            raise KeyError(key)
        return super().record(key, compute)


def finished(split: Split, config: CompareConfig, folder: Path) -> CompareConfig | None:
    """The same comparison of the methods whose cells are all there, or None while uniform's are not."""
    contest, done = Contest(split, config, KeptCells(folder, split), None), []
    for method in config.methods:
        with contextlib.suppress(KeyError):
            contest.run(method)
            done.append(method)
    return replace(config, methods=tuple(done)) if "uniform" in done else None


def table(study: Study, found: Comparison, pictures: Sequence[str], more: Sequence[str]) -> str:
    """The study as Markdown: pictures, one row per compression and method, the verdict, and what else is said."""
    head = ["compression", "method", "bytes", found.metric, "sd", "difference to uniform", "95 % interval", "s", "MB"]
    left = [BASELINES[m].label for m in study.config.methods if m not in found.config.methods]
    note = [f"Not finished yet, and left out: {', '.join(left)}.", ""] if left else []
    lines = [
        f"## {study.title}",
        "",
        *note,
        *(line for picture in pictures for line in (picture, "")),
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
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
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in (*found.verdict, *more)), ""])


def fill(study: Study, folder: Path, options: argparse.Namespace, remark: Remark) -> tuple[Any, str | None]:
    """Do what the command asks of one study.

    Args:
        study: The study.
        folder: Where its cells are kept.
        options: What the command was called with.
        remark: What else the study shows.

    Returns:
        What was done, for the JSON line, and the study's table where there is one.
    """
    if not (options.only or options.write):
        return "give --write to run it: it takes hours", None
    split = study.split(options.data)
    if split is None:
        return "no data", None
    if options.only:
        # uniform is part of every comparison
        config = replace(study.config, methods=tuple(dict.fromkeys(("uniform", *options.only))))
        contest = Contest(split, config, CellStore(folder, split), None)
        if options.processes > 1:
            crew.fill(contest, folder, options.processes)
        for method in options.only:
            contest.run(method)
        return options.only, None
    config = finished(split, study.config, folder) if options.finished else study.config
    if config is None:
        return "uniform is not finished", None
    found = compare(split, config, folder=folder, n_processes=options.processes)
    contest = Contest(split, config, KeptCells(folder, split), None)
    drawn = {} if options.figures is None else {"frontier": frontier(found.rows, WORDS[study.config.search.task])}
    files = draw({f"{folder.name}-{what}": figure for what, figure in drawn.items()}, options.figures)
    pictures = [f"![{study.title}]({os.path.relpath(path, options.write.parent)})" for path in files]
    return round(found.elapsed_s, 1), table(study, found, pictures, remark(study, contest))


def run(name: str, doc: str | None, studies: Mapping[str, Study], remark: Remark = lambda study, contest: []) -> None:
    """The command of a table of results.

    Args:
        name: Of the benchmark; its cells are kept in a folder of this name.
        doc: What the command says of itself.
        studies: By name.
        remark: What else a study shows; sentences from the study and its finished cells.
    """
    ask = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    ask.add_argument("--cells", type=Path, default=HERE.parent / "runs" / name)
    ask.add_argument("--study", choices=studies, action="append")
    ask.add_argument("--only", choices=METHODS, action="append", help="fill in these methods' cells, write no table")
    ask.add_argument("--finished", action="store_true", help="compute nothing, write what is complete")
    ask.add_argument("--processes", type=int, default=1, help="how many compute cells at once")
    ask.add_argument("--figures", type=Path, help="where the frontiers go, drawn by chromium; with --write")
    ask.add_argument("--write", type=Path, help="where the tables go, e.g. benchmarks/RESULTS.md")
    options = ask.parse_args()
    torch.set_num_threads(1)
    done, parts = {}, {}
    for which in options.study or studies:
        done[which], part = fill(studies[which], options.cells / which, options, remark)
        parts |= {} if part is None else {studies[which].title: part}
    if parts:
        before = options.write.read_text() if options.write.is_file() else heading(name, studies)
        above, kept = sections(before)
        parts = kept | parts
        ordered = [parts[study.title] for study in studies.values() if study.title in parts]
        options.write.write_text("\n".join([above, *ordered]))
    print(json.dumps({"benchmark": name, "studies": done}))


def sections(text: str) -> tuple[str, dict[str, str]]:
    """The heading of a file of results, and its tables by the titles of their studies; what is not redone stays."""
    above, *found = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    kept = {title: f"## {title}{body.rstrip()}\n" for title, body in zip(found[::2], found[1::2], strict=True)}
    return f"{above.rstrip()}\n", kept


def heading(name: str, studies: Mapping[str, Study]) -> str:
    """What was run, and on what."""
    n_trials = max(study.config.n_trials for study in studies.values())
    n_seeds = max(len(study.config.seeds) for study in studies.values())
    return f"""# {name.capitalize()}

Made by `python -m benchmarks.{name} --data DIR --write FILE`. Every method: {n_trials} tuning
trials (learning rate, L2, its frequency exponent) per compression on select_val, then {n_seeds} seeds trained on
everything but test. Bytes count the index. Differences are paired with the best uniform table of at most the same
bytes, or of the same budget where none is so small; the interval is a bootstrap over test users. `s` and `MB`: wall
time of proposal and final training, peak memory of the process.
{platform.machine()}, {os.cpu_count()} cores, one thread, Python {platform.python_version()}.
"""
