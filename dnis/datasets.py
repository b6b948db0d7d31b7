"""Bundled samples, and planted data whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dnis.cores import k_core
from dnis.interactions import DataError, Interactions, Vocabulary
from dnis.ranges import check_choice, check_range
from dnis.reading import read_frame
from dnis.roles import Roles
from dnis.schemes import make_blocks

SAMPLE_FOLDER = Path(__file__).resolve().parent.parent / "sample_data"
"""Where the bundled files stand."""

SAMPLE_PREFIX = "sample:"
"""``sample:NAME`` names a bundled sample wherever a path is asked for."""

PLANTED_DIMS = (16, 13, 11, 9, 7, 6, 4, 3, 2, 1)
"""True dimension of every popularity group of the planted data, most popular first."""

_MEAN_RATING = 3.5
_BIAS_SD = 0.3
_EMBEDDING_SD = 0.6
_FIRST_SECOND, _ONE_YEAR = 1_600_000_000, 31_536_000


@dataclass(frozen=True, eq=False)
class Planted:
    """Ratings drawn from embeddings of known size.

    ``true_dims`` (n_features,) follows ``interactions.vocabulary``; unknown features have 0.
    """

    interactions: Interactions
    true_dims: np.ndarray

    def dims_in(self, vocabulary: Vocabulary) -> np.ndarray:
        """The true dimensions in another order of features, such as that of a split.

        Args:
            vocabulary: A vocabulary of the same fields.

        Returns:
            True dimension of every feature of ``vocabulary``, (n_features,).
        """
        own = self.interactions.vocabulary
        ids = [own.encode(field, raw) for field, raw in zip(vocabulary.fields, vocabulary.values, strict=True)]
        return self.true_dims[np.concatenate(ids)]


def load(source: str, columns: tuple[tuple[str, str], ...] = (), core: int = 0) -> Interactions:
    """Load a bundled sample or a file.

    Args:
        source: ``sample:NAME`` with a name of ``SAMPLES``, or the path of a CSV, gzipped CSV or Parquet file.
        columns: (role, column) pairs that change the roles; see ``Roles.override``.
        core: Fewest interactions of every user and item; see ``k_core``.

    Returns:
        The interactions.

    Raises:
        DataError: If there is no such sample, or the file cannot be used.
    """
    if not source.startswith(SAMPLE_PREFIX):
        return k_core(Interactions.from_csv(source, columns=columns), core)
    name = source.removeprefix(SAMPLE_PREFIX)
    if name not in SAMPLES:
        raise DataError(f"no sample {name!r}; the samples are {', '.join(SAMPLES)}")
    return k_core(SAMPLES[name](columns), core)


def planted(
    seed: int = 0,
    *,
    n_users: int = 1500,
    n_items: int = 800,
    n_interactions: int = 80_000,
    dims: tuple[int, ...] = PLANTED_DIMS,
    order: str = "falling",
    noise: float = 0.3,
) -> Planted:
    """Draw ratings whose features have a known number of dimensions.

    rating = 3.5 + b_u + b_i + <e_u, e_i> + noise. Users and items together are ranked by how often they occur and cut
    into groups of equal size (``make_blocks``); a feature of group g has its first ``dims[g]`` dimensions drawn from
    N(0, 0.6^2) and the others zero. Popularity falls like rank^-0.6.

    Args:
        seed: Seed of every draw.
        n_users: Number of users, at least 2.
        n_items: Number of items, at least 2.
        n_interactions: Number of distinct (user, item) pairs, at most half of all pairs.
        dims: True dimension per group, most popular first, each in [1, 512].
        order: ``falling`` keeps ``dims`` as given; ``shuffled`` deals them to the groups by lot, so that frequency
            alone does not give the answer away.
        noise: Standard deviation of the noise [rating units], in [0, 100].

    Returns:
        The ratings, rounded to 2 decimals, and the true dimensions.

    Raises:
        ValueError: If a number is outside its range.
    """
    check_choice("order", order, ("falling", "shuffled"))
    check_range("n_users", n_users, 2, 10_000_000)
    check_range("n_items", n_items, 2, 10_000_000)
    check_range("n_interactions", n_interactions, n_users + n_items, n_users * n_items // 2)
    check_range("noise", noise, 0.0, 100.0)
    check_range("number of dims", len(dims), 1, 1000)
    for dim in dims:
        check_range("dims", dim, 1, 512)
    rng = np.random.default_rng(seed)
    users, items = _pairs(rng, n_users, n_items, n_interactions)
    times = np.sort(rng.integers(_FIRST_SECOND, _FIRST_SECOND + _ONE_YEAR, n_interactions))
    frame = pd.DataFrame({"user_id": users + 1, "item_id": items + 1, "timestamp": times})
    blank = Interactions.from_frame(frame)
    group_dims = np.asarray(dims) if order == "falling" else rng.permutation(np.asarray(dims))
    true_dims = group_dims[make_blocks(blank.counts, len(dims))]
    true_dims[blank.vocabulary.offsets[:-1]] = 0
    target = _planted_ratings(rng, blank, true_dims, noise)
    roles = replace(blank.roles, target="rating", target_kind="rating")
    return Planted(replace(blank, target=target, roles=roles), true_dims)


def _pairs(rng: np.random.Generator, n_users: int, n_items: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs, popular ones more often, in which every user and item occurs."""
    weights = [rng.permutation(_popularity(size)) for size in (n_users, n_items)]
    everyone = np.concatenate(
        [
            np.arange(n_users) * n_items + rng.choice(n_items, n_users, p=weights[1]),
            rng.choice(n_users, n_items, p=weights[0]) * n_items + np.arange(n_items),
        ]
    )
    pairs = np.unique(everyone)
    while len(pairs) < n:
        size = 2 * (n - len(pairs))
        drawn = rng.choice(n_users, size, p=weights[0]) * n_items + rng.choice(n_items, size, p=weights[1])
        fresh = rng.permutation(np.setdiff1d(drawn, pairs))
        pairs = np.union1d(pairs, fresh[: n - len(pairs)])
    return np.divmod(rng.permutation(pairs), n_items)


