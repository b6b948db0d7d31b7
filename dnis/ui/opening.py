"""What a server does once, as it starts: it makes ready for the first visitor while that one's browser still loads.

Imported before Streamlit's runtime exists, so it must not import what declares a component (``dnis.ui.live``).
"""

from __future__ import annotations

import inspect
import logging
import threading
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

import streamlit as st

LOG = logging.getLogger(__name__)

FIRST = ("dnis.ui.shell", "dnis.ui.overview", "PIL.Image", "pyarrow.dataset")
"""Modules that the first page needs; with pandas, which they bring, they take a second."""

_OPEN_S = 0.5


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncGenerator[None]:
    """Start the app, beside the server's own start.

    Args:
        app: The application, whose runtime exists by now.

    Yields:
        Nothing, for as long as the server is up.
    """
    threading.Thread(target=prepare, daemon=True).start()
    if not st.get_option("server.headless"):
        # a server that runs an ``st.App`` opens no browser by itself; it listens a moment after this line. In a thread,
        # since some commands return only when their browser has the page, which a server that waits cannot send
        opening = threading.Timer(_OPEN_S, webbrowser.open, (_address(),))
        opening.daemon = True
        opening.start()
    yield


def prepare() -> None:
    """Import what the first page needs, start the queue, and read the run that comes with the project."""
    for name in FIRST:
        import_module(name)
    desk, store = import_module("dnis.ui.desk"), import_module("dnis.ui.store")
    inspect.stack()  # Streamlit asks for it once, and the first time the files of all modules are looked up
    try:
        desk.runner()
        store.load(store.bundled_folder())
    except (ValueError, OSError) as error:
        LOG.warning("not ready before the first page, which says why: %s", error)


def _address() -> str:
    return f"http://{st.get_option('browser.serverAddress')}:{st.get_option('server.port')}"
