"""What a sweep is to work through: spec files in, one cell per search or per method of a comparison out.

A spec is a JSON file: ``{"kind": "search", "data": "sample:movielens-small", "config": {"epochs": 20}, "grid": {"lr":
[0.002, 0.005], "seed": [0, 1, 2]}}`` stands for six searches on one split; ``{"kind": "compare", "data": ...,
"config": {"methods": [...], "search": {...}}}`` for one comparison, a cell per method.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dnis.cells import fingerprint
from dnis.files import read_json
from dnis.limits import DataError
from dnis.presets import preset
from dnis.ranges import check_choice
from dnis.settings import DEFAULTS_BY_TASK, TASK_NAMES, CompareConfig, DataSpec, SearchConfig, from_dict

KEYS = {"search": ("kind", "data", "config", "grid"), "compare": ("kind", "data", "config")}
"""What a spec of each kind may say."""


@dataclass(frozen=True)
class Cell:
    """One piece of work: the ``job`` as ``errands.perform`` takes it, its folder inside the study, and its name.

    A cell of a comparison shares its job and folder with the others; ``method`` is the share that it computes.
    """

    job: dict[str, Any]
    folder: str
    label: str
    method: str | None = None

    @property
    def key(self) -> str:
        """A name that follows from what is to be done, so that a cell is planned once."""
        return fingerprint(self.job, self.method)


def read_plan(paths: Sequence[Path]) -> list[Cell]:
    """Expand spec files into cells.

    Args:
        paths: The files.

    Returns:
        The cells, each once, in the order of the specs.

    Raises:
        DataError: If a file is not a spec, or names a setting or value that does not exist.
    """
    cells = {}
    for path in paths:
        try:
            found = _cells_of(read_json(path))
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}: {error}") from error
        cells |= {cell.key: cell for cell in found}
    return list(cells.values())


def _cells_of(spec: Any) -> list[Cell]:
    kind = spec.get("kind", "search") if isinstance(spec, dict) else None
    if kind not in KEYS:
        raise ValueError(f"a spec is an object with kind {' or '.join(KEYS)}, got {kind!r}")
    for name in spec:
        if name not in KEYS[kind]:
            raise ValueError(f"unknown key {name!r} of kind {kind!r}; known are {', '.join(KEYS[kind])}")
    data, config = _data(spec.get("data")), _settings("config", spec.get("config", {}))
    if kind == "compare":
        return _shares({"kind": kind, "data": data, "config": config})
    return [_search(data, config, chosen) for chosen in _grid(spec.get("grid", {}))]


def _data(given: Any) -> dict[str, Any]:
    if not isinstance(given, (str, dict)):
        raise ValueError(f"data must be a path, sample:NAME or an object with source, got {given!r}")
    data = asdict(from_dict(DataSpec, {"source": given} if isinstance(given, str) else given))
    if not data["source"].startswith("sample:"):
        data["source"] = str(Path(data["source"]).resolve())  # a worker elsewhere starts from another folder
    return data


def _settings(name: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{name} must be an object of settings, got {given!r}")
    return given


def _grid(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, dict) or not all(isinstance(values, list) and values for values in given.values()):
        raise ValueError(f"grid must name settings with a list of values each, got {given!r}")
    return [dict(zip(given, values, strict=True)) for values in itertools.product(*given.values())]


def _search(data: dict[str, Any], config: dict[str, Any], chosen: dict[str, Any]) -> Cell:
    values = {**config, **chosen}
    _check_search(values)
    label = " ".join(f"{name}={value}" for name, value in chosen.items()) or "search"
    job = {"kind": "search", "data": data, "config": values, "name": label}
    return Cell(job, f"runs/{fingerprint(job)[:22]}", label)


def _check_search(values: dict[str, Any]) -> dict[str, Any]:
    """The settings as far as they are known without the data; refused where they name what does not exist."""
    given = {**preset(values.get("preset", "default")), **values}
    given.pop("preset", None)
    task = given.get("task", "ctr" if given.get("model") in ("WideDeep", "DeepFM") else "rating")
    check_choice("task", task, TASK_NAMES)
    known = {"task": task, **DEFAULTS_BY_TASK[task], **given}
    from_dict(SearchConfig, known)
    return known


def _shares(job: dict[str, Any]) -> list[Cell]:
    search = _check_search(_settings("search", job["config"].get("search", {})))
    config = from_dict(CompareConfig, {**job["config"], "search": search})
    folder = f"comparisons/{fingerprint(job)[:22]}"
    return [Cell(job, folder, f"compare {method}", method) for method in config.methods]
