"""What a user would be recommended by the full table and by the pruned one, in NumPy; no Streamlit in here.

For matrix factorisation alone: its score is a sum of products, while other models need their layers, and so torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dnis.interactions import Interactions
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

N_ITEMS = 10
"""How many are recommended."""


def scores(run: Run, table: np.ndarray, user: int, items: np.ndarray) -> np.ndarray:
    """Predictions of matrix factorisation: mu + b_u + b_i + <e_u, e_i>.

    Args:
        run: A finished search with model MF.
        table: Embeddings, alpha and mask folded in, (n_features, K).
        user: Feature id of the user.
        items: Feature ids, (n,).

    Returns:
        Scores, (n,).
    """
    biases = run.result.biases
    return float(run.result.dense["global_bias"]) + biases[user] + biases[items] + table[items] @ table[user]


def top(run: Run, table: np.ndarray, user: int, seen: np.ndarray, n: int = N_ITEMS) -> tuple[np.ndarray, np.ndarray]:
    """The items with the highest scores.

    Args:
        run: A finished search with model MF.
        table: Embeddings, alpha and mask folded in, (n_features, K).
        user: Feature id of the user.
        seen: Feature ids of items that are left out.
        n: How many.

    Returns:
        Feature ids, best first, and their scores; ties are broken by id, items that training never saw are left out.
    """
    low, high = (int(x) for x in run.vocabulary.offsets[1:3])
    items = np.setdiff1d(np.arange(low, high), seen)
    items = items[run.result.counts[items] > 0]
    values = scores(run, table, user, items)
    first = np.lexsort((items, -values))[:n]
    return items[first], values[first]


def before_and_after(
    run: Run, scheme: DimensionScheme, user: int, seen: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The best items in the full table and in the pruned one.

    Args:
        run: A finished search with model MF.
        scheme: Which dimensions stay.
        user: Feature id of the user.
        seen: Feature ids of items that are left out.

    Returns:
        Ids and scores before pruning, and after it.
    """
    table = run.result.weighted
    return top(run, table, user, seen), top(run, table * scheme.mask, user, seen)


def items_of(part: Interactions, user: int) -> np.ndarray:
    """Items of a user in a part of the data.

    Args:
        part: Interactions; field 0 is the user, field 1 the item.
        user: Feature id of the user.

    Returns:
        Distinct feature ids.
    """
    return np.unique(part.ids[part.ids[:, 0] == user, 1])
