"""The host's settings are checked, and each that cannot be used is refused in one sentence."""

import pytest

from dnis.ui import environment

VARIABLES = (
    "DNIS_RUNS", "DNIS_WORKERS", "DNIS_JOB_MINUTES", "DNIS_JOB_MB", "DNIS_MAX_UPLOAD_MB", "DNIS_MAX_ROWS",
    "DNIS_RUN_DAYS", "DNIS_RUNS_MB", "DNIS_PASSWORD", "DNIS_STATUS_WORD",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_variables_the_defaults_hold(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 4)
    found = environment.read()
    assert found == environment.Environment(
        tmp_path / "runs", 3, 900.0, 4_000_000_000, 25_000_000, 10_000_000, 30, 5_000_000_000, "", ""
    )


def test_every_variable_is_read(monkeypatch, tmp_path):
    values = (str(tmp_path), "2", "5", "0", "50", "1000", "0", "100", "correct horse", "battery staple")
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    assert environment.read() == environment.Environment(
        tmp_path, 2, 300.0, 0, 50_000_000, 1000, 0, 100_000_000, "correct horse", "battery staple"
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DNIS_WORKERS", "0", "DNIS_WORKERS must be a whole number in [1, 64], got '0'"),
        ("DNIS_WORKERS", "many", "DNIS_WORKERS must be a whole number in [1, 64], got 'many'"),
        ("DNIS_MAX_UPLOAD_MB", "2.5", "DNIS_MAX_UPLOAD_MB must be a whole number in [1, 2000], got '2.5'"),
        ("DNIS_MAX_ROWS", "-1", "DNIS_MAX_ROWS must be a whole number in [1, 1000000000], got '-1'"),
        ("DNIS_RUN_DAYS", "٣", "DNIS_RUN_DAYS must be a whole number in [0, 3650], got '٣'"),
        ("DNIS_RUNS_MB", "9" * 30, f"DNIS_RUNS_MB must be a whole number in [0, 10000000], got '{'9' * 30}'"),
        ("DNIS_JOB_MINUTES", "0", "DNIS_JOB_MINUTES must be a whole number in [1, 10000], got '0'"),
        ("DNIS_JOB_MB", "4GB", "DNIS_JOB_MB must be a whole number in [0, 10000000], got '4GB'"),
        ("DNIS_STATUS_WORD", "open", "DNIS_STATUS_WORD must have at least 8 characters, got 4"),
        ("DNIS_RUNS", __file__, f"DNIS_RUNS must be a folder, got '{__file__[:80]}'"),
        ("DNIS_PASSWORD", "secret", "DNIS_PASSWORD must have at least 8 characters, got 6"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_in_one_sentence(monkeypatch, name, value, sentence):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="must") as refused:
        environment.read()
    assert str(refused.value) == sentence


def test_the_password_is_not_shown_where_settings_are(monkeypatch):
    monkeypatch.setenv("DNIS_PASSWORD", "correct horse")
    monkeypatch.setenv("DNIS_STATUS_WORD", "battery staple")
    assert "horse" not in repr(environment.read())
    assert "staple" not in repr(environment.read())
