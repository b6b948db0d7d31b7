"""Widgets for the settings of a search, made from the settings classes and ``texts/settings.toml``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis.budgets import compression_for
from dnis.preparation import fitting, has_pair
from dnis.presets import PRESETS, preset
from dnis.schemes import VALUE_BYTES
from dnis.settings import MODELS_BY_TASK, DataSpec, SearchConfig
from dnis.ui import escape, session, settings_link, store, texts, workbench

if TYPE_CHECKING:
    from dnis.interactions import Interactions

_TASK, _FITS = "_settings_task", "_settings_fit"

FIRST_RECIPE, FIRST_BUDGET = "paper", "8x"
"""What the form proposes: the recipe as published, and the size of a table for whoever asks for a budget."""

NEED_PAIR = ("MF", "MLP", "NeuMF")
"""Models that read a user and an item."""

TRAIN_SHARE = 0.7
"""About what is left to train on when the data are dealt out."""


def draw(interactions: Interactions, data: DataSpec) -> tuple[SearchConfig, DataSpec]:
    """Draw the settings in three groups and read them.

    Args:
        interactions: The data in use; they say what can be predicted.
        data: Where they come from.

    Returns:
        Settings of the search, and the data with the chosen way to deal it out.

    Raises:
        ValueError: If the settings do not go together.
    """
    words = texts.page("settings")
    settings_link.read()
    chosen = st.selectbox(
        words["preset"], list(PRESETS), key="preset", format_func=lambda name: words["presets"][name]["label"],
        on_change=_apply_preset, help=words["preset_help"], persist_state="session", bind="query-params",
    )  # fmt: skip
    st.caption(words["presets"][chosen]["about"])
    st.radio(
        words["size"], list(words["modes"]), index=1, key="mode", format_func=words["modes"].get, horizontal=True,
        captions=list(words["modes_about"].values()), on_change=_apply_mode, persist_state="session",
    )  # fmt: skip
    task = _task(words["fields"]["task"], interactions, data)
    values: dict[str, Any] = {"task": task}
    for group, title in words["groups"].items():
        with st.expander(title):
            for name, about in words["fields"].items():
                wanted = name != "task" and about["group"] == group and _has_meaning(about, task, values)
                if wanted and _has_data(about, interactions):
                    values[name] = _widget(name, about, task, data)
    fields = words["fields"].items()
    lacking = {name: _default(name, task, data) for name, about in fields if not _has_data(about, interactions)}
    settings_link.say_unmet({**values, **lacking, "preset": chosen})
    if "hidden" in values:
        values["hidden"] = _widths(values["hidden"])
    if "budget" in values:
        full_bytes = VALUE_BYTES * interactions.n_features * values["embedding_dim"]
        values["compression"] = compression_for(values.pop("budget"), full_bytes)
    st.caption(words["summary"].format(data=escape.markdown(workbench.data_name(data.source), 60), **values))
    spec = dataclasses.replace(data, strategy=values.pop("strategy") or None, seed=int(values.pop("data_seed")))
    return SearchConfig(**values), spec


def _task(about: dict[str, Any], interactions: Interactions, data: DataSpec) -> str:
    possible = [interactions.task]
    if has_pair(interactions) and "topk" not in possible:
        possible.append("topk")
    if st.session_state.get("task") not in possible:
        st.session_state.pop("task", None)
    task = st.selectbox(
        about["label"], possible, key="task", format_func=about["names"].__getitem__, help=about["help"],
        persist_state="session", bind="query-params",
    )  # fmt: skip
    if st.session_state.setdefault(_TASK, task) != task:
        # what suits a rating does not suit a click
        st.session_state[_TASK] = task
        _set_all(task, data)
        _apply_mode()
    if st.session_state.setdefault(_FITS, _content(data)) != _content(data):
        st.session_state[_FITS] = _content(data)
        _set(("model", "batch_size"), task, data)
    return task


def _content(data: DataSpec) -> tuple[Any, ...]:
    return data.source, data.columns, data.core


def reset() -> None:
    """Set every setting back to its default."""
    st.session_state["mode"], st.session_state["preset"] = "full", "default"
    _set_all(st.session_state[_TASK], session.current_data())


def _set_all(task: str, data: DataSpec) -> None:
    _set([name for name in texts.page("settings")["fields"] if name != "task"], task, data)


def _set(names: Iterable[str], task: str, data: DataSpec) -> None:
    # written rather than dropped: a setting that also stands in the address would come back from there
    for name in names:
        if name in st.session_state:
            st.session_state[name] = _shown(_default(name, task, data))


def take_split(data: DataSpec) -> None:
    """Deal rows out as the data say.

    Args:
        data: The data that the next search takes.
    """
    _set(("strategy", "data_seed"), st.session_state.get(_TASK, ""), data)


def fill(config: SearchConfig, data: DataSpec) -> None:
    """Write the settings of another search into the form, wherever the visitor is.

    Args:
        config: The settings.
        data: The data and how they are dealt out.
    """
    st.session_state["mode"], st.session_state["preset"], st.session_state[_TASK] = "full", "default", config.task
    st.session_state[_FITS] = _content(data)
    own = {"strategy": data.strategy or "", "data_seed": data.seed, "budget": f"{_exact(config.compression or 8.0)}x"}
    for name in texts.page("settings")["fields"]:
        st.session_state[name] = own[name] if name in own else _shown(getattr(config, name))


def _apply_preset() -> None:
    st.session_state["mode"] = "full"
    _set_all(st.session_state[_TASK], session.current_data())


def _apply_mode() -> None:
    task, data = st.session_state[_TASK], session.current_data()
    for name, value in quick_settings(len(session.current_interactions())).items():
        st.session_state[name] = value if st.session_state["mode"] == "quick" else _default(name, task, data)


def quick_settings(n_interactions: int) -> dict[str, int]:
    """Settings of a search that takes about 20 s or less on two cores, whatever the size of the data.

    Args:
        n_interactions: Rows of all parts.

    Returns:
        Values by the name of the setting; fewer epochs where each takes long.
    """
    words = texts.page("settings")
    quick = dict(words["quick"])
    epochs = words["quick_rows"] // max(1, n_interactions)
    quick["epochs"] = max(quick["warm_epochs"] + 2, min(quick["epochs"], epochs))
    return quick


def _has_meaning(about: dict[str, Any], task: str, values: dict[str, Any]) -> bool:
    fits = about.get("task", task) == task and values.get("model") in about.get("models", [values.get("model")])
    return fits and about.get("recipe", values.get("recipe")) == values.get("recipe")


def _has_data(about: dict[str, Any], interactions: Interactions) -> bool:
    return about.get("needs") != "timestamp" or interactions.timestamp is not None


def _widget(name: str, about: dict[str, Any], task: str, data: DataSpec) -> Any:
    common: dict[str, Any] = {"key": name, "help": about["help"], "persist_state": "session", "bind": "query-params"}
    default = _default(name, task, data)
    if name == "model":
        models = _models(task, data)
        if st.session_state.get(name) not in models:
            st.session_state.pop(name, None)
        return st.selectbox(about["label"], models, models.index(default), **common)
    if name == "hidden":
        return st.text_input(about["label"], _shown(default), max_chars=40, **common)
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
    shown = "%d" if isinstance(default, int) else "%g"
    return st.number_input(about["label"], about["low"], about["high"], default, about["step"], format=shown, **common)


def _default(name: str, task: str, data: DataSpec) -> Any:
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


def _shown(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"hidden layers must be whole numbers with commas between them, got {text!r}") from None


def _exact(value: float) -> str:
    """A number that reads back as itself: a search of 8.000001x is not one of 8x."""
    return repr(float(value)).removesuffix(".0")
