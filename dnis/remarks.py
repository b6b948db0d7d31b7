"""Sentences on what was done to the rows and columns of a table."""

from __future__ import annotations

import numpy as np

from dnis.counting import counted
from dnis.roles import Roles


def unused_columns(names: list[str], roles: Roles) -> list[str]:
    """Name the columns that no role uses.

    Args:
        names: All columns.
        roles: What each is for.

    Returns:
        At most one sentence.
    """
    unused = [repr(c) for c in names if roles.role_of(c) == "ignore"]
    return [f"Columns not used: {', '.join(unused)}."] if unused else []


def repeated_pairs(ids: np.ndarray, roles: Roles) -> list[str]:
    """Count the rows whose user and item met before.

    Args:
        ids: Feature ids, (n, n_fields), user and item first.
        roles: What each column is for.

    Returns:
        At most one sentence.
    """
    if roles.user is None or roles.item is None:
        return []
    # sorted, for a million pairs are told apart in a tenth of the time that counting distinct ones takes
    pairs = np.sort(ids[:, 0].astype(np.int64) << 32 | ids[:, 1])
    n_repeated = int(np.count_nonzero(pairs[1:] == pairs[:-1]))
    return [f"Kept {counted(n_repeated, 'row')} whose user and item met before."] if n_repeated else []
