"""What the files of a run that came from elsewhere must look like before anything is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dnis.additions import COMPARISON
from dnis.files import read_json
from dnis.reading import DataError
from dnis.runs import FORMAT
from dnis.settings import SPLIT_STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnis.results import SearchResult
    from dnis.runs import Run

SWEEP_COLUMNS = ("threshold", "sparsity", "n_values", "n_bytes", "val", "test")
"""What every page expects of a sweep."""

_TEXT = {"type": "string", "maxLength": 500}
_NUMBER = {"type": "number", "minimum": -1e18, "maximum": 1e18}
_SIZE = {**_NUMBER, "minimum": 0}
_MAYBE = {"anyOf": [_NUMBER, {"type": "null"}]}
_TEXTS = {"type": "array", "items": _TEXT, "maxItems": 1000}
_MEASURED = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _MAYBE}}


def _record(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


_DATA = _record(
    {"source": _TEXT},
    {
        "columns": {"type": "array", "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}},
        "strategy": {"enum": [*SPLIT_STRATEGIES, None]},
    },
)

_RUN = _record(
    {
        "format": {"const": FORMAT},
        "name": _TEXT,
        "created_s": {**_SIZE, "maximum": 2e11},  # later years have five digits, which no calendar writes
        "data": _DATA,
        "config": {"type": "object"},
        "metrics": _MEASURED,
        "warnings": _TEXTS,
        "best_epoch": {"type": "integer", "minimum": 0, "maximum": 10**6},
        "elapsed_s": _SIZE,
        "fields": {**_TEXTS, "minItems": 1},
        "item_field": {"type": ["string", "null"]},
        "facts": _record({}, {"n_interactions": {"type": ["integer", "null"]}}),
        "versions": {"type": "object", "additionalProperties": _TEXT},
    }
)

_RETRAINED = _record(
    {"created_s": _SIZE, **dict.fromkeys(("threshold", "sparsity", "n_values", "n_bytes"), _SIZE), "test": _NUMBER},
    {"val": _MAYBE, "metric": _TEXT},
)

_ROW = _record(
    {"method": _TEXT, **dict.fromkeys(("n_bytes", "sd"), _SIZE), "mean": _NUMBER},
    {
        **dict.fromkeys(
            ("compression", "embedding_dim", "n_values", "val", "difference", "low", "high", "elapsed_s"), _MAYBE
        ),
        "layout": {"type": ["string", "null"], "maxLength": 100},
        "seeds": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 10**6}, {"type": "array"}]},
        "on_frontier": {"type": ["boolean", "null"]},
        "settings": {"anyOf": [{"type": "null"}, _record({}, dict.fromkeys(("lr", "l2", "l2_nu"), _MAYBE))]},
    },
)

_COMPARISON = _record(
    {
        "rows": {"type": "array", "items": _ROW, "maxItems": 10_000},
        "verdict": _TEXTS,
        "metric": _TEXT,
        "higher_is_better": {"type": "boolean"},
    },
    {
        "model": _TEXT,
        "config": {
            "anyOf": [
                {"type": "null"},
                _record({}, {"seeds": {"type": "array"}, "n_trials": _MAYBE, "n_bootstrap": _MAYBE}),
            ]
        },
    },
)

_EPOCHS = {
    "type": "array",
    "items": _record({
        "epoch": {"type": "integer", "minimum": 0, "maximum": 10**6}, "phase": _TEXT, "alpha_travel": _NUMBER,
        "seconds": _SIZE, "losses": {"type": "object", "additionalProperties": _MAYBE}, "notes": _TEXTS,
    }),
}  # fmt: skip


def check_records(folder: Path) -> None:
    """Refuse a run whose JSON files hold something else than they should.

    Args:
        folder: The run's folder.

    Raises:
        DataError: If a file is damaged, or a value in it missing or of another kind.
    """
    _check("run.json", read_json(folder / "run.json"), _RUN)
    for path in sorted(folder.glob("retrained-*.json")):
        _check(path.name, read_json(path), _RETRAINED)
    if (folder / COMPARISON).is_file():
        check_comparison(read_json(folder / COMPARISON))


def check_comparison(record: Any) -> dict[str, Any]:
    """Refuse a comparison that lacks what the pages draw.

    Args:
        record: As read from its file.

    Returns:
        The same record.

    Raises:
        DataError: If something is missing or of another kind.
    """
    _check(COMPARISON, record, _COMPARISON)
    return record


def check_numbers(run: Run) -> None:
    """Refuse a run whose arrays and tables hold what cannot be drawn or reckoned with.

    Args:
        run: The run as loaded.

    Raises:
        DataError: If a number is out of its range or not finite, or a column is missing or holds no numbers.
    """
    _check_arrays(run.result)
    told = ("epoch", "phase", "alpha_travel", "seconds", "losses", "notes")
    epochs = [{name: _listed(getattr(event, name)) for name in told} for event in run.result.history]
    _check("history.parquet", epochs, _EPOCHS)
    for frame in (run.sweep, *run.controls.values()):
        if frame is not None:
            _check_sweep(frame)


def _check_arrays(result: SearchResult) -> None:
    for name in ("block_of", "counts"):
        values = getattr(result, name)
        if not len(values) or values.dtype.kind not in "iu" or values.min() < 0:
            raise DataError(f"model.safetensors: {name} must hold whole numbers of at least 0")
    if not np.bincount(result.block_of).all():
        raise DataError("model.safetensors: block_of leaves a block without features")
    arrays = {name: getattr(result, name) for name in ("alpha", "embeddings", "biases")} | result.dense
    shapes = {"alpha": result.alpha.shape, "dims_by_block": result.alpha.shape[:1]}
    for name, shape in shapes.items():
        course = [getattr(event, name) for event in result.history if getattr(event, name) is not None]
        if any(values.shape != shape for values in course):
            raise DataError(f"model.safetensors: {name} of every epoch must have the shape {shape}")
        arrays |= {f"{name} of an epoch": np.stack(course)} if course else {}
    for name, values in arrays.items():
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise DataError(f"model.safetensors: {name[:60]} must hold finite numbers")


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_sweep(frame: pd.DataFrame) -> None:
    for name in SWEEP_COLUMNS:
        if name not in frame.columns:
            raise DataError(f"sweep.parquet or controls.parquet: no column {name!r}")
        if frame[name].dtype.kind not in "fiu" or not np.isfinite(frame[name]).all():
            raise DataError(f"sweep.parquet or controls.parquet: column {name!r} must hold finite numbers")
    if not len(frame):
        raise DataError("sweep.parquet or controls.parquet has no rows")


def _check(name: str, record: Any, schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  only strangers' files need it, and it is slow to load
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    fault = best_match(Draft202012Validator(schema).iter_errors(record))
    if fault is not None:
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{str(p)[:40]}" for p in fault.absolute_path)
        raise DataError(f"{name}: {place.strip('.') or 'it'} is not as it should be: {_said(fault)}")


def _said(fault: Any) -> str:
    """What the schema asks for; the value is left out, since it may be of any length."""
    if fault.validator == "required":
        return fault.message
    return f"{fault.validator} {str(fault.validator_value)[:80]} is asked for"
