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
    if password:
        require(password, "password", words["password"])


def require(secret: str, kind: str, label: str) -> None:
    """End the page here unless the visitor knows a secret; asked for once a session.

    Args:
        secret: What has to be known, not empty.
        kind: Name of the door; each is passed on its own.
        label: Label of the box.
    """
    words = texts.page("shell")
    if hmac.compare_digest(st.session_state.get(_ENTERED, {}).get(kind, b""), _digest(kind, secret)):
        return
    with st.form(f"gate_{kind}", width=400):
        st.text_input(label, type="password", key=kind, max_chars=200, autocomplete="current-password")
        st.form_submit_button(words["enter"], type="primary", on_click=_enter, args=(kind, secret))
    if st.session_state.pop(_WRONG, False):
        st.error(words["wrong_password"], icon=":material/lock:")
    st.stop()


def _digest(kind: str, secret: str) -> bytes:
    """What is kept in the session instead of a bare yes: a changed password asks everybody again."""
    return hmac.digest(kind.encode(), secret.encode(), "sha256")


def _enter(kind: str, secret: str) -> None:
    given = st.session_state.get(kind, "")
    if hmac.compare_digest(_digest(kind, given), _digest(kind, secret)):
        st.session_state[_ENTERED] = {**st.session_state.get(_ENTERED, {}), kind: _digest(kind, secret)}
        return
    time.sleep(PAUSE_S)
    st.session_state[_WRONG] = True
