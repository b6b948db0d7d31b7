"""Checks of single values: one clear sentence names the field and the value seen."""

from __future__ import annotations


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high], and one that is not whole where both bounds are.

    Args:
        name: The field, as the user knows it.
        value: What was given.
        low: Smallest allowed value.
        high: Largest allowed value.

    Raises:
        ValueError: If ``value`` is not a number in the range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {value!r}")
    if isinstance(value, float) and isinstance(low, int) and isinstance(high, int):
        raise ValueError(f"{name} must be a whole number, got {value!r}")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not on the list.

    Args:
        name: The field, as the user knows it.
        value: What was given.
        allowed: The list.

    Raises:
        ValueError: If ``value`` is not one of ``allowed``.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
