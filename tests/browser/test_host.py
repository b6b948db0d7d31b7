"""A server for a class in a real browser: a password in front of every address, and a kill that loses nothing."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import LOCAL, ROOT, _wait_until_healthy

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

PASSWORD = "correct horse"


@pytest.fixture
def host(tmp_path):
    """Start servers one after the other at one address and with one runs folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []

    def start(script="app.py", folder=ROOT, **variables):
        command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless", "true"]
        command += ["--server.port", str(port), "--client.showErrorDetails", "none", LOCAL]
        environment = {**os.environ, "DNIS_RUNS": str(tmp_path / "runs"), **variables}
        with (tmp_path / "log").open("a") as log:
            started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", started[-1])
        return started[-1]

    start.address = f"http://127.0.0.1:{port}"
    start.log = tmp_path / "log"
    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


@pytest.fixture
def page(chromium):
    expect.set_options(timeout=30_000)
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ["/", "/data", "/search?run=movielens-small-run"])
def test_on_a_fresh_server_no_address_leads_past_the_password(host, page, path):
    host(DNIS_PASSWORD=PASSWORD)
    page.goto(host.address + path)
    box = page.get_by_label("Password of this server")
    expect(box).to_be_visible()
    expect(page.get_by_role("heading")).to_have_count(0)
    box.fill("wrong horse")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_text("That is not the password.")).to_be_visible()
    expect(page.get_by_role("heading")).to_have_count(0)
    box.fill(PASSWORD)
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "horse" not in host.log.read_text()


def children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_after_the_server_was_killed_the_link_goes_on_with_the_search(host, page):
    server = host()
    page.goto(host.address + "/search?embedding_dim=8&epochs=60&warm_epochs=1&patience=60")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile("job="), timeout=60_000)
    job_id = re.search(r"job=([\w-]+)", page.url)[1]
    expect(page.get_by_text(re.compile(r"[Ee]poch \d+ of 60")).first).to_be_visible(timeout=60_000)
    # the worker as well: left alone it would see that its server is gone, and end in good order
    for pid in [*children(server.pid), server.pid]:
        os.kill(pid, signal.SIGKILL)
    server.wait()
    host()
    page.goto(f"{host.address}/search?run={job_id}")
    expect(page.get_by_role("button", name="Go on", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go on", exact=True).click()
    page.wait_for_url(re.compile(f"job={job_id}"), timeout=60_000)
    assert job_id not in host.log.read_text()


SLOW_PAGE = """
import sys, time
import streamlit as st

running, most = sys.modules.setdefault("seen_by_a_test", ([], []))
running.append(0)
try:
    most.append(len(running))
    st.button("Again")
    time.sleep(1.5)
finally:
    running.pop()
st.write(f"At most {max(most)} at once")
"""
"""Counts, while it runs, how many runs of itself there are."""


def test_a_click_never_begins_a_run_beside_a_running_one(host, page, tmp_path):
    """Two runs of one visitor share the session's state without a lock; our settings keep them one after the other."""
    (tmp_path / "slow.py").write_text(SLOW_PAGE)  # lives in no folder of the app, but is served as the app is
    shutil.copytree(ROOT / ".streamlit", tmp_path / ".streamlit")
    host("slow.py", tmp_path)
    page.goto(host.address)
    for _ in range(2):
        page.get_by_role("button", name="Again").click()
        page.wait_for_timeout(300)
    expect(page.get_by_text("At most 1 at once")).to_be_visible()
