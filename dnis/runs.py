"""The run folder: a finished search on disk, in formats that anything can read and that run no code when loaded.

``run.json`` (settings, numbers, facts; written last, so a folder that has it is whole), ``model.safetensors`` (tables,
alpha and its course), ``history.parquet``, ``vocabulary.parquet`` (what each feature is), and where they were made
``sweep.parquet``, ``controls.parquet``, ``retrained-*.json``, ``comparison.json``, ``checkpoint.safetensors``.
"""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dnis.additions import (
    add_controls,
    add_retrained,
    add_sweep,
    load_comparison,
    load_controls,
    load_retrained,
    save_comparison,
)
from dnis.files import plain, read_json, read_table, read_tensors, write_json, write_table, write_tensors
from dnis.reading import DataError
from dnis.records import features_table, history_of, history_table, search_settings, vocabulary_of
from dnis.results import SearchResult
from dnis.settings import DataSpec, from_dict
from dnis.vocabulary import Vocabulary

if TYPE_CHECKING:
    from dnis.splits import Split

__all__ = [
    "Run", "add_controls", "add_retrained", "add_sweep", "load_comparison", "load_run", "save_comparison", "save_run",
]  # fmt: skip

FORMAT = 1
"""Version of the folder's layout."""

ARRAYS = ("alpha", "embeddings", "biases", "block_of", "counts")
"""Arrays of a ``SearchResult`` in ``model.safetensors``, beside ``dense.*`` and the courses."""


@dataclass(frozen=True, eq=False)
class Run:
    """A search as read from its folder.

    ``facts`` holds n_users, n_items, n_features, n_interactions, n_by_part, strategy and unknown (see ``Split``), and
    for planted data planted_rank_correlation. ``sweep`` and each of ``controls`` have the columns of ``dnis.sweep``;
    ``retrained`` are the records of ``add_retrained``, oldest first.
    """

    id: str
    folder: Path
    name: str
    created_s: float
    data: DataSpec
    result: SearchResult
    vocabulary: Vocabulary
    sweep: pd.DataFrame | None = None
    retrained: tuple[dict[str, Any], ...] = ()
    controls: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """The run in a few numbers, ready for JSON."""
        result = self.result
        planted = {k: v for k, v in self.facts.items() if k == "planted_rank_correlation"}
        return plain(
            {
                "task": result.config.task,
                "model": result.config.model,
                "n_interactions": self.facts.get("n_interactions"),
                "n_features": len(result.counts),
                "epochs": len(result.history),
                "elapsed_s": result.elapsed_s,
                "metrics": {part: result.metrics.get(part) for part in ("val", "test")},
                "alpha_mean_by_block": result.alpha.mean(axis=1),
                "warnings": result.warnings,
                "run": self.folder,
                **planted,
            }
        )


def default_name(model: str, source: str) -> str:
    """What a run is called that nobody has named.

    Args:
        model: Name of its model.
        source: Where its data come from.

    Returns:
        Such as ``MF on movielens-small``.
    """
    return f"{model} on {source.rsplit('/', 1)[-1].removeprefix('sample:')}"