def _popularity(size: int) -> np.ndarray:
    weights = np.arange(1, size + 1) ** -0.6
    return weights / weights.sum()


def _planted_ratings(rng: np.random.Generator, blank: Interactions, true_dims: np.ndarray, noise: float) -> np.ndarray:
    n_features, width = len(true_dims), int(true_dims.max())
    bias = rng.normal(0, _BIAS_SD, n_features)
    table = rng.normal(0, _EMBEDDING_SD, (n_features, width)) * (np.arange(width) < true_dims[:, None])
    user, item = blank.ids.T
    rating = _MEAN_RATING + bias[user] + bias[item] + (table[user] * table[item]).sum(axis=1)
    return np.round(rating + rng.normal(0, noise, len(blank)), 2).astype(np.float32)


def _movielens(columns: tuple[tuple[str, str], ...]) -> Interactions:
    """MovieLens latest-small: 100,004 ratings of 671 users on 9,066 movies; year and genres wait as further columns."""
    folder = SAMPLE_FOLDER / "movielens-small"
    ratings, movies = read_frame(folder / "ratings.csv"), read_frame(folder / "movies.csv")
    year = movies["year"].astype("string")
    movies["title"] = movies["title"] + " (" + year + ")"
    roles = Roles("user_id", "item_id", target="rating", target_kind="rating", timestamp="timestamp", title="title")
    frame = ratings.merge(movies, on="item_id", how="left", validate="m:1")
    return Interactions.from_frame(frame, roles.override(columns))


def _adult(columns: tuple[tuple[str, str], ...]) -> Interactions:
    """UCI Adult: does a person of the 1994 US census earn over 50,000 dollars a year? Not a click log."""
    frame = read_frame(SAMPLE_FOLDER / "adult" / "adult.csv.gz")
    # fnlwgt says how many people a row stands for in the census, nothing about the person.
    return Interactions.from_frame(frame, Roles.guess(frame).override((("ignore", "fnlwgt"), *columns)))


def _planted_sample(columns: tuple[tuple[str, str], ...]) -> Interactions:
    """Planted ratings (seed 0): 80,000 ratings of 1,500 users on 800 items, whose true dimensions are known."""
    if columns:
        raise DataError(f"the sample 'planted' has fixed roles, got {columns[0]!r}")
    return planted().interactions


SAMPLES: dict[str, Callable[[tuple[tuple[str, str], ...]], Interactions]] = {
    "movielens-small": _movielens,
    "adult": _adult,
    "planted": _planted_sample,
}
"""Bundled samples by name; the docstring of each says what it is."""
