"""See, tune and judge how many embedding dimensions every user, item or category deserves (DNIS, arXiv:2006.04466).

The public names are loaded when first asked for, so that ``import dnis`` costs nothing and reaches neither torch nor
streamlit.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Interactions": "interactions",
    "DataError": "interactions",
    "Split": "splits",
    "DataSpec": "settings",
    "TrainConfig": "settings",
    "SearchConfig": "settings",
    "CompareConfig": "settings",
    "DimensionScheme": "schemes",
    "SoftSelection": "selection",
    "MODELS": "models",
    "TASKS": "tasks",
    "evaluate": "tasks",
    "train": "training",
    "search": "bilevel",
    "prune": "pruning",
    "sweep": "pruning",
    "compare": "comparison",
    "save_run": "runs",
    "load_run": "runs",
}
_MODULES = ("datasets", "figures")

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"dnis.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"dnis.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'dnis' has no attribute {name!r}; public names: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
