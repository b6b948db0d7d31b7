"""A run that came as a zip, opened without trusting it."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from dnis.checkpoints import CHECKPOINT
from dnis.files import read_json, write_json
from dnis.reading import DataError
from dnis.runs import Run, load_run

MAX_BYTES = 400_000_000
"""Most that the files of a zip may take when unpacked."""

ENDINGS = (".json", ".safetensors", ".parquet")
"""Kinds of files that a run folder holds; nothing else is unpacked."""

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
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = _files_of(archive)
            folder.mkdir(parents=True)
            for name, info in files.items():
                (folder / name).write_bytes(archive.read(info))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(f"not a readable zip file: {error}") from error
    try:
        _point_to_uploads(folder / "run.json", uploads)
        _check_numbers(load_run(folder))
    except (ValueError, OSError, TypeError, KeyError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(str(error).replace(f"{folder}/", "").replace(str(folder), "the zip")) from error
    return folder


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
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if info.is_dir() or path.suffix not in ENDINGS or path.name.startswith(".") or path.name == CHECKPOINT:
            continue  # a checkpoint would be gone on with, and says itself on which file
        if path.name in files:
            raise DataError(f"the zip holds {path.name!r} twice; it must hold one run")
        files[path.name] = info
    if "run.json" not in files:
        raise DataError("the zip holds no run.json, so it is not a run")
    size = sum(info.file_size for info in files.values())
    if size > MAX_BYTES:
        raise DataError(f"the run has {size / 1e6:,.0f} MB unpacked, more than {MAX_BYTES / 1e6:,.0f} MB")
    return files
