"""The data in use in the address bar, so that a link brings them along; a table of the visitor's own never travels."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dnis.datasets import SAMPLES
from dnis.settings import DataSpec
from dnis.ui import escape, session, store, texts

_ENTERED = "_link_of_data_was_read"
_SAMPLE = "sample:"


def begin_page() -> None:
    """Start a page: use what the address names where a session enters by it, and name what is in use since."""
    if not st.session_state.get(_ENTERED):
        st.session_state[_ENTERED] = True
        _adopt()
    spec = session.chosen_data()
    said = {} if spec is None or _is_of_the_run(spec) else _words_of(spec)
    for key in ("data", "features", "core", "dealt", "dealt_seed"):
        if key in said:
            st.query_params[key] = said[key]
        elif key in st.query_params:
            del st.query_params[key]


def travels() -> bool:
    """Whether a link brings the data in use along: bundled ones, or those of the run that it names."""
    spec = session.current_data()
    return spec.source.startswith(_SAMPLE) or _is_of_the_run(spec)


def _is_of_the_run(spec: DataSpec) -> bool:
    of_run = session.run_on_show().data
    return replace(spec, strategy=spec.strategy or of_run.strategy) == of_run  # a run says how its data were dealt


def _adopt() -> None:
    name = st.query_params.get("data")
    if name is None:
        return
    words = texts.page("shell")
    if name not in SAMPLES:
        _complain(words["no_sample"].format(name=escape.markdown(name, 40), names=", ".join(SAMPLES)))
        return
    columns = tuple(("feature", column) for column in st.query_params.get("features", "").split(",") if column)
    try:
        core, seed = (int(st.query_params.get(key, "0")) for key in ("core", "dealt_seed"))
        spec = DataSpec(_SAMPLE + name, columns, st.query_params.get("dealt"), seed, core)
        store.split_of(spec)
        session.set_data(spec)
    except ValueError as error:
        _complain(words["link_of_data"].format(message=escape.markdown(error, 200)))


def _complain(sentence: str) -> None:
    st.toast(sentence, icon=":material/link_off:", duration="infinite")


def _words_of(spec: DataSpec) -> dict[str, str]:
    if not spec.source.startswith(_SAMPLE):
        return {}
    said = {
        "data": spec.source.removeprefix(_SAMPLE),
        "features": ",".join(column for role, column in spec.columns if role == "feature"),
        "core": str(spec.core or ""),
        "dealt": spec.strategy or "",
        "dealt_seed": str(spec.seed or ""),
    }
    return {key: word for key, word in said.items() if word}
