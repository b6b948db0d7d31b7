"""What can be said on the command line: one table of settings, taken from the settings records themselves."""

from __future__ import annotations

import argparse
import dataclasses
import os
import secrets
import sys
from pathlib import Path
from typing import Any, NoReturn

from dnis.meanings import MEANINGS, OF_COMPARISONS
from dnis.presets import PRESETS
from dnis.settings import DEFAULTS_BY_TASK, SPLIT_STRATEGIES, DataSpec, SearchConfig

ROLES = {
    "--user": ("user", "column of the user"),
    "--item": ("item", "column of the item"),
    "--rating": ("rating", "column of the rating, a number"),
    "--label": ("label", "column of the label, one of two values"),
    "--timestamp": ("timestamp", "column of the time"),
    "--split-column": ("split", "column of the words train, valid and test"),
    "--title": ("title", "column of the item's title"),
    "--feature": ("feature", "column of a category; may be repeated"),
    "--ignore": ("ignore", "column to leave out; may be repeated"),
    "--clean": ("clean", "column whose unusable cells cost their rows; may be repeated"),
}
"""Option, role that it gives a column, and what it means."""

LISTS = {
    "--features": ("feature", "columns of categories"),
    "--numeric": ("numeric", "columns of numbers, to be binned"),
}
"""The same for several columns, with commas between them."""

CUTS = {
    "threshold": (float, "smallest |alpha * e| that stays"),
    "n_values": (int, "how many values stay"),
    "n_bytes": (int, "largest size, index included"),
    "compression": (float, "how many times fewer values; 2 where nothing is said"),
}
"""Ways to say how much of a table stays."""


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with code 2.

        Args:
            message: What is wrong.
        """
        sys.stderr.write(f"{self.prog}: {message}\n")
        sys.exit(2)


class _Columns(argparse.Action):
    """Collects (role, column) pairs in the order in which they were given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        option = option_string or ""
        role, _ = {**ROLES, **LISTS}[option]
        named = values.split(",") if option in LISTS else [values]
        pairs = tuple((role, column.strip()) for column in named)
        namespace.columns = (*getattr(namespace, "columns", ()), *pairs)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the columns are and how rows are dealt.

    Args:
        parser: The command's parser.
    """
    group = parser.add_argument_group("data")
    for option, (_, meaning) in {**ROLES, **LISTS}.items():
        group.add_argument(option, action=_Columns, metavar="COLUMN", help=meaning, default=argparse.SUPPRESS)
    group.add_argument(
        "--core", type=int, default=0, metavar="K", help="keep users and items that have K interactions with each other"
    )
    group.add_argument(
        "--split",
        "--strategy",
        dest="strategy",
        choices=SPLIT_STRATEGIES,
        help="how rows are dealt into the four parts",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options of a log that is prepared: its files, and where it goes.

    Args:
        parser: The command's parser.
    """
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or Parquet files of one layout")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the prepared data")
    parser.add_argument("--seed", type=int, default=0, metavar="int", help="seed of what is drawn (default 0)")
    parser.add_argument("--memory-mb", type=int, default=192, metavar="int", help="what DuckDB may hold (default 192)")


MACHINE = ("threads", "processes", "tables", "device", "mixed_precision")
"""Options that say what a machine gives to a job."""


def add_machine(parser: argparse.ArgumentParser, trains: bool) -> None:
    """Add the options that say what a machine gives to a job.

    Args:
        parser: The command's parser.
        trains: Whether the command trains one model, which may have several processes or a GPU.
    """
    parser.add_argument("--threads", type=int, default=1, metavar="int", help="threads of torch (default 1)")
    if not trains:
        meaning = "how many processes compute at once (default: one per core)"
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="int", help=meaning)
        return
    meaning = "under torchrun: tables dealt by torch alone, or by TorchRec (default rows)"
    parser.add_argument("--tables", choices=("rows", "torchrec"), default="rows", help=meaning)
    meaning = "where the training computes (default auto: a GPU where there is one)"
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help=meaning)
    meaning = "let models compute in bfloat16 where that is safe; tables and gradients stay as they are"
    # left out where it is not given, so that a search that is taken up keeps what it began with
    parser.add_argument("--mixed-precision", action="store_true", default=argparse.SUPPRESS, help=meaning)


