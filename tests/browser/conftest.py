"""A server of its own and a real Chromium."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WINDOW = {"width": 1400, "height": 1000}
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")

LOCAL = "--browser.serverAddress=localhost"
"""Else a headless Streamlit asks a server on the internet for its own address."""


LATE_ANSWERS = """
const listen = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (kind, hear) {
  const late = (event) => setTimeout(() => hear.call(this, event), window.late ?? 0);
  listen.call(this, kind, kind === "message" ? late : hear);
};
"""
"""What the server says is heard ``window.late`` milliseconds later."""


@pytest.fixture(scope="session")
def playing():
    """Playwright, and where Chromium is; without it tests are left out, which fails where a submission is checked."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        yield play.chromium, {"executable_path": path, "headless": True, "args": list(ARGUMENTS)}


@pytest.fixture(scope="session")
def chromium(playing):
    """The browser, in which every context starts with nothing."""
    kind, options = playing
    browser = kind.launch(**options)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def lasting(playing, tmp_path_factory):
    """A browser that keeps what Streamlit's own scripts have become, so that a page takes it less work.

    Each of its pages starts without local storage and cookies, as if the visitor had never been here.
    """
    kind, options = playing
    context = kind.launch_persistent_context(tmp_path_factory.mktemp("profile"), viewport=WINDOW, **options)
    context.add_init_script(
        """if (location.protocol === "http:" && !sessionStorage.getItem("begun")) {
            localStorage.clear();
            sessionStorage.setItem("begun", "yes");
        }"""
    )
    yield context
    context.close()


@pytest.fixture(scope="session")
def port():
    """One port for all servers, one after another: what a browser keeps belongs to an address.

    Below those that Linux gives away by itself, so that nobody has it while one server follows another; each process
    of the tests has its own hundred.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 20_000 + os.getppid() % 100 * 100 + number * 100
    return next(one for one in range(first, first + 100) if _is_free(one))


def _is_free(port):
    with socket.socket() as free, contextlib.suppress(OSError):
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        return True
    return False


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory):
    """What belongs to the server: its log, and ``runs``, which is empty at first."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(chromium, server_folder, port):
    """Address of a freshly started server whose runs folder is empty."""
    folder = server_folder
    options = ["--server.headless", "true", "--server.port", str(port), LOCAL]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "DNIS_RUNS": str(folder / "runs")}, stdout=log, stderr=log
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
    assert "Traceback" not in without_what_is_mended((folder / "log").read_text())


def without_what_is_mended(log):
    """A server's log without what Streamlit says of a browser closed before it was let in, and of late clicks.

    A click on a download whose button has just been drawn anew is done again by ``assets/address.js``.
    """
    return re.sub(
        r"Traceback \(most recent call last\):\n(?:(?!Traceback).*\n)*?"
        r"(?:starlette\.websockets\.WebSocketDisconnected: .*|.*MediaFileStorageError: Deferred file \w+ not found)\n"
        r"(?:\s*\nDuring handling of the above exception, another exception occurred:\n\s*\n)?",
        "",
        log,
    )


def _wait_until_healthy(address, process):
    for _ in range(300):
        assert process.poll() is None, "the server ended by itself"
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                assert answer.read() == b"ok"
            assert process.poll() is None, "another server had this port"
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not come up within 30 s")


def pick(box, n):
    """Choose entry n of a select box; what shifts the page just then closes its list, so ask again."""
    from playwright.sync_api import TimeoutError as Late

    for _ in range(10):
        box.focus()
        box.press("ArrowDown")
        with contextlib.suppress(Late):
            box.page.get_by_role("option").nth(n).click(timeout=2_000)
            return
        box.press("Escape")
    raise AssertionError("the list did not stay open in ten attempts")


def unfold(button, inside):
    """Open what a button opens; what draws the page again just then closes it, so ask again.

    ``inside`` finds, in the opened box, what must be there. Returns the box.
    """
    from playwright.sync_api import TimeoutError as Late

    box = button.page.get_by_test_id("stPopoverBody")
    for _ in range(5):
        button.click()
        with contextlib.suppress(Late):
            inside(box).wait_for(timeout=6_000)
            return box
        if box.is_visible():
            button.page.keyboard.press("Escape")
    raise AssertionError("what the button opens did not stay open in five attempts")


@pytest.fixture
def visit(chromium, lasting, server):
    """Opens an address as a visitor who has never been here; options are those of a Playwright context.

    The second visitor of a test, and one with options of its own, has a browser of its own. ``visit.sent`` is
    everything that its pages have sent to the server since.
    """
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    opened = []

    def go(path, **options):
        if options or opened:
            opened.append(chromium.new_context(**{"viewport": WINDOW, **options}))
            page = opened[-1].new_page()
        else:
            lasting.clear_cookies()
            opened.append(lasting.new_page())
            page = opened[-1]
        page.set_default_timeout(30_000)
        page.on("websocket", lambda socket: socket.on("framesent", lambda sent: go.sent.append(sent)))
        page.goto(server + path)
        return page

    go.sent = []
    yield go
    for one in opened:
        one.close()
