"""What a search or a training leaves behind: plain arrays and numbers, never a live module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dnis.schemes import DimensionScheme
from dnis.settings import CompareConfig, SearchConfig, TrainConfig

STOPPED = "stopped at epoch"
"""How the warning begins of a search that somebody has stopped."""


@dataclass(frozen=True, slots=True)
class EpochEvent:
    """One finished epoch, as told to ``on_event``.

    ``losses`` maps train, search_val, select_val, test to the task's loss (train: mean over the epoch's batches).
    ``dims_by_block`` is the mean number of dimensions per feature (n_blocks,) that would stay if the table were cut to
    half of its values now. ``alpha`` is (n_blocks, K); ``alpha_travel`` the mean |alpha - start|. ``notes`` are
    sentences of fact.
    """

    epoch: int
    phase: str
    losses: dict[str, float]
    alpha: np.ndarray | None = None
    dims_by_block: np.ndarray | None = None
    alpha_travel: float = 0.0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model's numbers with the selection already folded in: scores need nothing else.

    ``embeddings`` (n_features, K) float32, already weighted and masked; ``biases`` (n_features,); ``dense`` the other
    parameters by name, among them ``global_bias``.
    """

    config: TrainConfig
    embeddings: np.ndarray
    biases: np.ndarray
    dense: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A finished (or stopped) search, at its best epoch on the selection-validation part.

    ``embeddings`` (n_features, K) are *not* yet multiplied by alpha; ``alpha`` (n_blocks, K); ``block_of``
    (n_features,); ``counts`` (n_features,) training frequency.
    """

    config: SearchConfig
    embeddings: np.ndarray
    biases: np.ndarray
    dense: dict[str, np.ndarray]
    alpha: np.ndarray
    block_of: np.ndarray
    counts: np.ndarray
    history: tuple[EpochEvent, ...] = ()
    best_epoch: int = 0
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    elapsed_s: float = 0.0

    @property
    def weighted(self) -> np.ndarray:
        """alpha[block(i)] * e_i for every feature, (n_features, K)."""
        return self.alpha[self.block_of] * self.embeddings

    @property
    def retraining(self) -> TrainConfig:
        """Settings of a training of what this search has kept; the budgeted recipe's starts from a wide table."""
        if self.config.recipe == "paper":
            return self.config.for_training()
        warm = [e.losses["select_val"] for e in self.history if e.phase == "warm"]
        return self.config.for_training(wide_epochs=int(np.argmin(warm)) + 1 if warm else 0)

    @property
    def by_entries(self) -> bool:
        """Whether a budget was met by cutting single entries, not whole dimensions."""
        return any(e.epoch == self.best_epoch and e.phase == "entries" for e in self.history)

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped the search before its end."""
        return any(warning.startswith(STOPPED) for warning in self.warnings)

    def fitted(self, mask: np.ndarray | None = None) -> Fitted:
        """The model with alpha folded in and, where given, a (n_features, K) mask applied."""
        table = self.weighted if mask is None else self.weighted * mask
        return Fitted(self.config, table.astype(np.float32), self.biases, self.dense)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A trained model and its history: ``model`` is ready to score, ``scheme`` is what its table keeps (None: all)."""

    model: Fitted
    history: tuple[EpochEvent, ...] = ()
    best_epoch: int = 0
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    elapsed_s: float = 0.0
    scheme: DimensionScheme | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who did how well at which size.

    Each of ``rows`` has method, label, compression, budget [bytes], embedding_dim, n_values, n_bytes, seeds, diverged
    (seeds left out for it), mean, sd, values (per seed), val, difference, low, high (paired difference to
    ``reference``, the best uniform table of at most the same bytes, or of at most the same budget where none is so
    small: ``reference_within`` says size or budget; with its 95 % bootstrap interval), joint_low, joint_high (the
    interval that holds for all methods and sizes at once, which the verdict goes by), differences (the same per seed
    that both have), on_frontier, settings, block_dims, elapsed_s, peak_bytes. Seeds may end at different sizes: sizes,
    dimensions and settings are those of the largest.
    ``verdict`` holds sentences of fact.
    """

    metric: str
    higher_is_better: bool
    task: str
    model: str
    full_bytes: int
    rows: tuple[dict[str, Any], ...]
    verdict: tuple[str, ...]
    config: CompareConfig
    elapsed_s: float = 0.0
