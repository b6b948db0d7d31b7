"""A run as the data that the threshold component in the browser draws; no Streamlit in here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dnis.schemes import VALUE_BYTES

if TYPE_CHECKING:
    from dnis.results import SearchResult
    from dnis.runs import Run

BETWEEN = 4
"""Steps of the slider from one measured threshold to the next."""

MASK_ROWS = 160
"""Rows of the mask picture: features spread evenly over the blocks and, inside a block, over its counts."""

MAX_PICTURE_VALUES = 32_000

SIZES = ("sparsity", "n_values", "n_bytes")
METRICS = ("val", "test")


def of_run(run: Run, words: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the slider needs to answer without asking the server.

    Args:
        run: A finished run with its sweep.
        words: Texts of the component.

    Returns:
        What the threshold component takes as data.

    Raises:
        ValueError: If the run has no sweep.
    """
    result = run.result
    measured = _sweep(run)
    thresholds = grid(measured["threshold"].to_numpy(dtype=float))
    sizes = sizes_over(result, thresholds)
    return {
        "id": run.folder.name,
        "columns": result.embeddings.shape[1],
        "full": result.embeddings.size,
        "full_bytes": result.embeddings.size * VALUE_BYTES,
        "features": np.bincount(result.block_of).tolist(),
        "grid": {
            "threshold": thresholds.tolist(),
            **{k: sizes[k].tolist() for k in SIZES},
            "dims": sizes["dims"].round(2).tolist(),
        },
        "measured": _table(measured),
        "controls": {name: _table(table) for name, table in run.controls.items()},
        "retrained": [_point(point) for point in run.retrained],
        "mask": _mask(run),
        "words": dict(words),
    }


def grid(measured: np.ndarray) -> np.ndarray:
    """The thresholds where the slider can stand: every measured one and a few between neighbours.

    Args:
        measured: Thresholds of the sweep, ascending, (n,).

    Returns:
        Ascending thresholds, ((n - 1) * BETWEEN + 1,); every BETWEEN-th is a measured one.
    """
    places = np.arange((len(measured) - 1) * BETWEEN + 1) / BETWEEN
    # rounded to what the table is made of, so that both sides of a comparison with it agree on every entry
    out = np.interp(places, np.arange(len(measured)), measured).astype(np.float32).astype(float)
    out[::BETWEEN] = measured
    return out


def sizes_over(result: SearchResult, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """What ``prune`` would keep at many thresholds at once, and its size as ``DimensionScheme`` counts it.

    One pass over the table: every entry falls into the interval between two thresholds, and counting from the largest
    down gives what is kept. Building a scheme per threshold would take seconds.

    Args:
        result: A finished search.
        thresholds: Ascending, (n,).

    Returns:
        ``sparsity``, ``n_values``, ``n_bytes`` (n,) and ``dims``, mean kept dimensions per feature and block
        (n, n_blocks).
    """
    weight = np.abs(result.weighted)
    n, k = weight.shape
    n_blocks, n_steps = int(result.block_of.max()) + 1, len(thresholds)
    members = np.bincount(result.block_of, minlength=n_blocks)
    # an entry of exactly 0 is never kept, whatever the threshold
    reached = np.where(weight > 0, np.searchsorted(thresholds, weight, side="right"), 0)
    cell = result.block_of[:, None].astype(np.int64) * (n_steps + 1) + reached
    counted = np.bincount(cell.ravel(), minlength=n_blocks * (n_steps + 1)).reshape(n_blocks, n_steps + 1)
    kept = counted[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T  # (n, n_blocks)
    last = np.zeros((n_blocks, k), dtype=np.int64)
    np.maximum.at(last, result.block_of, reached)
    union = (last[None] > np.arange(n_steps)[:, None, None]).sum(axis=2)  # (n, n_blocks)
    used = (last.max(axis=0)[None] > np.arange(n_steps)[:, None]).sum(axis=1)
    n_values = kept.sum(axis=1)
    row_bits = -(-k // 8)
    layouts = [
        (union * members).sum(axis=1) * VALUE_BYTES + n_blocks * row_bits,
        n * used * VALUE_BYTES,
        n_values * VALUE_BYTES + n * row_bits,
        n_values * (VALUE_BYTES + (1 if k <= 256 else 2)) + 4 * (n + 1),
    ]
    return {
        "sparsity": 1.0 - n_values / weight.size,
        "n_values": n_values,
        "n_bytes": np.minimum.reduce(layouts),
        "dims": kept / np.maximum(members, 1),
    }


def _sweep(run: Run) -> pd.DataFrame:
    if run.sweep is None:
        raise ValueError(f"run {run.id} has no sweep, so there is no curve to draw")
    return run.sweep


def _table(frame: pd.DataFrame) -> dict[str, list[float | None]]:
    names = [name for name in ("threshold", *SIZES, *METRICS) if name in frame]
    return {name: [_number(v) for v in frame[name]] for name in names}


def _point(point: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: _number(point.get(name)) for name in ("threshold", *SIZES, *METRICS)}


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _mask(run: Run) -> dict[str, Any]:
    result = run.result
    k = result.embeddings.shape[1]
    n_blocks = int(result.block_of.max()) + 1
    per_block = max(1, min(MASK_ROWS, MAX_PICTURE_VALUES // k) // n_blocks)
    rows = np.concatenate(
        [_spread(np.flatnonzero(result.block_of == block), result.counts, per_block) for block in range(n_blocks)]
    )
    weight = np.abs(result.weighted[rows]).astype(np.float32)
    return {
        "values": base64.b64encode(weight.tobytes()).decode(),
        "block": result.block_of[rows].tolist(),
        "count": result.counts[rows].astype(int).tolist(),
        "label": [run.vocabulary.label(int(i)) for i in rows],
        "high": float(np.quantile(np.abs(result.weighted), 0.995)) or 1.0,
    }


def _spread(members: np.ndarray, counts: np.ndarray, wanted: int) -> np.ndarray:
    ordered = members[np.argsort(-counts[members], kind="stable")]
    return ordered[np.linspace(0, len(ordered) - 1, min(wanted, len(ordered))).round().astype(int)]


def points_table(run: Run) -> pd.DataFrame:
    """The retrained points of a run as a table.

    Args:
        run: A run with its sweep.

    Returns:
        threshold, n_values, share [of the full table], n_kb [kB], val, test, change [of test against the uncut table,
        in per cent].
    """
    uncut = float(_sweep(run)["test"].iloc[0])
    rows = [_point(point) for point in run.retrained]
    for row in rows:
        row["share"] = None if row["n_values"] is None else row["n_values"] / run.result.embeddings.size
        row["n_kb"] = None if row["n_bytes"] is None else row["n_bytes"] / 1000
        row["change"] = None if row["test"] is None else 100 * (row["test"] - uncut) / abs(uncut)
    return pd.DataFrame(rows, columns=["threshold", "n_values", "share", "n_kb", "val", "test", "change"], dtype=float)
