"""Read a packed embedding table. This file needs NumPy alone: copy it beside the table, wherever that goes.

table = load_table("table.safetensors")   # (n_rows, K) float32; features.csv says which feature a row is
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

DTYPES = {"F32": np.float32, "U8": np.uint8, "U16": np.uint16, "I32": np.int32}
"""Number types that a packed table uses, by their safetensors name."""


def read_packed(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays of a packed table, and the texts of its header.

    Args:
        path: A file written by ``dnis.packing.save_packed``.

    Returns:
        Arrays by name, and the header's texts.
    """
    raw = Path(path).read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    texts = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        low, high = entry["data_offsets"]
        flat = np.frombuffer(raw[start + low : start + high], dtype=DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays, texts


def load_table(path: str | Path) -> np.ndarray:
    """Unpack the whole table.

    Args:
        path: A file written by ``dnis.packing.save_packed``.

    Returns:
        The table (n_rows, K) float32, zero where a dimension was cut.

    Raises:
        ValueError: If the layout that the header names is unknown.
    """
    arrays, texts = read_packed(path)
    layout, n_rows, k = texts["layout"], int(texts["n_rows"]), int(texts["embedding_dim"])
    table = np.zeros((n_rows, k), dtype=np.float32)
    if layout == "dense":
        table[:, json.loads(texts["columns"])] = arrays["values"]
    elif layout == "bitmask":
        table[_bits(arrays["dimensions"], k)] = arrays["values"]
    elif layout == "csr":
        row_of = np.repeat(np.arange(n_rows), np.diff(arrays["row_starts"]))
        table[row_of, arrays["columns"]] = arrays["values"]
    elif layout == "block":
        _fill_blocks(table, arrays)
    else:
        raise ValueError(f"layout must be one of dense, block, bitmask, csr; got {layout!r}")
    return table


def _bits(packed: np.ndarray, k: int) -> np.ndarray:
    return np.unpackbits(packed, axis=1, count=k).astype(bool)


def _fill_blocks(table: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    first = 0
    for block, kept in enumerate(_bits(arrays["dimensions"], table.shape[1])):
        rows = arrays[f"block.{block}"]
        here = slice(first, first + len(rows))
        if f"projection.{block}" in arrays:
            table[here] = rows @ arrays[f"projection.{block}"]
        else:
            table[here, kept] = rows
        first += len(rows)
