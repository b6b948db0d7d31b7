"""A worker as the system sees it."""

import os
import subprocess
import sys

import pytest

from dnis.ui import process
from dnis.ui.process import WorkerProcess

# the priority is read after the first line, which the server writes once it has set it
SAY = """import os, sys
sys.stdin.readline()
print('{"event": "priority", "is": %d}' % os.getpriority(os.PRIO_PROCESS, 0))"""

pytestmark = pytest.mark.skipif(not hasattr(os, "getpriority"), reason="this system has no priorities")


def priority_of_a_worker():
    events = []
    WorkerProcess((sys.executable, "-c", SAY)).run({"kind": "search"}, events.append)
    return events[0]["is"]


def test_a_worker_lets_pages_go_first(monkeypatch):
    # the tests may stand at the worker's priority themselves
    behind = os.getpriority(os.PRIO_PROCESS, 0) + process.NICENESS
    monkeypatch.setattr(process, "NICENESS", behind)
    assert os.getpriority(os.PRIO_PROCESS, 0) < behind
    assert priority_of_a_worker() == min(behind, 19)


def test_a_server_that_stands_behind_everybody_starts_a_worker_there():
    ask = "from tests.ui.test_process import priority_of_a_worker as ask; print(ask())"
    done = subprocess.run(["nice", "-n", "19", sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "19"
