"""The log: one JSON object per line, and nothing in it that belongs to a visitor."""

import json
import logging
import sys

from dnis.ui import journal
from dnis.ui.process import WorkerProcess


def line_of(record):
    text = journal.JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def record(message, *args, **more):
    made = logging.makeLogRecord({"name": "dnis.ui.desk", "levelname": "INFO", "msg": message, "args": args, **more})
    made.created = 0.0
    return made


def test_a_line_holds_time_place_and_facts():
    assert line_of(record("worker ended", kind="search", code=0, seconds=1.5)) == {
        "time": "1970-01-01T00:00:00Z", "level": "info", "where": "dnis.ui.desk", "message": "worker ended",
        "kind": "search", "code": 0, "seconds": 1.5,
    }  # fmt: skip


def test_a_line_break_in_a_message_forges_no_line():
    assert line_of(record("%s", 'a\n{"level": "error"}'))["message"] == 'a\n{"level": "error"}'


def test_of_an_exception_only_its_kind_is_kept():
    try:
        raise ValueError("cell 'Bob' of column salary")
    except ValueError:
        made = line_of(record("fault", exc_info=sys.exc_info()))
    assert made["error"] == "ValueError"
    assert "Bob" not in json.dumps(made)


def test_what_a_worker_writes_beside_its_events_is_not_logged(caplog):
    caplog.set_level(logging.INFO, "dnis")
    command = (sys.executable, "-c", "import sys; sys.stdin.readline(); print('Bob earns 7')")
    WorkerProcess(command).run({"kind": "search", "data": {"source": "secret.csv"}}, lambda event: None)
    said = [journal.JsonLines().format(made) for made in caplog.records if made.name.startswith("dnis")]
    assert any('"kind": "search"' in line for line in said)
    assert not any(word in line for line in said for word in ("Bob", "secret"))


def test_starting_twice_logs_once():
    journal.start()
    journal.start()
    handlers = logging.getLogger("dnis").handlers
    assert sum(isinstance(handler.formatter, journal.JsonLines) for handler in handlers) == 1