OF_METHODS = ("compression", "recipe", "grain")
"""Settings that a comparison leaves to its methods, each of which sets its own."""


def add_settings(parser: argparse.ArgumentParser, kind: type[Any], compares: bool = False) -> None:
    """Add an option per field of a settings record.

    Args:
        parser: The command's parser.
        kind: The record's class.
        compares: Whether the settings are what all methods of a comparison share.
    """
    meanings = {**MEANINGS, **(OF_COMPARISONS if compares else {})}
    group = parser.add_argument_group("settings")
    if kind is SearchConfig:
        group.add_argument("--preset", choices=PRESETS, default=argparse.SUPPRESS, help="settings to start from")
    for f in dataclasses.fields(kind):
        flag, default = "--" + f.name.replace("_", "-"), f.default
        if dataclasses.is_dataclass(default) or (compares and f.name in OF_METHODS):
            continue  # settings inside settings have options of their own, and a method sets what is its own
        form: dict[str, Any] = {"dest": f.name, "default": argparse.SUPPRESS}
        form["help"] = f"{meanings.get(f.name, '')} ({_usual(f.name, default)})".lstrip()
        if isinstance(default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **form)
        elif isinstance(default, tuple):
            element = type(default[0])
            group.add_argument(flag, nargs="+", type=element, metavar=element.__name__, **form)
        else:
            group.add_argument(flag, type=type(default), metavar=type(default).__name__, **form)


def add_cut(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how much of the table stays.

    Args:
        parser: The command's parser.
    """
    group = parser.add_mutually_exclusive_group()
    for name, (kind, meaning) in CUTS.items():
        group.add_argument("--" + name.replace("_", "-"), type=kind, metavar=kind.__name__, help=meaning)


def data_of(options: argparse.Namespace) -> DataSpec:
    """The data that the options name; a path is made whole, so that the run finds it again from anywhere.

    Args:
        options: Parsed options.

    Returns:
        The data.
    """
    source = options.source
    if not source.startswith("sample:"):
        source = str(Path(source).resolve())
    seed = getattr(options, "seed", 0)
    return DataSpec(source, getattr(options, "columns", ()), options.strategy, seed, options.core)


def settings_of(options: argparse.Namespace, kind: type[Any]) -> dict[str, Any]:
    """The settings that were given.

    Args:
        options: Parsed options.
        kind: The settings record's class.

    Returns:
        Values by name; what was not given is left to its default.
    """
    given = vars(options)
    names = [f.name for f in dataclasses.fields(kind)] + (["preset"] if kind is SearchConfig else [])
    return {name: given[name] for name in names if name in given}


def new_folder(options: argparse.Namespace) -> Path:
    """Where a new run goes: ``--out``, else a new folder in DNIS_RUNS, else in ``runs``.

    Args:
        options: Parsed options.

    Returns:
        The folder.

    Raises:
        ValueError: If a run is there already.
    """
    if options.out is None:
        return Path(os.environ.get("DNIS_RUNS", "runs")) / secrets.token_urlsafe(16)
    if (options.out / "run.json").exists():
        raise ValueError(f"--out {options.out} holds a run already; name another folder or remove it")
    return options.out


def _usual(name: str, default: Any) -> str:
    """What a setting is where it is not given, for the tasks that differ from ratings, too."""
    if name in ("task", "model", "batch_size"):
        return "follows from the data"
    by_task = [f"{task} {_text(usual[name])}" for task, usual in DEFAULTS_BY_TASK.items() if name in usual]
    return "; ".join([f"default {_text(default)}", *by_task])


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
