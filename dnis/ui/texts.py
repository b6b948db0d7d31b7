"""Page texts, tooltips and the glossary, which live as TOML files in ``dnis/ui/texts``, one file per page.

A page reads its own file with ``texts.page("search")``; every tooltip that explains a word of the method comes from
``texts.tip("threshold")``, so a word is explained in one place and in one way.
"""

from __future__ import annotations

import tomllib
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
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def glossary() -> dict[str, str]:
    """Every explained word with its one sentence, in the order of the file."""
    return page("glossary")


def tip(word: str) -> str:
    """The sentence that explains a word of the method.

    Args:
        word: A key of the glossary.

    Returns:
        Its explanation.
    """
    return glossary()[word]
