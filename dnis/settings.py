"""Settings of a run: plain frozen records that check their own ranges and are their own cache key."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeVar, get_type_hints

from dnis.ranges import check_choice, check_each, check_kind, check_range

TASK_NAMES = ("rating", "ctr", "topk")
"""What is predicted: a number, a click, or a ranking of all items."""

MODELS_BY_TASK = {
    "rating": ("MF", "MLP", "NeuMF", "FM", "WideDeep", "DeepFM"),
    "ctr": ("FM", "WideDeep", "DeepFM"),
    "topk": ("MF", "NeuMF"),
}
"""Models that make sense for a task; the first one is the default. The classes stand in ``dnis.models.MODELS``."""

SPLIT_STRATEGIES = ("time", "time_global", "random", "leave_last_out", "column")
"""Ways to deal interactions into the four roles; see ``dnis.splits``."""

DEFAULTS_BY_TASK: dict[str, dict[str, Any]] = {
    "rating": {},
    "ctr": {"model": "FM", "lr": 2e-3, "l2": 1e-4, "embedding_dim": 16, "epochs": 30, "l1_alpha": 0.2},
    "topk": {"lr": 5e-3, "l2": 1e-2, "patience": 8},
}
"""What differs from the rating defaults for other tasks; chosen on select_val of the bundled data."""

MAX_CORE = 100
"""Most interactions that a k-core filter may ask of every user and item."""


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Which data, ``columns`` as ``Roles.override`` takes them, how rows are dealt out, and the k of a k-core."""

    source: str = "sample:movielens-small"
    columns: tuple[tuple[str, str], ...] = ()
    strategy: str | None = None
    seed: int = 0
    core: int = 0

    def __post_init__(self) -> None:
        if self.strategy is not None:
            check_choice("strategy", self.strategy, SPLIT_STRATEGIES)
        check_range("core", self.core, 0, MAX_CORE)
        check_range("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of one training run; ``l2_nu`` is the frequency exponent of the L2 penalty (count / mean)^nu.

    A masked training may start from a full table trained for ``wide_epochs``, turned first where whole dimensions are
    cut, so that its first carry most; 0 starts from drawn values. With ``ema_decay`` a training is judged by, and ends
    as, the running mean of its weights over the epochs, of which this share stays at each; searches do without. For
    ``recency_half_life`` see ``dnis.recency``; search_val, which moves alpha, is weighted likewise.
    """

    model: str = "MF"
    task: str = "rating"
    embedding_dim: int = 64
    lr: float = 5e-3
    l2: float = 0.1
    l2_nu: float = 0.0
    batch_size: int = 1024
    epochs: int = 60
    patience: int = 4
    hidden: tuple[int, ...] = (64, 32)
    n_negatives: int = 4
    topk_loss: str = "bce"
    optimizer: str = "adam"
    seed: int = 0
    wide_epochs: int = 0
    ema_decay: float = 0.0
    recency_half_life: float = 0.0

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASK_NAMES)
        check_choice("model", self.model, MODELS_BY_TASK[self.task])
        check_choice("optimizer", self.optimizer, ("adam", "adagrad"))
        check_choice("topk_loss", self.topk_loss, ("bce", "bpr", "softmax", "full_softmax"))
        check_range("embedding_dim", self.embedding_dim, 1, 512)
        check_range("lr", self.lr, 1e-6, 1.0)
        check_range("l2", self.l2, 0.0, 100.0)
        check_range("l2_nu", self.l2_nu, -2.0, 2.0)
        check_range("batch_size", self.batch_size, 1, 1_000_000)
        check_range("epochs", self.epochs, 1, 10_000)
        check_range("patience", self.patience, 1, 10_000)
        check_range("wide_epochs", self.wide_epochs, 0, 10_000)
        check_range("ema_decay", self.ema_decay, 0.0, 0.999)
        check_range("recency_half_life", self.recency_half_life, 0.0, 10_000.0)
        if self.recency_half_life and self.task != "topk":
            raise ValueError(f"recency_half_life is for task topk, got {self.recency_half_life:g} with {self.task}")
        check_range("n_negatives", self.n_negatives, 1, 100)
        check_range("seed", self.seed, 0, 2**31 - 1)
        check_range("number of hidden layers", len(self.hidden), 1, 20)
        check_each("hidden", self.hidden, 1, 4096)


@dataclass(frozen=True, slots=True)
class SearchConfig(TrainConfig):
    """Settings of one search; alpha lives in [0, 1]^(n_blocks x embedding_dim).

    ``l1_scale`` relative counts ``l1_alpha`` in units of the mean magnitude of alpha's loss gradient, so one value
    suits all data; absolute adds it as it is (released). ``order`` 1 ignores how alpha moves the weights, 2 looks one
    step ahead (DNIS equation of the one-step approximation). ``compression`` asks the search to aim at a table that
    many times smaller than the full one; 0 leaves the cut to the user. ``recipe`` paper learns a weight for every pair
    of block and dimension; budget learns what is worth its bytes: by ``grain`` whole dimensions of a turned table, as
    many as each block deserves, or single entries, or what is better on select_val.
    """

    n_blocks: int = 10
    blocks: str = "equal"
    lr_alpha: float = 0.003
    alpha_optimizer: str = "sgd"
    normalise: bool = True
    alpha_start: float = 1.0
    l1_alpha: float = 0.2
    l1_scale: str = "relative"
    order: int = 1
    warm_epochs: int = 4
    freeze_dense: bool = False
    compression: float = 0.0
    recipe: str = "paper"
    grain: str = "either"

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        check_choice("recipe", self.recipe, ("paper", "budget"))
        check_choice("grain", self.grain, ("either", "dimensions", "entries"))
        check_choice("blocks", self.blocks, ("equal", "magnitude", "field"))
        check_choice("l1_scale", self.l1_scale, ("relative", "absolute"))
        check_choice("alpha_optimizer", self.alpha_optimizer, ("sgd", "adam"))
        check_range("n_blocks", self.n_blocks, 1, 1000)
        check_range("lr_alpha", self.lr_alpha, 0.0, 1.0)
        check_range("alpha_start", self.alpha_start, 0.0, 1.0)
        check_range("l1_alpha", self.l1_alpha, 0.0, 10.0)
        check_range("order", self.order, 1, 2)
        check_range("warm_epochs", self.warm_epochs, 0, 1000)
        check_range("compression", self.compression, 0.0, 1000.0)
        if self.recipe == "budget" and not (most := self.embedding_dim) >= self.compression >= 1:
            raise ValueError(f"recipe 'budget' needs a compression in [1, {most}], got {self.compression:g}")

    @property
    def start_of_alpha(self) -> float:
        """What alpha is before it moves."""
        return 1.0 if self.recipe == "budget" else self.alpha_start

    @classmethod
    def for_task(cls, task: str, **changes: Any) -> Self:
        """Sensible settings for a task, with some of them changed.

        Args:
            task: rating, ctr or topk.
            **changes: Settings that differ from the defaults of the task.

        Returns:
            The settings.

        Raises:
            ValueError: If the task is unknown or a value is out of its range.
        """
        check_choice("task", task, TASK_NAMES)
        values: dict[str, Any] = {"task": task, **DEFAULTS_BY_TASK[task], **changes}
        return cls(**values)

    def for_training(self, **changes: Any) -> TrainConfig:
        """The training settings inside this search's, with some of them changed."""
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(TrainConfig)}
        return TrainConfig(**{**kept, **changes})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read settings back from JSON, where tuples became lists; see the function of this name."""
        return from_dict(cls, values)


Settings = TypeVar("Settings", bound="DataSpec | TrainConfig | CompareConfig")
_kinds_of = cache(get_type_hints)


def from_dict(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Build a settings record from JSON values.

    Args:
        kind: A settings class of this module.
        values: Field names and values; lists become tuples.

    Returns:
        An instance of ``kind``.

    Raises:
        ValueError: If a name is unknown, or a value is of another kind or out of its range.
    """
    known = _kinds_of(kind)
    for name in values:
        if name not in known:
            raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
    frozen: dict[str, Any] = {k: _tuple(v) for k, v in values.items()}
    if kind is CompareConfig and isinstance(values.get("search"), dict):
        frozen["search"] = from_dict(SearchConfig, values["search"])
    for name, value in frozen.items():
        check_kind(name, value, known[name])
    return kind(**frozen)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(v) for v in value) if isinstance(value, list) else value


