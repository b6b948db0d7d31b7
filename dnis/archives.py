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

import pyarrow as pa

from dnis.checkpoints import CHECKPOINT
from dnis.delimited import first_line
from dnis.files import disk_fault, read_json, write_json
from dnis.inspection import check_numbers, check_records
from dnis.reading import DataError
from dnis.runs import load_run

MAX_BYTES = 400_000_000
"""Most that the files of a zip may take when unpacked."""

MAX_FILES = 200
"""Most files of a zip; a run has about ten, and one for every retraining."""

_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,60}\.(json|safetensors|parquet)", re.ASCII)
"""What a file of a run is called; nothing else is unpacked."""

_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, LookupError, ArithmeticError,
)  # fmt: skip

_MISFITS = (ValueError, OSError, TypeError, LookupError, AttributeError, ArithmeticError, pa.ArrowException)
"""What files raise that are each whole but do not fit together."""


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
        check_records(folder)
        _point_to_uploads(folder / "run.json", uploads)
        check_numbers(load_run(folder))
    except _MISFITS as error:
        shutil.rmtree(folder, ignore_errors=True)
        said = first_line(error).replace(f"{folder}/", "").replace(str(folder), "the zip")
        raise DataError(said if isinstance(error, DataError) else f"the run in the zip is damaged: {said}") from error
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
    said = error.strerror if isinstance(error, OSError) else first_line(error)
    return f"not a readable zip file: {said or type(error).__name__}"


def _point_to_uploads(path: Path, uploads: Path) -> None:
    """Data are read from where the run says, so an imported run must not say just any place on this machine."""
    record = read_json(path)
    data = record.get("data") if isinstance(record, dict) else None
    if isinstance(data, dict) and not str(data.get("source")).startswith("sample:"):
        digest, name = ("", "", *PurePosixPath(str(data.get("source"))).parts)[-2:]
        data["source"] = str(uploads / re.sub(r"\W", "", digest) / re.sub(r"[^\w.-]", "", name).strip("."))
        write_json(path, record)


def _files_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The run's files by their bare names: folders of the zip are dropped, so no path can lead elsewhere."""
    files: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > MAX_FILES:
        raise DataError(f"the zip holds {len(archive.infolist()):,} files, more than {MAX_FILES}")
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if info.is_dir() or not _NAME.fullmatch(path.name) or path.name == CHECKPOINT:
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
