"""What a user would be recommended by the full table and by the pruned one, in NumPy; no Streamlit in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnis.scoring import score

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.results import Fitted
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

N_ITEMS = 10
"""How many are recommended."""


def has_users_and_items(run: Run) -> bool:
    """Whether the run knows users and items, and so can recommend.

    Args:
        run: A finished search.

    Returns:
        True where its first field is a user's and its second an item's.
    """
    fields = run.vocabulary.fields
    return len(fields) > 1 and run.vocabulary.item_field == fields[1]


def candidates(run: Run, seen: np.ndarray) -> np.ndarray:
    """Items that can be recommended.

    Args:
        run: A finished search.
        seen: Feature ids of items that are left out.

    Returns:
        Feature ids in order; items that training never saw are left out.
    """
    low, high = (int(x) for x in run.vocabulary.offsets[1:3])
    items = np.setdiff1d(np.arange(low, high), seen)
    return items[run.result.counts[items] > 0]


def rows_of(user: int, items: np.ndarray, train: Interactions | None) -> np.ndarray:
    """What the model reads for a user and each of some items.

    A further field takes the value that belongs to the item, as a genre does; else the one that belongs to the user, as
    an age does; else the one that this user has most often, as an hour of the day.

    Args:
        user: Feature id of the user.
        items: Feature ids of the items, (n,).
        train: The training part; None where there are no further fields.

    Returns:
        Feature ids, (n, n_fields).
    """
    columns = [np.full(len(items), user), items]
    if train is not None:
        columns += [_further(user, items, train.ids[:, :2], values) for values in train.ids[:, 2:].T]
    return np.column_stack(columns).astype(np.int64)


def _further(user: int, items: np.ndarray, pairs: np.ndarray, values: np.ndarray) -> np.ndarray:
    if _belongs_to(pairs[:, 1], values):
        known, first = np.unique(pairs[:, 1], return_index=True)
        # every candidate occurs in training, so it is found
        return values[first[np.searchsorted(known, items)]]
    own = values[pairs[:, 0] == user]
    most = np.bincount(own if len(own) else values).argmax()
    return np.full(len(items), most)


def _belongs_to(owner: np.ndarray, values: np.ndarray) -> bool:
    both = np.unique(owner.astype(np.int64) << 32 | values)
    return len(both) == len(np.unique(owner))


def top(model: Fitted, rows: np.ndarray, n: int = N_ITEMS) -> tuple[np.ndarray, np.ndarray]:
    """The items with the highest scores.

    Args:
        model: The numbers of a model.
        rows: What it reads for each item, made by ``rows_of``.
        n: How many.

    Returns:
        Feature ids, best first, and their scores; ties are broken by id.
    """
    values = score(model, rows)
    first = np.lexsort((rows[:, 1], -values))[:n]
    return rows[first, 1], values[first]


def before_and_after(
    run: Run, scheme: DimensionScheme, rows: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The best items in the full table and in the pruned one.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        rows: What the model reads for each item, made by ``rows_of``.

    Returns:
        Ids and scores before pruning, and after it.
    """
    return top(run.result.fitted(), rows), top(run.result.fitted(scheme.mask), rows)


def items_of(part: Interactions, user: int) -> np.ndarray:
    """Items of a user in a part of the data.

    Args:
        part: Interactions; field 0 is the user, field 1 the item.
        user: Feature id of the user.

    Returns:
        Distinct feature ids.
    """
    return np.unique(part.ids[part.ids[:, 0] == user, 1])
