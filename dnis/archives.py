"""A run that came as a zip, opened without trusting it."""

from __future__ import annotations

import io
import lzma
import re
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from dnis.checkpoints import CHECKPOINT
from dnis.delimited import first_line
from dnis.files import disk_fault, read_json, write_json
from dnis.reading import DataError
from dnis.runs import Run, load_run

MAX_BYTES = 400_000_000
"""Most that the files of a zip may take when unpacked."""

MAX_FILES = 200
"""Most files of a zip; a run has about ten, and one for every retraining."""

ENDINGS = (".json", ".safetensors", ".parquet")
"""Kinds of files that a run folder holds; nothing else is unpacked."""

_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, LookupError, ArithmeticError,
)  # fmt: skip

SWEEP_COLUMNS = ("threshold", "sparsity", "n_values", "n_bytes", "val", "test")
"""What every page expects of a sweep."""


def open_zip(content: bytes, folder: Path, uploads: Path) -> Path:
    """Unpack a run that ``exports.run_zip`` has packed, and check that it is whole.

    Args:
        content: The zip.
        folder: Where the run goes; must not exist yet.
        uploads: Where uploaded files lie: a run that names a file may name one of these only.

    Returns:
        The folder.

    Raises:
        DataError: If it is no zip, holds no run, is too large, or the run is damaged.
        OSError: If the disk takes nothing more.
    """
    try:
        _unpack(content, folder)
    except (*_FAULTS, OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and disk_fault(error):
            raise OSError(error.errno, error.strerror) from error
        raise DataError(_unreadable(error)) from error
    try:
        _point_to_uploads(folder / "run.json", uploads)
        _check_numbers(load_run(folder))
    except (ValueError, OSError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        said = first_line(error).replace(f"{folder}/", "").replace(str(folder), "the zip")
        raise DataError(said or "the run in the zip is damaged") from error
    return folder


def _unpack(content: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = _files_of(archive)
        folder.mkdir(parents=True)
        for name, info in files.items():
            (folder / name).write_bytes(archive.read(info))


def _unreadable(error: Exception) -> str:
    if isinstance(error, DataError):
        return str(error)
    return f"not a readable zip file: {first_line(error) or type(error).__name__}"


def _point_to_uploads(path: Path, uploads: Path) -> None:
    """Data are read from where the run says, so an imported run must not say just any place on this machine."""
    record = read_json(path)
    data = record.get("data") if isinstance(record, dict) else None
    if isinstance(data, dict) and not str(data.get("source")).startswith("sample:"):
        digest, name = ("", "", *PurePosixPath(str(data.get("source"))).parts)[-2:]
        data["source"] = str(uploads / re.sub(r"\W", "", digest) / re.sub(r"[^\w.-]", "", name).strip("."))
        write_json(path, record)


def _check_numbers(run: Run) -> None:
    result = run.result
    if len(result.block_of) == 0 or result.block_of.min() < 0 or result.counts.min() < 0:
        raise DataError("model.safetensors: block_of and counts must hold numbers of at least 0")
    if not all(np.isfinite(values).all() for values in (result.alpha, result.embeddings, result.biases)):
        raise DataError("model.safetensors: alpha, embeddings and biases must be finite")
    for frame in (run.sweep, *run.controls.values()):
        missing = [] if frame is None else [name for name in SWEEP_COLUMNS if name not in frame.columns]
        if missing:
            raise DataError(f"sweep.parquet or controls.parquet: no column {missing[0]!r}")


def _files_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The run's files by their bare names: folders of the zip are dropped, so no path can lead elsewhere."""
    files: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > MAX_FILES:
        raise DataError(f"the zip holds {len(archive.infolist()):,} files, more than {MAX_FILES}")
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if info.is_dir() or path.suffix not in ENDINGS or path.name.startswith(".") or path.name == CHECKPOINT:
            continue  # a checkpoint would be gone on with, and says itself on which file
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"the zip holds a link, {path.name[:60]!r}; a run has none")
        if path.name in files:
            raise DataError(f"the zip holds {path.name[:60]!r} twice; it must hold one run")
        files[path.name] = info
    if "run.json" not in files:
        raise DataError("the zip holds no run.json, so it is not a run")
    size = sum(info.file_size for info in files.values())
    if size > MAX_BYTES:
        raise DataError(f"the run has {size / 1e6:,.0f} MB unpacked, more than {MAX_BYTES / 1e6:,.0f} MB")
    return files
