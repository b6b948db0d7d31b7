"""Read a packed embedding table. This file needs NumPy alone: copy it beside the table, wherever that goes.

table = load_table("table.safetensors")   # (n_rows, K) float32; features.csv says which feature a row is
"""

import json
from pathlib import Path

import numpy as np


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
    texts, arrays = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        low, high = entry["data_offsets"]
        kind = np.dtype(f"<{entry['dtype'][0].lower()}{int(entry['dtype'][1:]) // 8}")  # F32 is "<f4"
        arrays[name] = np.frombuffer(raw[start + low : start + high], kind).reshape(entry["shape"])
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
    table = np.zeros((int(texts["n_rows"]), int(texts["embedding_dim"])), np.float32)
    bits = np.unpackbits(arrays.get("dimensions", np.zeros((0, 1), np.uint8)), axis=1, count=table.shape[1]).astype(
        bool
    )
    if texts["layout"] == "dense":
        table[:, json.loads(texts["columns"])] = arrays["values"]
    elif texts["layout"] == "bitmask":
        table[bits] = arrays["values"]
    elif texts["layout"] == "csr":
        table[np.repeat(np.arange(len(table)), np.diff(arrays["row_starts"])), arrays["columns"]] = arrays["values"]
    elif (
        texts["layout"] == "block"
    ):  # in the order of their rows; each keeps some dimensions, or has a matrix of its own
        lifts = [arrays.get(f"projection.{b}", np.eye(table.shape[1], dtype="f4")[k]) for b, k in enumerate(bits)]
        table[:] = np.concatenate([arrays[f"block.{b}"] @ lift for b, lift in enumerate(lifts)])
    else:
        raise ValueError(f"layout must be one of dense, block, bitmask, csr; got {texts['layout']!r}")
    return table
