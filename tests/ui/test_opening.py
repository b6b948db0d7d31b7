"""What a server does once as it starts."""

import asyncio
import logging
import subprocess
import sys
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st

from dnis.ui import desk, opening, store

ROOT = Path(__file__).resolve().parents[2]


async def started(seconds):
    async with opening.lifespan(st.App(ROOT / "app.py")):
        await asyncio.sleep(seconds)


@pytest.mark.parametrize(("headless", "times"), [(True, 0), (False, 1)])
def test_a_browser_is_opened_unless_told_not_to(headless, times, monkeypatch):
    opened, ready = [], []
    options = {"server.headless": headless, "server.port": 8765, "browser.serverAddress": "localhost"}
    monkeypatch.setattr(st, "get_option", options.__getitem__)
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append((url, threading.get_ident())))
    monkeypatch.setattr(opening, "prepare", lambda: ready.append(True))
    monkeypatch.setattr(opening, "_OPEN_S", 0.01)
    # Playwright's loop, once begun, runs in the tests' own thread
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(threading.get_ident).result()
        pool.submit(asyncio.run, started(0.2)).result()
    assert [url for url, _ in opened] == ["http://localhost:8765"] * times
    # a command that waits for its browser must not hold the server up
    assert server not in [thread for _, thread in opened]
    assert ready == [True]


def test_the_queue_and_the_bundled_run_are_ready(monkeypatch):
    asked = []
    monkeypatch.setattr(desk, "runner", lambda: asked.append("queue"))
    monkeypatch.setattr(store, "load", asked.append)
    opening.prepare()
    assert asked == ["queue", store.bundled_folder()]


def test_settings_that_cannot_be_used_are_left_for_the_page_to_say(monkeypatch, caplog):
    monkeypatch.setenv("DNIS_WORKERS", "many")
    desk.runner.clear()
    with caplog.at_level(logging.WARNING):
        opening.prepare()
    assert "DNIS_WORKERS must be a whole number in [1, 64], got 'many'" in caplog.text


def test_the_server_gets_the_app_before_any_component_is_declared():
    code = "import sys, app; assert 'dnis.ui.live' not in sys.modules; print(type(app.app).__name__)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "App"
