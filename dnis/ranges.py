"""Checks of single values: one clear sentence names the field and the value seen."""

from __future__ import annotations

from typing import Any, get_args, get_origin

CALLED: dict[Any, str] = {
    str: "text",
    str | None: "text or null",
    bool: "true or false",
    tuple[str, ...]: "a list of texts",
    tuple[int, ...]: "a list of whole numbers",
    tuple[float, ...]: "a list of numbers",
    tuple[tuple[str, str], ...]: "a list of pairs of texts",
}
"""What values of an annotation are called."""


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


def check_each(name: str, values: tuple[float, ...], low: float, high: float) -> None:
    """The same for every number of a list.

    Args:
        name: The field, as the user knows it.
        values: What was given.
        low: Smallest allowed value.
        high: Largest allowed value.

    Raises:
        ValueError: If one of ``values`` is not a number in the range.
    """
    for value in values:
        check_range(name, value, low, high)


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


def check_kind(name: str, value: Any, kind: Any) -> None:
    """Refuse a value of another kind than a field holds; numbers are left to their ranges, which say more.

    Args:
        name: The field, as the user knows it.
        value: What was given, in tuples where it was a list.
        kind: The field's annotation: a class, a tuple of some, or one of several.

    Raises:
        ValueError: If ``value`` is of another kind.
    """
    if not _is_of(value, kind):
        raise ValueError(f"{name} must be {CALLED.get(kind, 'an object of settings')}, got {value!r}")


def _is_of(value: Any, kind: Any) -> bool:
    inner = get_args(kind)
    if get_origin(kind) is not tuple:
        return any(_is_of(value, k) for k in inner) if inner else kind in (int, float) or isinstance(value, kind)
    if not isinstance(value, tuple):
        return False
    if inner[-1] is Ellipsis:
        return all(_is_of(item, inner[0]) for item in value)
    return len(value) == len(inner) and all(map(_is_of, value, inner))
