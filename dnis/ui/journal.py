"""The server's log: one JSON object per line, about jobs and faults, never about data, names or who asked."""

from __future__ import annotations

import json
import logging
import sys
import time

FIELDS = ("kind", "code", "seconds")
"""Facts that a line may carry beside time, level, place and message."""


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record.

        Args:
            record: What was logged; of an exception only its type is kept, since its text may quote a file.

        Returns:
            One line.
        """
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "where": record.name,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in FIELDS if hasattr(record, name)},
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=True, default=str)


def start() -> None:
    """Let the package's log lines go to standard error; a second call changes nothing."""
    log = logging.getLogger("dnis")
    if any(isinstance(handler.formatter, JsonLines) for handler in log.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
