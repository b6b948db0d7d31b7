"""Numbers of things in words."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """A number and what it counts: "1 row", "2,000 rows".

    Args:
        n: How many.
        noun: What, in the singular; its plural ends in s.

    Returns:
        The words.
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
