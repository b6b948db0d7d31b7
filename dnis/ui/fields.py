"""One setting of a search on the form: its default, its widget, and what it says while that is not drawn."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Defaults:
    """What the settings stand at before anybody has touched them.

    Args:
        values: By name, in the form that the settings class has.
        models: Models that can read the data.
    """

    values: dict[str, Any]
    models: list[str]


def defaults_of(task: str, data: DataSpec) -> Defaults:
    """The defaults of a task, changed by what the data ask for and by the chosen preset.

    Args:
        task: What is to be learnt.
        data: The data in use.

    Returns:
        The defaults of all settings.
    """
    interactions, of_preset = store.interactions_of(data), preset(st.session_state.get("preset", "default"))
    wanted = {**fitting(interactions, task, round(TRAIN_SHARE * len(interactions))), **of_preset}
    own = {
        "strategy": data.strategy or "", "data_seed": data.seed, "recipe": of_preset.get("recipe", FIRST_RECIPE),
        "budget": FIRST_BUDGET,
    }  # fmt: skip
    pair = has_pair(interactions)
    models = [name for name in MODELS_BY_TASK[task] if pair or name not in NEED_PAIR]
    start = SearchConfig.for_task(task, **wanted)
    return Defaults({field.name: getattr(start, field.name) for field in dataclasses.fields(start)} | own, models)


def widget(name: str, about: dict[str, Any], defaults: Defaults) -> Any:
    """Draw a setting.

    Args:
        name: Its name, which is also its key and its word in the address.
        about: Its texts and bounds.
        defaults: What all settings stand at first.

    Returns:
        What it stands at; hidden layers and a budget are still text.
    """
    common: dict[str, Any] = {"key": name, "help": about["help"], "persist_state": "session", "bind": "query-params"}
    default, models = defaults.values[name], defaults.models
    if name == "model":
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


def kept(name: str, about: dict[str, Any], defaults: Defaults) -> Any:
    """What the setting's widget would say.

    Args:
        name: Its name.
        about: Its texts and bounds.
        defaults: What all settings stand at first.

    Returns:
        As ``widget``.
    """
    value = st.session_state.get(name)
    possible = defaults.models if name == "model" else about.get("options", [value])
    return shown(defaults.values[name]) if value is None or value not in possible else value


def shown(value: Any) -> Any:
    """A setting's value as its widget shows it.

    Args:
        value: The value, in the form that the settings class has.

    Returns:
        Text for widths of layers, else the value.
    """
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
