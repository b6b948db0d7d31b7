"""The command line: ``python -m dnis prepare|search|resume|sweep|prune|retrain|compare|inspect|export``.

``--json`` makes one JSON object the last line of standard output; progress goes to standard error. Exit code 0 is
success, 1 the loss of another process or of a study's cells, 2 bad input in one sentence, 130 an interruption. Under
torchrun the processes share the tables of search, resume and retrain:
``torchrun --nproc-per-node 2 -m dnis search DATA --out FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dnis import commands, settings, sweep_commands
from dnis.options import Parser, add_cut, add_data, add_files, add_machine, add_settings

INCOMPLETE = 1
"""Exit code after another process of the job has ended, and after ``sweep work`` where cells of the study failed."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def make_parser() -> Parser:
    """The parser of all commands.

    Returns:
        The parser; its options carry the command's function as ``command``.
    """
    parser = Parser(prog="python -m dnis", description="Search, prune and judge embedding dimensions (DNIS).")
    add = parser.add_subparsers(required=True, metavar="COMMAND").add_parser
    made = {
        name: add(name, help=function.__doc__, description=function.__doc__) for name, function in _COMMANDS.items()
    }
    for name, command in made.items():
        command.set_defaults(command=_COMMANDS[name])
        command.add_argument("--json", action="store_true", help="one JSON object as the last line of standard output")
    for name in ("search", "compare"):
        made[name].add_argument("source", metavar="DATA", help="a CSV or Parquet file, or sample:NAME")
        made[name].add_argument("--out", type=Path, metavar="FOLDER", help="run folder (a new one in runs/)")
        add_data(made[name])
        add_settings(made[name], settings.SearchConfig, compares=name == "compare")
    for name in ("resume", "sweep", "prune", "retrain", "export"):
        made[name].add_argument("run", type=Path, metavar="RUN", help="a run folder")
    for name in ("search", "resume", "retrain", "compare"):
        add_machine(made[name], trains=name != "compare")
    for name in ("prune", "retrain", "export"):
        add_cut(made[name])
    add_files(made["prepare"])
    add_data(made["prepare"])
    made["search"].add_argument("--name", default="", help="what you call the run")
    made["search"].add_argument(
        "--controls", action=argparse.BooleanOptionalAction, default=True, help="sweep a table without a searched alpha"
    )
    add_settings(made["compare"], settings.CompareConfig)
    made["sweep"].add_argument("--thresholds", nargs="+", type=float, metavar="float", help="measure at these only")
    made["inspect"].add_argument("source", metavar="DATA_OR_RUN", help="a file, sample:NAME, or a run folder")
    add_data(made["inspect"])
    sweep_commands.add_study(made)
    made["export"].add_argument("--what", choices=tuple(commands.EXPORTS), default="packed", help="default packed")
    made["export"].add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    return parser


_COMMANDS = {
    name: getattr(commands, name)
    for name in ("prepare", "search", "resume", "sweep", "prune", "retrain", "compare", "inspect", "export")
} | {f"sweep {name}": getattr(sweep_commands, name) for name in ("plan", "work", "show")}
"""Each command's function; ``sweep RUN`` measures one run, ``sweep plan|work|show STUDY`` is for many."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Understand a command line.

    Args:
        words: What was typed; a command may have two words.

    Returns:
        The options, with the command's function as ``command``.
    """
    two = " ".join(words[:2])
    return make_parser().parse_args([two, *words[2:]] if two in _COMMANDS else words)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        words: The command line; the process's own where None.

    Returns:
        The exit code.
    """
    options = parse(sys.argv[1:] if words is None else words)
    try:
        record, text = options.command(options)
    except ConnectionError as error:
        where = getattr(options, "run", None) or getattr(options, "out", None)
        sys.stderr.write(f"{error}; go on from the last epoch with the command resume {where}\n")
        return INCOMPLETE
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    sys.stdout.write((json.dumps(record, allow_nan=False) if options.json else text) + "\n")
    return INCOMPLETE if options.command is sweep_commands.work and record["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
