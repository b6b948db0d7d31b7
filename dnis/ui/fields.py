"""One setting of a search on the form: its default, its widget, and what it says while that is not drawn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dnis.preparation import fitting, has_pair
from dnis.presets import preset
from dnis.settings import MODELS_BY_TASK, DataSpec, SearchConfig
from dnis.ui import store, texts

FIRST_RECIPE, FIRST_BUDGET = "paper", "8x"
"""What the form proposes: the recipe as published, and the size of a table for whoever asks for a budget."""

NEED_PAIR = ("MF", "MLP", "NeuMF")
"""Models that read a user and an item."""

TRAIN_SHARE = 0.7
"""About what is left to train on when the data are dealt out."""


def widget(name: str, about: dict[str, Any], task: str, data: DataSpec) -> Any:
    """Draw a setting.

    Args:
        name: Its name, which is also its key and its word in the address.
        about: Its texts and bounds.
        task: What is to be learnt.
        data: The data in use.

    Returns:
        What it stands at; hidden layers and a budget are still text.
    """
    common: dict[str, Any] = {"key": name, "help": about["help"], "persist_state": "session", "bind": "query-params"}
    default = default_of(name, task, data)
    if name == "model":
        models = _models(task, data)
        if st.session_state.get(name) not in models:
            st.session_state.pop(name, None)
        return st.selectbox(about["label"], models, models.index(default), **common)
    if name == "hidden":
        return st.text_input(about["label"], shown(default), max_chars=40, **common)
    if name == "budget":
        return st.text_input(about["label"], default, max_chars=20, **common)
    if "options" in about:
        names = about.get("names", {})
        return st.selectbox(
            about["label"],
            about["options"],
            about["options"].index(default),
            format_func=lambda o: names.get(str(o), str(o)),
            **common,
        )
    if isinstance(default, bool):
        return st.toggle(about["label"], default, **common)
    common["help"] += "\n\n" + texts.page("settings")["range"].format(low=about["low"], high=about["high"])
    digits = "%d" if isinstance(default, int) else "%g"
    return st.number_input(about["label"], about["low"], about["high"], default, about["step"], format=digits, **common)


def kept(name: str, about: dict[str, Any], task: str, data: DataSpec) -> Any:
    """What the setting's widget would say.

    Args:
        name: Its name.
        about: Its texts and bounds.
        task: What is to be learnt.
        data: The data in use.

    Returns:
        As ``widget``.
    """
    value, default = st.session_state.get(name), default_of(name, task, data)
    possible = _models(task, data) if name == "model" else about.get("options", [value])
    return shown(default) if value is None or value not in possible else value


def default_of(name: str, task: str, data: DataSpec) -> Any:
    """What a setting stands at before anybody has touched it.

    Args:
        name: Its name.
        task: What is to be learnt.
        data: The data in use.

    Returns:
        The value, in the form that the settings class has.
    """
    of_preset = preset(st.session_state.get("preset", "default"))
    recipe = of_preset.get("recipe", FIRST_RECIPE)
    own = {"strategy": data.strategy or "", "data_seed": data.seed, "recipe": recipe, "budget": FIRST_BUDGET}
    return own[name] if name in own else getattr(_start_of(task, data), name)


def _start_of(task: str, data: DataSpec) -> SearchConfig:
    """The defaults of a task, changed by what the data ask for and by the chosen preset."""
    interactions = store.interactions_of(data)
    n_train = round(TRAIN_SHARE * len(interactions))
    wanted = {**fitting(interactions, task, n_train), **preset(st.session_state.get("preset", "default"))}
    return SearchConfig.for_task(task, **wanted)


def _models(task: str, data: DataSpec) -> list[str]:
    """Models that can read the data."""
    pair = has_pair(store.interactions_of(data))
    return [name for name in MODELS_BY_TASK[task] if pair or name not in NEED_PAIR]


def shown(value: Any) -> Any:
    """A setting's value as its widget shows it.

    Args:
        value: The value, in the form that the settings class has.

    Returns:
        Text for widths of layers, else the value.
    """
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