def save_run(
    folder: str | Path,
    *,
    data: DataSpec,
    result: SearchResult,
    split: Split,
    sweep: pd.DataFrame | None = None,
    controls: dict[str, pd.DataFrame] | None = None,
    name: str = "",
    facts: dict[str, Any] | None = None,
) -> Path:
    """Write a search into its folder.

    Args:
        folder: Where; made if it is not there.
        data: Which data the search saw.
        result: The search.
        split: The four roles that it saw.
        sweep: What every threshold costs, if that was measured.
        controls: The same for searches whose alpha was held, by name.
        name: What a person calls the run; model and source where empty.
        facts: Facts beyond those that follow from the split.

    Returns:
        The folder.
    """
    folder = Path(folder)
    (folder / "run.json").unlink(missing_ok=True)  # a half-rewritten folder is no run
    table, courses = history_table(result.history)
    tensors = {n: getattr(result, n) for n in ARRAYS}
    dense = {f"dense.{n}": values for n, values in result.dense.items()}
    write_tensors(folder / "model.safetensors", {**tensors, **dense, **courses})
    write_table(folder / "history.parquet", table)
    write_table(folder / "vocabulary.parquet", features_table(split.train.vocabulary))
    if sweep is not None:
        add_sweep(folder, sweep)
    add_controls(folder, controls or {})
    record = {
        "format": FORMAT,
        "name": name or default_name(result.config.model, data.source),
        "created_s": time.time(),
        "data": asdict(data),
        "config": asdict(result.config),
        "metrics": result.metrics,
        "warnings": result.warnings,
        "best_epoch": result.best_epoch,
        "elapsed_s": result.elapsed_s,
        "fields": split.train.vocabulary.fields,
        "item_field": split.train.vocabulary.item_field,
        "facts": {**_facts(split), **(facts or {})},
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("numpy", "torch")}},
    }
    write_json(folder / "run.json", record)
    return folder


def _facts(split: Split) -> dict[str, Any]:
    parts = {n: len(part) for n, part in split.parts.items()}
    return {
        "n_users": split.train.n_users,
        "n_items": split.train.n_items,
        "n_features": split.train.n_features,
        "n_interactions": sum(parts.values()),
        "n_by_part": parts,
        "strategy": split.strategy,
        "unknown": split.unknown,
    }


def load_run(folder: str | Path) -> Run:
    """Read a run.

    Args:
        folder: A folder written by ``save_run``.

    Returns:
        The run.

    Raises:
        DataError: If a file is missing or damaged, or the files do not fit together.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise DataError(f"{folder} is not a run: it has no run.json")
    record = read_json(folder / "run.json")
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise DataError(f"{folder / 'run.json'} has format {found!r}; this version reads format {FORMAT}")
    try:
        vocabulary = vocabulary_of(
            read_table(folder / "vocabulary.parquet").to_pandas(), record["fields"], record["item_field"]
        )
        result = _result(folder, record)
        data = from_dict(DataSpec, record["data"])
        _check_shapes(folder, result, vocabulary)
        known = {n: record[n] for n in ("name", "created_s", "facts", "versions")}
    except KeyError as error:
        raise DataError(f"{folder} is not a whole run: {error.args[0]!r} is missing") from error
    except TypeError as error:
        raise DataError(f"{folder} is not a whole run: {error}") from error
    sweep_file = folder / "sweep.parquet"
    return Run(
        id=folder.resolve().name,
        folder=folder,
        data=data,
        result=result,
        vocabulary=vocabulary,
        sweep=read_table(sweep_file).to_pandas() if sweep_file.is_file() else None,
        retrained=load_retrained(folder),
        controls=load_controls(folder),
        **known,
    )


def _result(folder: Path, record: dict[str, Any]) -> SearchResult:
    arrays, _ = read_tensors(folder / "model.safetensors")
    kept: dict[str, Any] = {n: arrays[n] for n in ARRAYS}
    kept |= {n: record[n] for n in ("best_epoch", "metrics", "elapsed_s")}
    return SearchResult(
        config=search_settings(record["config"]),
        dense={n.removeprefix("dense."): values for n, values in arrays.items() if n.startswith("dense.")},
        history=history_of(read_table(folder / "history.parquet"), arrays),
        warnings=tuple(record["warnings"]),
        **kept,
    )


def _check_shapes(folder: Path, result: SearchResult, vocabulary: Vocabulary) -> None:
    k, n = result.config.embedding_dim, vocabulary.n_features
    n_blocks = int(result.block_of.max(initial=-1)) + 1
    expected = {"embeddings": (n, k), "biases": (n,), "block_of": (n,), "counts": (n,), "alpha": (n_blocks, k)}
    for name, shape in expected.items():
        if getattr(result, name).shape != shape:
            raise DataError(
                f"{folder / 'model.safetensors'}: {name} has shape {getattr(result, name).shape}, expected {shape}"
            )
