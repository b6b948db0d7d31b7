"""Whose run it is that something is to be added to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dnis.ui import desk, session, texts

if TYPE_CHECKING:
    from dnis.runs import Run


def own_run(run: Run) -> Run | None:
    """A run that this session may write to: the run itself where it was made or opened here, else a copy of it.

    Args:
        run: The run to add something to.

    Returns:
        The run, or its copy, which has become the current run; None while a job still writes into somebody else's run,
        which is said on the page.
    """
    if session.is_own(run):
        return run
    if any(desk.writes_into(seen, run.folder) for seen in desk.runner().active()):
        st.toast(texts.page("shell")["being_written"], icon=":material/hourglass:", duration="long")
        return None
    return session.copy_run(run, instead=True)
