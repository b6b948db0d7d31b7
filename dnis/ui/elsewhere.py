"""A comparison or retraining of this session that belongs to another run than the one on show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dnis.ui import desk, escape, store, texts

if TYPE_CHECKING:
    from dnis.runs import Run


def say(kind: str, run: Run) -> None:
    """Where such a job is under way for another run, say so, with a button that shows that run.

    Args:
        kind: ``retrain`` or ``compare``.
        run: The run on show.
    """
    seen = desk.view(kind)
    if seen is None or not seen.active or desk.writes_into(seen, run.folder):
        return
    other = store.find(Path(str(seen.job.get("run") or seen.job.get("out"))).name)
    if other is None:
        return
    words = texts.page("shell")["elsewhere"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(words[kind].format(name=escape.markdown(other.name, 60)), icon=":material/info:")
        st.button(
            words["show"], key=f"show_{kind}", icon=":material/visibility:", on_click=desk.show,
            args=(other.folder.name,),
        )  # fmt: skip
