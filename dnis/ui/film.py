"""A search as the data that the player in the browser draws; no Streamlit in here."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.ui import texts

if TYPE_CHECKING:
    from dnis.results import SearchResult

MAX_ROWS = 64
"""More blocks than this are drawn as means over neighbours: no screen shows more rows that a person could point at."""

MAX_BYTES = 400_000
"""A film is sent again at every tick of the clock; frames are left out beyond this size."""


def of_result(result: SearchResult, words: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The film of a finished search.

    Args:
        result: The search with its history.
        words: Texts of the player.
        more: Further keys of the film, such as ``id`` or ``compact``.

    Returns:
        What the player component takes as data.
    """
    events = [dataclasses.asdict(event) for event in result.history]
    names = _blocks(result.block_of, result.counts, words)
    words = _said(words, result.config.lr_alpha, result.config.blocks)
    return film(events, words, names=names, n_dims=result.config.embedding_dim, best=result.best_epoch, **more)


def of_events(
    events: Sequence[Mapping[str, Any]], config: Mapping[str, Any], words: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """The film of a search that is under way, from the worker's events.

    Args:
        events: Everything that the worker has said so far.
        config: Settings of the search.
        words: Texts of the player.
        more: Further keys of the film, such as ``id`` or ``live``.

    Returns:
        What the player component takes as data.
    """
    epochs = [e for e in events if e["event"] == "epoch"]
    shown = next((e["alpha"] for e in epochs if e.get("alpha") is not None), None)
    n_blocks = int(config["n_blocks"]) if shown is None else len(shown)
    names = [{"name": str(i), "about": ""} for i in range(n_blocks)]
    total = next((e["epochs"] for e in reversed(epochs) if e.get("epochs")), 0)
    words = _said(words, float(config["lr_alpha"]), config.get("blocks", ""))
    return film(epochs, words, names=names, n_dims=int(config["embedding_dim"]), total=total, **more)


def _said(words: Mapping[str, Any], lr_alpha: float, blocks: str) -> Mapping[str, Any]:
    """The texts, with what is so where alpha is frozen or blocks are made within each field."""
    words = texts.by_blocks(words, blocks)
    return words if lr_alpha > 0 else {**words, "search": words["frozen"]}


def film(
    epochs: Sequence[Mapping[str, Any]],
    words: Mapping[str, Any],
    *,
    names: list[dict[str, str]],
    n_dims: int,
    **more: Any,
) -> dict[str, Any]:
    """Epochs as frames of one byte per block and dimension, with the curves beside them.

    Args:
        epochs: One mapping per epoch, with the fields of ``EpochEvent``.
        words: Texts of the player.
        names: ``name`` and ``about`` per block.
        n_dims: Dimensions, the width of the picture.
        more: Further keys of the film.

    Returns:
        What the player component takes as data.
    """
    step = max(1, math.ceil(len(names) / MAX_ROWS))
    names = [_joined(names[i : i + step]) for i in range(0, len(names), step)]
    frames, pictures = _frames(epochs, step, len(names) * n_dims)
    return {
        "epochs": [int(e["epoch"]) for e in epochs],
        "phases": [str(e["phase"]) for e in epochs],
        "frames": frames,
        "alpha": base64.b64encode(pictures).decode(),
        "dims": [_numbers(_pooled(e.get("dims_by_block"), step, len(names)), 2) for e in epochs],
        "width": max([1.0, *(float(np.max(e["dims_by_block"])) for e in epochs if _filled(e.get("dims_by_block")))]),
        "travel": [round(float(e.get("alpha_travel") or 0.0), 4) for e in epochs],
        "seconds": _numbers([e.get("seconds") or 0.0 for e in epochs], 2),
        "losses": _losses(epochs),
        "notes": sorted([*_kept(more.get("best", 0), words), *_notes(epochs)], key=lambda note: note[0]),
        "blocks": names,
        "columns": n_dims,
        "words": dict(words),
        "best": 0, "total": 0, "live": False, "compact": False, "autoplay": False, "metric": "", "id": "",
        **more,
    }  # fmt: skip


def _blocks(block_of: np.ndarray, counts: np.ndarray, words: Mapping[str, Any]) -> list[dict[str, str]]:
    out = []
    for block in range(int(block_of.max()) + 1):
        inside = counts[block_of == block]
        about = words["about"].format(features=f"{len(inside):,}", low=f"{inside.min():,}", high=f"{inside.max():,}")
        out.append({"name": str(block), "about": about})
    return out


def _joined(names: list[dict[str, str]]) -> dict[str, str]:
    return names[0] if len(names) == 1 else {"name": f"{names[0]['name']} to {names[-1]['name']}", "about": ""}


def _frames(epochs: Sequence[Mapping[str, Any]], step: int, size: int) -> tuple[list[int], bytes]:
    """Per epoch the number of the frame to show, and the frames; the newest epoch always has its own."""
    stride = max(1, math.ceil(len(epochs) * size / MAX_BYTES))
    numbers, pictures = [], []
    blank = bytes([255]) * size
    for i, epoch in enumerate(epochs):
        if i % stride == 0 or i == len(epochs) - 1:
            alpha = epoch.get("alpha")
            pictures.append(blank if alpha is None else _grey(_pooled(alpha, step, 0)))
        numbers.append(len(pictures) - 1)
    return numbers, b"".join(pictures)


def _grey(alpha: np.ndarray) -> bytes:
    return np.rint(np.clip(np.nan_to_num(alpha), 0.0, 1.0) * 255).astype(np.uint8).tobytes()


def _pooled(values: Any, step: int, n_rows: int) -> np.ndarray:
    if not _filled(values):
        return np.zeros(n_rows)
    rows = np.asarray(values, dtype=float)
    return rows if step == 1 else np.stack([rows[i : i + step].mean(axis=0) for i in range(0, len(rows), step)])


def _filled(values: Any) -> bool:
    return values is not None and len(values) > 0


def _losses(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for e in epochs for name in e["losses"])
    return {name: _numbers([e["losses"].get(name) for e in epochs], 6) for name in names}


def _numbers(values: Any, digits: int) -> list[float | None]:
    # JSON has no NaN: a loss that left the numbers is a gap in its curve
    return [round(float(v), digits) if v is not None and math.isfinite(v) else None for v in values]


def _notes(epochs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [[int(e["epoch"]), _beside(str(note), e["epoch"])] for e in epochs for note in e.get("notes") or ()]


def _kept(best: int, words: Mapping[str, Any]) -> list[list[Any]]:
    return [[best, words["kept"]]] if best else []


def _beside(note: str, epoch: int) -> str:
    """A sentence that stands beside its epoch, without the epoch."""
    return note.replace(f" in epoch {epoch}", "").replace(f" (epoch {epoch})", "")
