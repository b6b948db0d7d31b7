"""What the host of a server sets, all of it by environment variables, each checked and refused in one sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dnis.limits import job_bytes, max_rows, whole_number


@dataclass(frozen=True)
class Environment:
    """The host's settings.

    Attributes:
        runs: Where runs and uploads are written (DNIS_RUNS).
        n_workers: Searches at a time (DNIS_WORKERS).
        job_s: Longest that a job may run [s] (DNIS_JOB_MINUTES).
        job_bytes: Most memory that a job may hold [bytes], 0 for no bound (DNIS_JOB_MB).
        max_upload_bytes: Largest upload [bytes] (DNIS_MAX_UPLOAD_MB).
        max_rows: Most rows of a table (DNIS_MAX_ROWS).
        run_days: Age at which a run or upload that nobody uses goes [days], 0 for never (DNIS_RUN_DAYS).
        runs_bytes: Most that runs and uploads may take together [bytes], 0 for no bound (DNIS_RUNS_MB).
        password: What visitors have to know, empty for nothing (DNIS_PASSWORD).
        status_word: What opens the host's status page, empty for no such page (DNIS_STATUS_WORD).
    """

    runs: Path
    n_workers: int
    job_s: float
    job_bytes: int
    max_upload_bytes: int
    max_rows: int
    run_days: int
    runs_bytes: int
    password: str
    status_word: str

    def __repr__(self) -> str:
        """The settings but for what is secret, since what is represented may be logged."""
        kept = "set" if self.password else "not set"
        return f"Environment(runs={str(self.runs)!r}, n_workers={self.n_workers}, password {kept})"


MIN_PASSWORD = 8
"""Fewest characters of a password or word: it is shared, and there is no limit on tries but time."""


def read() -> Environment:
    """Read and check every setting.

    Returns:
        The settings, with defaults where a variable is not set.

    Raises:
        ValueError: If one cannot be used, in one sentence that names the variable, the range and the value seen.
    """
    n_cores = os.cpu_count() or 2
    return Environment(
        runs=_folder("DNIS_RUNS", "runs"),
        n_workers=whole_number("DNIS_WORKERS", max(1, n_cores - 1), 1, 64),
        job_s=whole_number("DNIS_JOB_MINUTES", 15, 1, 10_000) * 60.0,
        job_bytes=job_bytes(),
        max_upload_bytes=whole_number("DNIS_MAX_UPLOAD_MB", 25, 1, 2000) * 1_000_000,
        max_rows=max_rows(),
        run_days=whole_number("DNIS_RUN_DAYS", 30, 0, 3650),
        runs_bytes=whole_number("DNIS_RUNS_MB", 5000, 0, 10_000_000) * 1_000_000,
        password=_secret("DNIS_PASSWORD"),
        status_word=_secret("DNIS_STATUS_WORD"),
    )


def _folder(variable: str, default: str) -> Path:
    text = os.environ.get(variable, "") or default
    if "\n" in text or Path(text).is_file():
        raise ValueError(f"{variable} must be a folder, got {text[:80]!r}")
    return Path(text).absolute()


def _secret(variable: str) -> str:
    text = os.environ.get(variable, "")
    if text and len(text) < MIN_PASSWORD:
        # the value itself is not repeated: it may be a part of the one that was meant
        raise ValueError(f"{variable} must have at least {MIN_PASSWORD} characters, got {len(text)}")
    return text
