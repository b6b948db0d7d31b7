"""What an epoch shows: dimensions per block if the table were cut now, and what happened, in sentences of fact."""

from __future__ import annotations

import numpy as np

from dnis.results import EpochEvent

SAMPLED_FEATURES = 20_000
"""Features looked at per epoch: keeps the picture's cost flat on huge tables."""

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
    if event.phase == "search" and history[-1].phase == "warm" and event.alpha_travel > 0:
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
    if not warm or now.phase != "search" or any("validation fell" in n for e in history for n in e.notes):
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
