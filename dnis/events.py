"""What an epoch shows: dimensions per block if the table were cut now, and what happened, in sentences of fact."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnis.results import EpochEvent
from dnis.settings import SearchConfig

SAMPLED_FEATURES = 20_000
"""Features looked at per epoch: keeps the picture's cost flat on huge tables."""

COLLAPSED = 0.01
"""A search whose largest alpha is below this has lost its table."""

CLEAR_FALL = 0.01
"""Share of a loss by which it must have fallen to be told from the to and fro of epochs."""


def dims_at_half(alpha: np.ndarray, embeddings: np.ndarray, block_of: np.ndarray) -> np.ndarray:
    """Mean dimensions per feature and block if the table were cut to half of its values now.

    Args:
        alpha: (n_blocks, K).
        embeddings: (n_features, K), not yet weighted.
        block_of: (n_features,).

    Returns:
        Means (n_blocks,), float32; over an even sample of features where the table is huge.
    """
    step = max(1, len(block_of) // SAMPLED_FEATURES)
    chosen = block_of[::step]
    size = np.abs(alpha[chosen] * embeddings[::step])
    middle = np.partition(size.ravel(), size.size // 2)[size.size // 2]
    kept = (size >= max(float(middle), 1e-30)).sum(axis=1)
    n_blocks = len(alpha)
    total = np.bincount(chosen, weights=kept, minlength=n_blocks)
    return (total / np.maximum(np.bincount(chosen, minlength=n_blocks), 1)).astype(np.float32)


def collapse(alpha: np.ndarray, epoch: int, config: SearchConfig) -> list[str]:
    """What has to be said of a search whose alpha (n_blocks, K) is gone after an epoch; nothing of another."""
    if (largest := float(alpha.max())) >= COLLAPSED:
        return []
    return [
        f"alpha collapsed in epoch {epoch}: its largest value is {largest:.3g}; "
        f"lower l1_alpha (now {config.l1_alpha:g}) or lr_alpha (now {config.lr_alpha:g})"
    ]


def describe(history: list[EpochEvent], event: EpochEvent) -> tuple[str, ...]:
    """Sentences about what this epoch brought, measured against the epochs before it.

    Args:
        history: Earlier epochs.
        event: The epoch itself.

    Returns:
        Sentences of fact; empty where nothing happened.
    """
    if not history:
        return ()
    notes = _lost_dimensions(history[-1], event)
    if event.phase == "entries" != history[-1].phase:
        notes.append(f"single entries begin to leave in epoch {event.epoch}")
    if history[-1].phase == "entries" != event.phase:
        notes.append(f"whole dimensions leave instead in epoch {event.epoch}, starting again from the best warm epoch")
    if event.phase != "warm" and history[-1].phase == "warm" and event.alpha_travel > 0:
        notes.append(f"alpha starts to move in epoch {event.epoch}")
    notes += _unequal_falls(history, event)
    return tuple(notes)


def _lost_dimensions(before: EpochEvent, now: EpochEvent) -> list[str]:
    if before.alpha is None or now.alpha is None:
        return []
    gone = (before.alpha.max(axis=1) > 0) & (now.alpha.max(axis=1) == 0)
    return [f"block {block} lost its last dimension in epoch {now.epoch}" for block in np.flatnonzero(gone)]


def _unequal_falls(history: list[EpochEvent], now: EpochEvent) -> list[str]:
    warm = [e for e in history if e.phase == "warm"]
    if not warm or now.phase == "warm" or any("validation fell" in n for e in history for n in e.notes):
        return []
    fall = {name: warm[-1].losses[name] - now.losses[name] for name in ("search_val", "test")}
    if fall["search_val"] < 2 * fall["test"]:
        return []
    if fall["test"] <= 0:
        share = fall["search_val"] / warm[-1].losses["search_val"]
        if share < CLEAR_FALL:
            return []
        return [
            f"the search's own validation fell by {100 * share:.0f} % since alpha began to move, and test did not fall "
            f"(epoch {now.epoch}): alpha has seen that part"
        ]
    return [
        f"the search's own validation fell {fall['search_val'] / fall['test']:.1f} times as much as test since alpha "
        f"began to move (epoch {now.epoch}): alpha has seen that part"
    ]


def history_state(history: list[EpochEvent]) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """The epochs of a search for its checkpoint: arrays by name, and what is no array, an entry per epoch."""
    arrays = {}
    for name in ("alpha", "dims_by_block"):
        kept = [getattr(e, name) for e in history]
        arrays[f"history.{name}"] = np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)
    plain = ("epoch", "phase", "losses", "alpha_travel", "seconds", "notes")
    return arrays, [{k: getattr(e, k) for k in plain} for e in history]


def history_from(arrays: dict[str, np.ndarray], told: list[Any]) -> list[EpochEvent]:
    """What ``history_state`` wrote down."""
    alpha, dims = arrays["history.alpha"], arrays["history.dims_by_block"]
    return [
        EpochEvent(**(plain | {"notes": tuple(plain["notes"])}), alpha=alpha[i], dims_by_block=dims[i])
        for i, plain in enumerate(told)
    ]
