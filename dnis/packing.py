"""A pruned table as it would really be stored: the smallest exact layout, index included, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dnis.files import write_tensors
from dnis.ranges import check_choice
from dnis.schemes import LAYOUTS, DimensionScheme


def row_order(scheme: DimensionScheme, layout: str | None = None) -> np.ndarray:
    """Feature that stands in each row of the packed table.

    The block layout numbers its rows in the order of the blocks, so that a row's block follows from its number and
    needs no index; the list of features that goes with every table carries that order for nothing.

    Args:
        scheme: Which dimensions stay.
        layout: One of ``LAYOUTS``; the smallest where None.

    Returns:
        Feature ids, (n_features,).
    """
    if (layout or scheme.layout) == "block":
        return np.argsort(scheme.block_of, kind="stable")
    return np.arange(len(scheme.block_of))


def pack_table(
    scheme: DimensionScheme,
    table: np.ndarray,
    layout: str | None = None,
    projections: dict[int, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Lay out a table so that only what the scheme keeps is stored.

    Args:
        scheme: Which dimensions stay.
        table: Rows as scored (n_features, K), alpha folded in; for a projected scheme the rows before projection.
        layout: One of ``LAYOUTS``; the smallest where None.
        projections: For a projected scheme, (d_l, K) per block with 0 < d_l < K.

    Returns:
        Arrays by name, together ``scheme.bytes_by_layout[layout]`` bytes.

    Raises:
        ValueError: If the table does not fit the scheme, or the layout cannot hold it.
    """
    layout = layout or scheme.layout
    check_choice("layout", layout, LAYOUTS)
    if table.shape != scheme.mask.shape:
        raise ValueError(f"the scheme is for a table of shape {scheme.mask.shape}, got {table.shape}")
    if layout not in scheme.bytes_by_layout:
        raise ValueError(f"layout {layout!r} cannot hold a projected table; only 'block' can")
    table = table.astype(np.float32, copy=False)
    if layout == "dense":
        return {"values": (table * scheme.mask)[:, _used(scheme)]}
    if layout == "bitmask":
        return {"values": table[scheme.mask], "dimensions": np.packbits(scheme.mask, axis=1)}
    if layout == "csr":
        return _pack_csr(scheme, table)
    return _pack_blocks(scheme, table, projections or {})


def save_packed(
    path: str | Path,
    scheme: DimensionScheme,
    table: np.ndarray,
    layout: str | None = None,
    projections: dict[int, np.ndarray] | None = None,
) -> Path:
    """Write a packed table; ``dnis.loader.load_table`` reads it with NumPy alone.

    Args:
        path: The file, by custom ``*.safetensors``.
        scheme: Which dimensions stay.
        table: Rows as scored (n_features, K), alpha folded in.
        layout: One of ``LAYOUTS``; the smallest where None.
        projections: For a projected scheme, (d_l, K) per block with 0 < d_l < K.

    Returns:
        The file.
    """
    layout = layout or scheme.layout
    n_rows, k = scheme.mask.shape
    texts = {"layout": layout, "n_rows": str(n_rows), "embedding_dim": str(k)}
    if layout == "dense":
        texts["columns"] = json.dumps(_used(scheme).tolist())
    path = Path(path)
    write_tensors(path, pack_table(scheme, table, layout, projections), texts)
    return path


def _used(scheme: DimensionScheme) -> np.ndarray:
    return np.flatnonzero(scheme.mask.any(axis=0))


def _pack_csr(scheme: DimensionScheme, table: np.ndarray) -> dict[str, np.ndarray]:
    columns = np.nonzero(scheme.mask)[1]
    row_starts = np.concatenate([[0], np.cumsum(scheme.dims)])
    narrow = np.uint8 if scheme.mask.shape[1] <= 256 else np.uint16
    return {
        "values": table[scheme.mask],
        "columns": columns.astype(narrow),
        "row_starts": row_starts.astype(np.int32),
    }


def _pack_blocks(
    scheme: DimensionScheme, table: np.ndarray, projections: dict[int, np.ndarray]
) -> dict[str, np.ndarray]:
    blocks = range(int(scheme.block_of.max()) + 1)
    kept = np.stack([scheme.mask[scheme.block_of == block].any(axis=0) for block in blocks])
    # a feature may keep fewer dimensions than its block: what it lost is stored as zero
    masked = table * scheme.mask
    packed = {f"block.{block}": masked[scheme.block_of == block][:, kept[block]] for block in blocks}
    packed["dimensions"] = np.packbits(kept, axis=1)
    for block, projection in projections.items():
        packed[f"projection.{block}"] = projection.astype(np.float32)
    return packed
