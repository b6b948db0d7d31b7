"""The protocol of a comparison's methods: settings and budgets in, one candidate table per budget out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.schemes import DimensionScheme, make_blocks
from dnis.settings import SearchConfig, TrainConfig
from dnis.training import train

if TYPE_CHECKING:
    from dnis.splits import Split


@dataclass(frozen=True, eq=False)
class Candidate:
    """A table that a method proposes for a budget: how to train it, and which dimensions stay (None: all).

    ``n_bytes`` is its size as stored, index included; ``n_values`` the numbers in it.
    """

    config: TrainConfig
    scheme: DimensionScheme | None
    n_values: int
    n_bytes: int

    @classmethod
    def of(cls, config: SearchConfig, scheme: DimensionScheme) -> Candidate:
        """A candidate that keeps the entries of a scheme."""
        return cls(config.for_training(), scheme, scheme.n_values, scheme.n_bytes)


class Baseline(ABC):
    """The protocol: settings and budgets in, one candidate per budget out.

    ``trains`` says how many trainings of a full table one call costs, for the estimate of time, or each budget of a
    call where it is ``by_budget``.
    """

    label = ""
    trains = 0.0
    by_budget = False

    @abstractmethod
    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One candidate per budget [bytes], each at most as large as its budget.

        Tables that keep one dimension of every block at least may be larger: ``Uniform`` and ``DnisNested``.

        Args:
            split: The four roles; nothing is chosen by ``test``.
            config: Settings; ``seed`` decides every draw.
            budgets: Sizes as stored [bytes].

        Returns:
            Candidates in the order of ``budgets``.
        """

    @classmethod
    def cost(cls, n_budgets: int) -> float:
        """Trainings of a full table that candidates for so many budgets cost."""
        return cls.trains * (n_budgets if cls.by_budget else 1)


def feature_blocks(split: Split, config: SearchConfig) -> np.ndarray:
    """Block per feature as the settings ask, (n_features,)."""
    return make_blocks(split.counts, config.n_blocks, config.blocks, split.train.vocabulary.field_of)


def lasting_epochs(split: Split, config: SearchConfig, **changes: Any) -> int:
    """Epochs that a training of the full table lasts, judged by its weights as they move: what moves so later on.

    Args:
        split: The four roles.
        config: Settings.
        **changes: Settings that differ.

    Returns:
        The best epoch on select_val.
    """
    return train(split, config.for_training(ema_decay=0.0, **changes)).best_epoch
