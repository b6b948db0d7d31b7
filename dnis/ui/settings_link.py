"""What a link says of the settings of a search, and a sentence for whatever of it the form cannot show."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dnis.presets import PRESETS
from dnis.ui import escape, texts

_ASKED = "_settings_asked_by_link"

AS_WRITTEN = ("hidden", "budget")
"""Settings that are typed as text: the form shows what a link says, and complains about it itself."""


def read() -> None:
    """Before the form is drawn: note what the address asks for where a session enters by it, and adopt options.

    A link may say ``order=2`` or ``preset=released``, while Streamlit binds what a list shows.
    """
    fields = texts.page("settings")["fields"]
    asked = {name: text for name in (*fields, "preset") if (text := st.query_params.get(name)) is not None}
    st.session_state.setdefault(_ASKED, asked)
    lists = {name: about.get("options", list(about["names"])) for name, about in fields.items() if "names" in about}
    for name, options in {**lists, "preset": list(PRESETS)}.items():
        meant = next((option for option in options if str(option) == asked.get(name)), None)
        if meant is not None:
            del st.query_params[name]
            st.session_state[name] = meant


def say_unmet(values: dict[str, Any]) -> None:
    """After the form has been drawn: name, once, what the link asked for and the form does not show.

    Args:
        values: Settings as the form shows them; one that has no meaning in this search is not among them.
    """
    words = texts.page("settings")
    asked, st.session_state[_ASKED] = st.session_state[_ASKED], {}
    unmet = [
        words["unmet"].format(label=_label(name), asked=escape.markdown(text, 60), value=_names(name, values[name])[-1])
        for name, text in asked.items()
        if name in values and name not in AS_WRITTEN and not _says(text, name, values[name])
    ]
    for sentence in unmet:  # one each: a longer text would be cut
        st.toast(sentence, icon=":material/link_off:", duration="infinite")


def _says(text: str, name: str, value: Any) -> bool:
    if text.casefold() in (word.casefold() for word in _names(name, value)):
        return True
    try:
        return not isinstance(value, str | bool) and float(text) == value
    except ValueError:
        return False


def _names(name: str, value: Any) -> tuple[str, str]:
    """A value as the settings and as the form say it."""
    words = texts.page("settings")
    if name == "preset":
        return value, words["presets"][value]["label"]
    return str(value), words["fields"][name].get("names", {}).get(str(value), str(value))


def _label(name: str) -> str:
    words = texts.page("settings")
    return words["preset"] if name == "preset" else words["fields"][name]["label"]
