"""What is added to a run's folder after the search: the cost of every threshold, retrained points, a comparison."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import pandas as pd

from dnis.files import read_json, read_table, write_json, write_table
from dnis.reading import DataError
from dnis.results import Comparison
from dnis.settings import CompareConfig, from_dict

COMPARISON, CONTROLS, SWEEP = "comparison.json", "controls.parquet", "sweep.parquet"
"""Names of files in a run folder."""


def rename_run(folder: str | Path, name: str) -> None:
    """Give a run another name.

    Args:
        folder: The run's folder.
        name: What a person calls it.

    Raises:
        ValueError: If the name is empty or longer than 100 characters.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ValueError(f"the name of a run must have 1 to 100 characters, got {len(name)}")
    path = Path(folder) / "run.json"
    write_json(path, {**read_json(path), "name": name})


def add_sweep(folder: str | Path, sweep: pd.DataFrame) -> None:
    """Add what every threshold costs to a run.

    Args:
        folder: The run's folder.
        sweep: As made by ``dnis.sweep``.
    """
    write_table(Path(folder) / SWEEP, sweep)


def add_controls(folder: str | Path, controls: dict[str, pd.DataFrame]) -> None:
    """Add what every threshold costs where alpha was not searched.

    Args:
        folder: The run's folder.
        controls: Tables like that of ``add_sweep``, by name.
    """
    if controls:
        together = pd.concat([table.assign(control=name) for name, table in controls.items()])
        write_table(Path(folder) / CONTROLS, together)


def load_controls(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read the controls of a run.

    Args:
        folder: The run's folder.

    Returns:
        Tables by name; none where none were added.
    """
    path = Path(folder) / CONTROLS
    if not path.is_file():
        return {}
    grouped = read_table(path).to_pandas().groupby("control", sort=False)
    return {str(name): table.drop(columns="control").reset_index(drop=True) for name, table in grouped}


def drop_additions(folder: str | Path) -> None:
    """Remove what was measured on an earlier state of a run: a search that goes on is another search.

    Args:
        folder: The run folder.
    """
    folder = Path(folder)
    for path in [folder / COMPARISON, folder / CONTROLS, folder / SWEEP, *folder.glob("retrained-*.json")]:
        path.unlink(missing_ok=True)


def add_retrained(folder: str | Path, record: dict[str, Any]) -> None:
    """Add one retrained point to a run; several may be added at the same time.

    Args:
        folder: The run's folder.
        record: threshold, n_values, n_bytes, sparsity, val, test and whatever else is worth keeping.
    """
    # a file for each, so that two retrainings that end together do not overwrite each other
    target = Path(folder) / f"retrained-{secrets.token_hex(6)}.json"
    write_json(target, {"created_s": time.time(), **record})


def load_retrained(folder: str | Path) -> tuple[dict[str, Any], ...]:
    """Read the retrained points of a run.

    Args:
        folder: The run's folder.

    Returns:
        The records, oldest first.

    Raises:
        DataError: If a file is damaged.
    """
    records = [read_json(path) for path in sorted(Path(folder).glob("retrained-*.json"))]
    return tuple(sorted(records, key=lambda record: record["created_s"]))


def save_comparison(folder: str | Path, comparison: Comparison) -> Path:
    """Write a comparison.

    Args:
        folder: A run's folder, or one of its own.
        comparison: The comparison.

    Returns:
        The file.
    """
    path = Path(folder) / COMPARISON
    write_json(path, comparison)
    return path


def load_comparison(folder: str | Path) -> Comparison:
    """Read a comparison.

    Args:
        folder: The folder that ``save_comparison`` wrote to.

    Returns:
        The comparison.

    Raises:
        DataError: If there is none, or it is damaged.
    """
    path = Path(folder) / COMPARISON
    record = read_json(path)
    try:
        plain_part = {name: record[name] for name in ("metric", "higher_is_better", "task", "model", "full_bytes")}
        return Comparison(
            **plain_part,
            rows=tuple(record["rows"]),
            verdict=tuple(record["verdict"]),
            config=from_dict(CompareConfig, record["config"]),
            elapsed_s=record["elapsed_s"],
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is not a whole comparison: {type(error).__name__} {error}") from error
