"""Page texts, tooltips and the glossary, which live as TOML files in ``dnis/ui/texts``, one file per page.

A page reads its own file with ``texts.page("search")``. A tooltip is a text named ``help`` or ``..._help``, or a word's
own sentence, ``texts.tip("threshold")``; where a tooltip uses a word of the method, the glossary's sentence follows by
itself. So a word is explained in one place and in one way, and wherever it is met.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("texts")


@lru_cache(maxsize=32)
def page(name: str) -> dict[str, Any]:
    """The texts of one page.

    Args:
        name: File name without its ending, such as ``search``.

    Returns:
        The file as nested dictionaries.
    """
    return _explained(_read(name))


@lru_cache(maxsize=32)
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _explained(words: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, text in words.items():
        if isinstance(text, dict):
            out[name] = _explained(text)
        else:
            is_tooltip = isinstance(text, str) and (name == "help" or name.endswith("_help"))
            out[name] = with_meanings(text) if is_tooltip else text
    return out


def with_meanings(tooltip: str) -> str:
    """A tooltip followed by the meaning of the words of the method that it uses.

    Args:
        tooltip: Markdown.

    Returns:
        Markdown, a paragraph per word.
    """
    rules = _read("tooltips")
    used = [w for w in rules["explained"] if re.search(rf"\b{w.replace('_', '[ -]')}s?\b", tooltip, re.IGNORECASE)]
    meanings = [f"**{w.replace('_', ' ')}**: {tip(w)}" for w in used[: rules["most"]]]
    return "\n\n".join([tooltip, *meanings])


def by_blocks(words: Mapping[str, Any], blocks: str) -> dict[str, Any]:
    """Words of a picture of blocks, as they are where the blocks are made within each field.

    Args:
        words: Its texts; ``by_field`` holds those that differ then.
        blocks: How the run's blocks are made; see ``SearchConfig.blocks``.

    Returns:
        The texts that fit.
    """
    return {**words, **words["by_field"]} if blocks == "field" else dict(words)


def glossary() -> dict[str, str]:
    """Every explained word with its one sentence, in the order of the file."""
    return _read("glossary")


def tip(word: str) -> str:
    """The sentence that explains a word of the method.

    Args:
        word: A key of the glossary.

    Returns:
        Its explanation.
    """
    return glossary()[word]
