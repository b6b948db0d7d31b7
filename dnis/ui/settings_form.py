"""Widgets for the settings of a search, made from the settings classes and ``texts/settings.toml``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis.budgets import compression_for
from dnis.preparation import has_pair
from dnis.presets import PRESETS
from dnis.schemes import VALUE_BYTES
from dnis.settings import DataSpec, SearchConfig
from dnis.ui import escape, fields, later, session, settings_link, texts, workbench

if TYPE_CHECKING:
    from dnis.interactions import Interactions

_TASK, _FITS = "_settings_task", "_settings_fit"

_FIELD_PX = 86
"""Height of a setting with its name [pixels]."""


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
    defaults = fields.defaults_of(task, data)
    values: dict[str, Any] = {"task": task}
    for group, title in words["groups"].items():
        names = [name for name, about in words["fields"].items() if name != "task" and about["group"] == group]
        with st.expander(title):
            # nobody sees into a closed box: a page that has just been turned to is whole without its content
            shown = later.reached(group, _FIELD_PX * len(names), words["fields"], part="settings")
            for name in names:
                about = words["fields"][name]
                if _has_meaning(about, task, values) and _has_data(about, interactions):
                    values[name] = (fields.widget if shown else fields.kept)(name, about, defaults)
    absent = [name for name, about in words["fields"].items() if not _has_data(about, interactions)]
    lacking = {name: defaults.values[name] for name in absent}
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
    defaults = fields.defaults_of(task, data).values
    for name in names:
        if name in st.session_state:
            st.session_state[name] = fields.shown(defaults[name])


def take_split(data: DataSpec) -> None:
    """Deal rows out as the data say.

    Args:
        data: The data that the next search takes.
    """
    for name, value in (("strategy", data.strategy or ""), ("data_seed", data.seed)):
        if name in st.session_state:
            st.session_state[name] = value


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
        st.session_state[name] = own[name] if name in own else fields.shown(getattr(config, name))


def _apply_preset() -> None:
    st.session_state["mode"] = "full"
    _set_all(st.session_state[_TASK], session.current_data())


def _apply_mode() -> None:
    usual = fields.defaults_of(st.session_state[_TASK], session.current_data()).values
    for name, value in quick_settings(len(session.current_interactions())).items():
        st.session_state[name] = value if st.session_state["mode"] == "quick" else usual[name]


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


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"hidden layers must be whole numbers with commas between them, got {text!r}") from None


def _exact(value: float) -> str:
    """A number that reads back as itself: a search of 8.000001x is not one of 8x."""
    return repr(float(value)).removesuffix(".0")
