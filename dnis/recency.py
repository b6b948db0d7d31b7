"""How much each interaction counts in a ranking that follows tastes as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnis.reading import DataError

if TYPE_CHECKING:
    from dnis.interactions import Interactions


def recency_weights(part: Interactions, half_life: float) -> np.ndarray:
    """Weights that halve with every ``half_life`` interactions of a user, counted back from the latest one.

    Interactions of the same second count in the order in which they stand. Forgetting what is old is the oldest answer
    to changing tastes (Ding & Li 2005, Time weight collaborative filtering); counted in interactions, not in days, one
    value suits users who come daily and users who came once. Users whom training does not know share a feature and are
    several: nobody can say which of their interactions came last, and each counts as much as one of the known does on
    average.

    Args:
        part: The interactions that are learned from.
        half_life: Interactions of a user after which one counts half.

    Returns:
        Weights (n,) float32 with mean 1, so that a penalty weighs as much as without them.

    Raises:
        DataError: If the interactions have no times.

    Examples:
        >>> import pandas as pd
        >>> from dnis.interactions import Interactions
        >>> log = pd.DataFrame({"user": [1, 1, 1, 2], "item": [1, 2, 3, 1], "timestamp": [30, 10, 20, 5]})
        >>> weights = recency_weights(Interactions.from_frame(log), half_life=1)
        >>> (weights / weights.max()).tolist()
        [1.0, 0.25, 0.5, 1.0]
    """
    if part.timestamp is None:
        raise DataError(f"recency_half_life {half_life:g} needs a timestamp column; the data have none")
    users = part.ids[:, 0]
    order = np.lexsort((part.timestamp, users))
    last = np.cumsum(np.bincount(users))[users[order]] - 1
    weights = np.empty(len(users))
    weights[order] = 0.5 ** ((last - np.arange(len(users))) / half_life)
    known = users != part.vocabulary.offsets[0]
    weights[~known] = weights[known].mean() if known.any() else 1.0
    return (weights / weights.mean()).astype(np.float32)
