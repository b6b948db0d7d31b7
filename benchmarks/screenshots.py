"""The screenshots of the README, taken of the running app; ``python -m benchmarks.screenshots --write docs``.

Needs a ``chromium`` on the path. Without ``--write`` it only says what it would take.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from benchmarks.pictures import FLAGS

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "--browser.serverAddress=localhost"
"""Else a headless Streamlit asks a server on the internet for its own address."""
SHOTS = {
    "search": ("search", "light", ""),
    "tradeoff": ("tradeoff", "light", ""),
    "compare": ("compare", "dark", "Error against size"),
}
"""File name -> page, colour scheme, words that the picture begins with, where that is not the top of the page."""

WINDOW: ViewportSize = {"width": 1280, "height": 900}
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, patience_s: float = 60.0) -> None:
    """Wait until the server answers; raises TimeoutError if it does not in time."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
        else:
            return
    raise TimeoutError(f"the server at {url} did not answer within {patience_s:g} s")


@contextmanager
def served(runs: str) -> Generator[str]:
    """The address of an app that has just started, with its runs in a folder; it ends with the block."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.headless=true",
        f"--server.port={port}",
        LOCAL,
    ]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DNIS_RUNS": runs}, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def take(browser: Browser, url: str, folder: Path) -> list[str]:
    """Take every picture; returns the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (page_name, scheme, words) in SHOTS.items():
        context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light", viewport=WINDOW)
        page = context.new_page()
        page.goto(f"{url}/{page_name}")
        page.wait_for_selector(IDLE, timeout=30_000)
        page.wait_for_timeout(3_000)  # the components draw after the script is done
        if words:
            page.get_by_text(words).evaluate("node => { node.style.scrollMarginTop = '100px'; node.scrollIntoView(); }")
            page.wait_for_timeout(2_000)
        page.screenshot(path=folder / f"{name}.png")
        context.close()
    return [f"{name}.png" for name in SHOTS]


def main() -> None:
    """Start the app on a free port, take the pictures, end the app."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--write", type=Path, help="folder of the pictures, e.g. docs")
    options = ask.parse_args()
    chromium, done = shutil.which("chromium"), list(SHOTS)
    if options.write is not None:
        if chromium is None:
            raise SystemExit("no chromium on the path")
        with tempfile.TemporaryDirectory() as runs, served(runs) as url, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
            done = take(browser, url, options.write)
            browser.close()
    print(json.dumps({"benchmark": "screenshots", "written": options.write is not None, "files": done}))


if __name__ == "__main__":
    main()