METHODS = (
    "uniform", "dnis", "dnis-budget", "dnis-nested", "dnis-fit", "uniform-turned", "frozen",
    "magnitude", "gradual", "random", "mde", "pep", "sseds", "nis",
)  # fmt: skip
"""Methods of a comparison; the classes stand in ``dnis.baselines.BASELINES``."""


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """Settings of a comparison; ``search`` holds what all methods share, its ``embedding_dim`` is the full table (1x).

    Every method gets the same ``n_trials`` draws of learning rate, L2 and its frequency exponent for every compression,
    judged on select_val; the best is trained again on everything but test, once per seed.
    """

    search: SearchConfig = SearchConfig()
    methods: tuple[str, ...] = ("uniform", "dnis", "dnis-budget", "magnitude")
    compressions: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    seeds: tuple[int, ...] = (0, 1, 2)
    n_trials: int = 3
    n_bootstrap: int = 1000

    def __post_init__(self) -> None:
        for method in self.methods:
            check_choice("methods", method, METHODS)
        if "uniform" not in self.methods:
            raise ValueError(f"methods must include uniform: all are set against it; got {', '.join(self.methods)}")
        for name in ("methods", "compressions", "seeds"):
            if len(set(given := getattr(self, name))) < len(given):
                raise ValueError(f"{name} must differ from each other, got {', '.join(map(str, given))}")
        if not self.compressions or not self.seeds:
            raise ValueError(f"give at least one compression and one seed, got {self.compressions} and {self.seeds}")
        check_each("compressions", self.compressions, 1.0, 1000.0)
        check_each("seeds", self.seeds, 0, 2**31 - 1)
        check_range("n_trials", self.n_trials, 1, 1000)
        check_range("n_bootstrap", self.n_bootstrap, 10, 100_000)
