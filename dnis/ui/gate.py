"""The door: settings that cannot be used end here in one sentence, and where a password is set, it is asked for."""

from __future__ import annotations

import hmac
import logging
import time

import streamlit as st

from dnis.ui import environment, texts

LOG = logging.getLogger(__name__)

PAUSE_S = 1.0
"""How long a wrong password is held up, so that guessing takes its time [s]."""

_ENTERED, _WRONG = "_entered", "_wrong_password"


def require_entry() -> None:
    """End the page here unless the settings are sound and the visitor knows the password, where one is set."""
    words = texts.page("shell")
    try:
        password = environment.read().password
    except ValueError as error:
        LOG.error("settings: %s", error)
        st.error(words["bad_environment"], icon=":material/settings_alert:")
        st.code(str(error), language=None, wrap_lines=True)
        st.stop()
    if not password or hmac.compare_digest(st.session_state.get(_ENTERED, b""), _digest(password)):
        return
    with st.form("gate", width=400):
        st.text_input(
            words["password"], type="password", key="password", max_chars=200, autocomplete="current-password"
        )
        st.form_submit_button(words["enter"], type="primary", on_click=_enter)
    if st.session_state.pop(_WRONG, False):
        st.error(words["wrong_password"], icon=":material/lock:")
    st.stop()


def _digest(password: str) -> bytes:
    """What is kept in the session instead of a bare yes: a changed password asks everybody again."""
    return hmac.digest(b"dnis", password.encode(), "sha256")


def _enter() -> None:
    given, password = st.session_state.get("password", ""), environment.read().password
    if hmac.compare_digest(_digest(given), _digest(password)):
        st.session_state[_ENTERED] = _digest(password)
        return
    time.sleep(PAUSE_S)
    st.session_state[_WRONG] = True
