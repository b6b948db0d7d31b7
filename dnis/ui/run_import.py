"""Open a run from a zip file: it becomes one of this session's runs."""

from __future__ import annotations

from secrets import token_urlsafe

import streamlit as st

from dnis.files import disk_fault
from dnis.trial import try_run
from dnis.ui import desk, environment, escape, later, session, texts

_ANSWER = "_import_answer"


def draw() -> None:
    """Draw the uploader; a run that can be opened becomes the current one."""
    words = texts.page("export")
    st.caption(words["import_about"])
    file = st.file_uploader(
        words["import_file"].format(limit=environment.read().max_upload_bytes // 1_000_000),
        type=["zip"],
        max_upload_size=environment.read().max_upload_bytes // 1_000_000,
        key="import_file",
        on_change=later.overhear,
    )
    st.button(
        words["import_button"], disabled=file is None, icon=":material/folder_open:", key="do_import", on_click=_open
    )
    # stands as long as its file does: whatever draws the page again must not take it away unread
    answered, opened, refusal = st.session_state.get(_ANSWER, (None, None, None))
    if file is None or file.file_id != answered:
        return
    if refusal:
        st.error(words["import_failed"].format(message=escape.markdown(refusal, 300)), icon=":material/error:")
    elif opened == session.current_run().folder.name:
        st.success(words["import_done"], icon=":material/check_circle:")


def _open() -> None:
    runs, file = session.runs_folder(), st.session_state["import_file"]
    try:
        folder = try_run(file.getvalue(), runs / token_urlsafe(16), runs / "uploads")
    except (ValueError, OSError) as error:
        fault = disk_fault(error) if isinstance(error, OSError) else None
        st.session_state[_ANSWER] = (file.file_id, None, fault or str(error))
        return
    desk.show(folder.name, own=True)
    st.session_state[_ANSWER] = (file.file_id, folder.name, None)
