"""A run in words that repeat it: its settings, the same on the command line, and a script for Python."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from string import Template
from textwrap import indent
from typing import TYPE_CHECKING, Any

from dnis.files import plain
from dnis.settings import SearchConfig

if TYPE_CHECKING:
    from dnis.runs import Run

_ROLE_FLAGS = {"split": "--split-column"}

_ONE_THREAD = "export OMP_NUM_THREADS=1  # the bits depend on the number of threads"

_TO_ITS_END = "result = search(split, config)"

_STOPPED = """running = Search(split, config)
while not running.done and len(running.history) < {n}:  # where somebody stopped it
    running.step()
result = running.result()"""

_MIXED = "with joined(mixed=True):  # in mixed precision, as the run was\n"

_ASKING = """if len(sys.argv) < 2:
    sys.exit(__doc__)  # where the data lie is not said
"""

_SCRIPT = Template('''"""The same search again: same data, settings and seed, hence the same numbers.

Run it in the folder of DNIS Explorer, the one that holds app.py:

    .venv/bin/python ${usage}
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # the bits depend on the number of threads
sys.path.insert(0, os.getcwd())  # where the dnis package is

import numpy as np
${imports}


def report(what, metrics):
    for part, values in metrics.items():
        print(f"{what}, {part}:", ", ".join(f"{name} {value}" for name, value in values.items()))


config = SearchConfig(
${config}
)
${asking}try:
    data = DataSpec(${source}, columns=${columns}, strategy=${strategy}, seed=${seed}, core=${core})
    split = split_of(data, config.task, config.model)
except (ValueError, OSError) as error:
    sys.exit(f"These data cannot be used: {error}")
${searching}
report("search", result.metrics)

scheme = prune(result, threshold=${threshold})
print(f"kept {scheme.n_values} of {scheme.mask.size} values, {scheme.n_bytes} bytes")

# how long to train is chosen on select_val; the final model then learns from everything but test
chosen = train(split, result.retraining, scheme)
final = train(split, replace(result.retraining, epochs=chosen.best_epoch), scheme, data="development")
report("retrained", {"val": chosen.metrics["val"], "test": final.metrics["test"]})

model = final.model
arrays = {"embeddings": model.embeddings, "biases": model.biases, "mask": final.scheme.mask}
target = Path(__file__).with_name("${stem}-retrained.npz")
np.savez(target, **arrays, **{f"dense.{name}": values for name, values in model.dense.items()})
print(f"saved {target}, rows by feature_id as in the exported list of dimensions")
''')


def file_stem(run: Run) -> str:
    """What the files of a run are called: its name in letters that every system takes.

    Args:
        run: A finished search.

    Returns:
        Such as ``mf-on-my-ratings``; the folder's name where the run's own has no such letters.
    """
    return re.sub(r"[^a-z0-9]+", "-", run.name.lower())[:60].strip("-") or run.id


def settings_dict(run: Run, threshold: float) -> dict[str, Any]:
    """Everything that fixes a run.

    Args:
        run: A finished search.
        threshold: The cut in use.

    Returns:
        Data, config and threshold in JSON values; ``SearchConfig.from_dict`` reads the config back.
    """
    return {"data": plain(_public_data(run)), "config": plain(run.result.config), "threshold": threshold}


def settings_json(run: Run, threshold: float) -> str:
    """The same as JSON text.

    Args:
        run: A finished search.
        threshold: The cut in use.

    Returns:
        Readable JSON.
    """
    return json.dumps(settings_dict(run, threshold), indent=2) + "\n"


def changed_settings(config: SearchConfig) -> dict[str, Any]:
    """Settings that differ from the defaults of their task.

    Args:
        config: Settings of a search.

    Returns:
        Values by name.
    """
    default = SearchConfig.for_task(config.task)
    names = [field.name for field in dataclasses.fields(config)]
    return {n: getattr(config, n) for n in names if getattr(config, n) != getattr(default, n)}


def script(run: Run, threshold: float) -> str:
    """A Python script that repeats the run, prunes at the threshold, and retrains.

    Args:
        run: A finished search.
        threshold: The cut in use.

    Returns:
        Python source; where the data were uploaded it takes the file's path as its argument.
    """
    is_sample = run.data.source.startswith("sample:")
    config = run.result.config
    lines = [f"    {f.name}={getattr(config, f.name)!r}," for f in dataclasses.fields(config)]
    imports, searching = _searching(run)
    return _SCRIPT.substitute(
        imports=imports,
        searching=searching,
        usage=" ".join([f"{file_stem(run)}.py", *([] if is_sample else [Path(run.data.source).name])]),
        stem=file_stem(run),
        asking="" if is_sample else _ASKING,
        source=repr(run.data.source) if is_sample else "sys.argv[1]",
        columns=repr(run.data.columns),
        core=run.data.core,
        strategy=repr(run.data.strategy),
        seed=run.data.seed,
        config="\n".join(lines),
        threshold=repr(float(threshold)),
    )


def _searching(run: Run) -> tuple[str, str]:
    """What a script imports, and the lines that search as the run did: as far, and as precisely."""
    result, mixed = run.result, bool(run.facts.get("mixed_precision"))
    names = "DataSpec, SearchConfig, prune, train" if result.stopped else "DataSpec, SearchConfig, prune, search, train"
    imports = [f"from dnis import {names}"]
    imports += ["from dnis.bilevel import Search"] if result.stopped else []
    imports += ["from dnis.preparation import split_of"]
    imports += ["from dnis.processes import joined"] if mixed else []
    lines = _STOPPED.format(n=len(result.history)) if result.stopped else _TO_ITS_END
    return "\n".join(imports), _MIXED + indent(lines, "    ") if mixed else lines


def command(run: Run, threshold: float) -> str:
    """The same search and cut on the command line.

    Args:
        run: A finished search.
        threshold: The cut in use.

    Returns:
        Shell lines: the number of threads, the search, the retraining.
    """
    data = _public_data(run)
    words = ["python", "-m", "dnis", "search", data["source"]]
    for role, column in data["columns"]:
        words += [_ROLE_FLAGS.get(role, f"--{role}"), column]
    if data["core"]:
        words += ["--core", str(data["core"])]
    if data["strategy"] is not None:
        words += ["--strategy", data["strategy"]]
    config = run.result.config
    settings = {"task": config.task, "model": config.model, "batch_size": config.batch_size}
    settings |= {**changed_settings(config), "seed": config.seed}
    for name, value in settings.items():
        words += _flag(name, value)
    if run.facts.get("mixed_precision"):
        words += ["--mixed-precision"]
    again = ["python", "-m", "dnis", "retrain", "runs/my-run", "--threshold", f"{threshold:.9g}"]
    lines = [_ONE_THREAD, shlex.join([*words, "--out", "runs/my-run"]), shlex.join(again)]
    if data["seed"] != config.seed:
        lines.insert(
            0, f"# the split had seed {data['seed']}, and --seed sets both: only the script repeats this run exactly"
        )
    if run.result.stopped:
        n = len(run.result.history)
        lines.insert(0, f"# the search was stopped after epoch {n}, and this goes on: only the script repeats this run")
    return "\n".join(lines) + "\n"


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag] if value else ["--no-" + flag[2:]]
    if isinstance(value, tuple):
        return [flag, *map(str, value)]
    return [flag, str(value)]


def _public_data(run: Run) -> dict[str, Any]:
    """The data as others can name them: of an uploaded file only its name, which is the hash of its content."""
    data = dataclasses.asdict(run.data)
    if not run.data.source.startswith("sample:"):
        data["source"] = Path(run.data.source).name
    return data
