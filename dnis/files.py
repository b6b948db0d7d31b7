"""Files that are either whole or not there: JSON, tensors and tables, written under another name and then renamed."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from dnis.delimited import first_line
from dnis.reading import DataError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part of it.

    Args:
        path: Where; its folder is made if it is not there.
        content: The bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def disk_fault(error: OSError) -> str | None:
    """What a disk that takes nothing more is called, without the place where it happened.

    Args:
        error: What the system said.

    Returns:
        One sentence, or None where the disk is not to blame.
    """
    return {
        errno.ENOSPC: "The disk of this server is full: nothing new can be kept until old runs are removed.",
        errno.EDQUOT: "The disk quota of this server is used up: nothing new can be kept until old runs are removed.",
        errno.EROFS: "The folder for runs is on a read-only disk: nothing can be kept here.",
        errno.EACCES: "This server may not write to its folder for runs: nothing can be kept here.",
    }.get(error.errno or 0)


def plain(value: Any) -> Any:
    """Turn records, arrays and numbers into what strict JSON can hold; a number that is not finite becomes null.

    Args:
        value: A record, mapping, sequence, array, number, text or None.

    Returns:
        The same in dicts, lists, numbers and texts.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a value as strict, readable JSON.

    Args:
        path: Where.
        value: Anything that ``plain`` accepts.
    """
    write_whole(path, (json.dumps(plain(value), indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Args:
        path: Where.

    Returns:
        The value.

    Raises:
        DataError: If the file is missing or is not JSON.
    """
    _need(path)
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def write_tensors(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write named arrays as safetensors.

    Args:
        path: Where.
        arrays: The arrays by name.
        metadata: Texts kept in the file's header.
    """
    # asarray, not ascontiguousarray: the latter would turn a scalar into a vector
    tidy = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_whole(path, safetensors.numpy.save(tidy, metadata))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read named arrays and the header's texts.

    Args:
        path: A safetensors file.

    Returns:
        The arrays by name, and the metadata.

    Raises:
        DataError: If the file is missing or damaged.
    """
    _need(path)
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:  # NumPy has no type for some
        raise DataError(f"{path} is not a readable safetensors file: {first_line(error)}") from error


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of a safetensors file, of which only the header is read.

    Args:
        path: The file.

    Returns:
        Shapes by name.

    Raises:
        DataError: If the file is missing or damaged.
    """
    _need(path)
    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{path} is not a readable safetensors file: {first_line(error)}") from error


def write_table(path: Path, table: pa.Table | pd.DataFrame) -> None:
    """Write a table as Parquet.

    Args:
        path: Where.
        table: The table; a frame loses its index.
    """
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    out = io.BytesIO()
    pq.write_table(table, out)
    write_whole(path, out.getvalue())


def read_table(path: Path) -> pa.Table:
    """Read a Parquet table.

    Args:
        path: Where.

    Returns:
        The table.

    Raises:
        DataError: If the file is missing or damaged.
    """
    _need(path)
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file: {first_line(error)}") from error


def _need(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing")
