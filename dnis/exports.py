"""A run in the files that other programs read: spreadsheet, NumPy, safetensors, Embedding Projector, zip."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dnis import loader
from dnis.checkpoints import CHECKPOINT
from dnis.packing import row_order, save_packed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnis.results import Fitted
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

_FORMULA_START = ("=", "+", "-", "@", "\t", "\n", "\0")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ZIP_TIME = (2020, 1, 1, 0, 0, 0)


def spreadsheet_text(text: object) -> str:
    """Text that a spreadsheet shows instead of running it as a formula.

    Args:
        text: A cell's text.

    Returns:
        The text, led by an apostrophe where it would start a formula; with line feeds, which files quote, for returns.
    """
    cell = str(text).replace("\r\n", "\n").replace("\r", "\n")
    risky = cell.startswith(_FORMULA_START) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if risky else cell


def safe_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose text cells and headers are safe in a spreadsheet.

    Args:
        frame: Any table.

    Returns:
        A copy; numbers are untouched.
    """
    columns = {}
    for name in frame.columns:
        column = frame[name]
        is_text = not pd.api.types.is_numeric_dtype(column.dtype)
        columns[spreadsheet_text(name)] = column.map(spreadsheet_text, na_action="ignore") if is_text else column
    return pd.DataFrame(columns)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8, safe to open in a spreadsheet."""
    return safe_frame(frame).to_csv(index=False, lineterminator="\n").encode()


def scheme_frame(run: Run, scheme: DimensionScheme, n_rows: int | None = None) -> pd.DataFrame:
    """What every feature keeps, one row per feature, in the order of the packed table's rows.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        n_rows: Only so many rows, as a sample; all where None.

    Returns:
        Columns row, feature_id, field, raw_id, title, count, block, dims, kept_dimensions; ids, blocks and
        dimensions count from 0.
    """
    ids = row_order(scheme)[:n_rows]
    named = [run.vocabulary.decode(int(i)) for i in ids]
    return pd.DataFrame(
        {
            "row": np.arange(len(ids)),
            "feature_id": ids,
            "field": [field for field, _ in named],
            "raw_id": [raw for _, raw in named],
            "title": [run.vocabulary.label(int(i)) for i in ids],
            "count": run.result.counts[ids],
            "block": scheme.block_of[ids],
            "dims": scheme.dims[ids],
            "kept_dimensions": [" ".join(map(str, np.flatnonzero(row))) for row in scheme.mask[ids]],
        }
    )


def packed_zip(run: Run, scheme: DimensionScheme, model: Fitted | None = None) -> bytes:
    """The pruned table in its smallest exact layout, the list of its rows, and a loader that needs NumPy alone.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        model: Whose numbers; the search's own, pruned, where None.

    Returns:
        A zip of table.safetensors, features.csv and load_table.py.
    """
    return _zip(
        {
            "table.safetensors": packed_bytes(scheme, (model or run.result.fitted(scheme.mask)).embeddings),
            "features.csv": csv_bytes(scheme_frame(run, scheme)),
            "load_table.py": loader_source().encode(),
        }
    )


def packed_bytes(scheme: DimensionScheme, table: np.ndarray) -> bytes:
    """The packed table alone.

    Args:
        scheme: Which dimensions stay.
        table: Rows as scored, (n_features, K).

    Returns:
        The content of a safetensors file.
    """
    with tempfile.TemporaryDirectory() as folder:
        return save_packed(Path(folder) / "table.safetensors", scheme, table).read_bytes()


def loader_source() -> str:
    """The loader as Python source: one file that needs NumPy alone."""
    return Path(loader.__file__).read_text(encoding="utf-8")


def npz_arrays(run: Run, scheme: DimensionScheme, model: Fitted | None = None) -> dict[str, np.ndarray]:
    """All numbers of the pruned model as plain arrays.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        model: Whose numbers; the search's own, pruned, where None.

    Returns:
        embeddings (n_features, K) with zeros where cut, biases, mask, dims, alpha, block_of, counts and dense.NAME.
    """
    fitted = model or run.result.fitted(scheme.mask)
    dense = {f"dense.{name}": np.asarray(value) for name, value in fitted.dense.items()}
    return {
        "embeddings": fitted.embeddings, "biases": fitted.biases, "mask": scheme.mask, "dims": scheme.dims,
        "alpha": run.result.alpha, "block_of": run.result.block_of, "counts": run.result.counts, **dense,
    }  # fmt: skip


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as one compressed NumPy archive; nothing in it is pickled.

    Args:
        arrays: Arrays by name.

    Returns:
        The content of a ``.npz`` file.
    """
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def projector_texts(run: Run, scheme: DimensionScheme, n_rows: int | None = None) -> tuple[str, str]:
    """The pair of files that the Embedding Projector loads.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        n_rows: Only so many rows, as a sample; all where None.

    Returns:
        The vectors and the metadata, as tab-separated text; features never seen in training are left out.
    """
    ids = np.flatnonzero(run.result.counts > 0)[:n_rows]
    table = run.result.fitted(scheme.mask).embeddings[ids] + 0.0  # a cut value is 0, not -0
    vectors = "\n".join("\t".join(f"{value:.6g}" for value in row) for row in table)
    rows = ["label\tfield\tcount\tdims"]
    for i in ids:
        label, field = _one_cell(run.vocabulary.label(int(i))), _one_cell(run.vocabulary.decode(int(i))[0])
        rows.append(f"{label}\t{field}\t{run.result.counts[i]}\t{int(scheme.mask[i].sum())}")
    return vectors + "\n", "\n".join(rows) + "\n"


def projector_zip(run: Run, scheme: DimensionScheme) -> bytes:
    """Both files for the Embedding Projector.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.

    Returns:
        A zip of vectors.tsv and metadata.tsv.
    """
    vectors, metadata = projector_texts(run, scheme)
    return _zip({"vectors.tsv": vectors.encode(), "metadata.tsv": metadata.encode()})


def run_zip(folder: Path) -> bytes:
    """The whole run folder as one file.

    Args:
        folder: A run folder.

    Returns:
        A zip whose paths start with the folder's name; hidden files, which are drafts, and the cells of an unfinished
        comparison stay out.
    """
    return _zip({f"{folder.name}/{path.name}": _public(path) for path in run_files(folder)})


def _is_public(path: Path) -> bool:
    """A checkpoint is the server's own business: it names where the data lie there."""
    return path.is_file() and not path.name.startswith(".") and path.name != CHECKPOINT


def run_files(folder: Path) -> list[Path]:
    """Files of a run folder that are worth taking along, by name."""
    return sorted(path for path in folder.iterdir() if _is_public(path))


def _public(path: Path) -> bytes:
    """A file's content; of a run on an uploaded file its hash and name, not where this machine keeps it."""
    content = path.read_bytes()
    if path.name != "run.json":
        return content
    record = json.loads(content)
    source = record["data"]["source"]
    if source.startswith("sample:"):
        return content
    record["data"]["source"] = "/".join(Path(source).parts[-2:])
    return (json.dumps(record, indent=1) + "\n").encode()


def _one_cell(text: str) -> str:
    return spreadsheet_text(" ".join(text.split()))


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # a fixed time: equal runs give equal bytes
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
