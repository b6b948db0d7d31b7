"""Which phase of a search comes next: its warm epochs, then each way of cutting the table."""

from __future__ import annotations

from collections.abc import Sequence

from dnis.budgets import LEARNING_ROUNDS, SETTLED, n_phases, rounds_of, warm_length
from dnis.results import EpochEvent
from dnis.schemes import VALUE_BYTES, entries_within
from dnis.settings import SearchConfig
from dnis.stopping import EarlyStopping

HOPELESS = 1.1
"""A second way whose loss is this many times the best of the first is given up, even before its dimensions are whole:
its table keeps to the budget all along."""


def n_entries(config: SearchConfig, n_features: int) -> int:
    """Single entries that the budget of a search holds, index included; at most all of the table.

    Args:
        config: Settings; ``compression`` is the budget.
        n_features: Rows of the table.

    Returns:
        A number of entries.
    """
    full = VALUE_BYTES * n_features * config.embedding_dim
    return entries_within(int(full / max(config.compression, 1.0)), n_features, config.embedding_dim)


def phases(config: SearchConfig, n_features: int) -> tuple[str, ...]:
    """What a search does after its warm epochs, in this order.

    The budgeted recipe tries ``entries`` and ``search``, which is whole dimensions, and ends as what is better on
    select_val. A table that need not be cut, or whose budget holds no index of single entries, has but one way.

    Args:
        config: Settings.
        n_features: Rows of the table.

    Returns:
        One or two phases.

    Raises:
        ValueError: If only single entries are asked for, and the budget holds none.
    """
    if config.recipe == "paper" or config.grain == "dimensions":
        return ("search",)
    fits = n_entries(config, n_features)
    if config.grain == "entries":
        if fits < 1:
            raise ValueError(f"a compression of {config.compression:g} leaves no room for an index of single entries")
        return ("entries",)
    return ("entries", "search") if n_phases(config) > 1 and config.compression > 1 and fits > 0 else ("search",)


def turn_in(history: Sequence[EpochEvent], phase: str) -> int:
    """Epochs that a phase has had."""
    return sum(event.phase == phase for event in history)


def has_lasted(
    config: SearchConfig, after_warm: Sequence[str], history: Sequence[EpochEvent], stopping: EarlyStopping
) -> bool:
    """Whether the phase of the last epoch has had its epochs.

    Args:
        config: Settings.
        after_warm: What ``phases`` gives.
        history: Epochs so far.
        stopping: Which of them was the best.

    Returns:
        Whether it has; a phase that is not the last one lasts no longer than is kept for it, and the second is given up
        as soon as it lies far behind the first.
    """
    warm = [e.losses["select_val"] for e in history if e.phase == "warm"]
    if len(warm) == len(history):
        return len(warm) >= warm_length(config, warm)
    phase, rounds = history[-1].phase, rounds_of(config)
    turn = turn_in(history, phase)
    if _met(history, phase, rounds) and history[-1].losses["select_val"] > HOPELESS * stopping.best_loss:
        return True
    # what another phase has found is not too old before this one has had as many epochs
    late = turn >= rounds + config.patience and stopping.over(len(history))
    return late or (phase != after_warm[-1] and turn >= LEARNING_ROUNDS + SETTLED)


def next_phase(
    config: SearchConfig, after_warm: Sequence[str], history: Sequence[EpochEvent], stopping: EarlyStopping
) -> str:
    """The phase of the epoch to come; arguments as for ``has_lasted``."""
    phase = history[-1].phase if history else "warm"
    if not has_lasted(config, after_warm, history, stopping):
        return phase
    return after_warm[0] if phase == "warm" else after_warm[-1]


def starts_anew(history: Sequence[EpochEvent], phase: str, rounds: int) -> bool:
    """Whether no epoch so far may be the answer, but the next one: alpha had not moved, or the budget was not met.

    Args:
        history: Epochs so far.
        phase: Of the epoch that has just run.
        rounds: Epochs of a phase until the budget is met.

    Returns:
        Whether it is so.
    """
    return phase != "warm" and turn_in(history, phase) + 1 == rounds and not _met(history, phase, rounds)


def may_be_best(history: Sequence[EpochEvent], phase: str, rounds: int) -> bool:
    """Whether the epoch that has just run may be the best; one above the budget not where another phase has met it."""
    return turn_in(history, phase) + 1 >= rounds or not _met(history, phase, rounds)


def _met(history: Sequence[EpochEvent], phase: str, rounds: int) -> bool:
    """Whether a phase before this one has met the budget."""
    return phase == "search" and turn_in(history, "entries") >= rounds
