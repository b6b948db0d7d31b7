"""Text that came from a user or a file, made safe to stand inside Markdown or a Plotly figure."""

from __future__ import annotations

import html
import re

MAX_LENGTH = 60
"""Longer texts are cut here: a label is no place for a paragraph."""

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@=^])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ZERO_WIDTH_SPACE = "\u200b"


def plain(text: object, max_length: int = MAX_LENGTH) -> str:
    """The text on one line without control characters, cut to a length; for elements that show text literally.

    Args:
        text: Anything; it is turned into a string.
        max_length: Longest result in characters, an ellipsis included.

    Returns:
        The shortened text.
    """
    clean = _CONTROL.sub(" ", str(text)).strip()
    return clean if len(clean) <= max_length else clean[: max_length - 1] + "…"


def markdown(text: object, max_length: int = MAX_LENGTH) -> str:
    """The text such that Markdown shows it letter by letter: no links, images, formulas or colours.

    Backslashes alone do not stop bare addresses from becoming links, so a zero-width space breaks ``//`` and ``www``.

    Args:
        text: Anything; it is turned into a string.
        max_length: Longest result in characters before escaping.

    Returns:
        Escaped text.
    """
    broken = plain(text, max_length).replace("//", f"/{_ZERO_WIDTH_SPACE}/")
    broken = re.sub(r"(?i)w(?=ww)", lambda m: m.group() + _ZERO_WIDTH_SPACE, broken)
    return _PUNCTUATION.sub(r"\\\1", broken)


def plotly(text: object, max_length: int = MAX_LENGTH) -> str:
    """The text such that Plotly shows it letter by letter: no tags, no formulas.

    Args:
        text: Anything; it is turned into a string.
        max_length: Longest result in characters before escaping.

    Returns:
        Escaped text.
    """
    return html.escape(plain(text, max_length), quote=False).replace("$", "&#36;")
