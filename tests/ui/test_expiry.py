"""Old runs and uploads go by age and by size, and never one that is in use."""

import json
import os

import pytest

from dnis.ui import expiry

NOW_S = 1_000_000_000.0
DAY_S = 86400


@pytest.fixture
def place(tmp_path):
    """Put a run or upload of some size [kB] and age [days] into the runs folder."""

    def put(name, age_days, kilobytes=1, source="sample:planted"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "data.bin").write_bytes(b"x" * (1000 * kilobytes))
        if "/" not in name:
            (folder / "run.json").write_text(json.dumps({"data": {"source": source}}))
        for path in (*folder.iterdir(), folder):
            os.utime(path, (NOW_S - age_days * DAY_S,) * 2)
        return folder

    return put


def left(folder):
    parents = [folder, folder / "uploads", folder / "deleted"]
    return sorted(p.name for parent in parents if parent.is_dir() for p in parent.iterdir()
                  if p.name not in ("uploads", "deleted"))  # fmt: skip


def expire(folder, days=0, max_bytes=0, in_use=()):
    return expiry.expire(folder, days=days, max_bytes=max_bytes, in_use=in_use, now_s=NOW_S)


def test_what_is_too_old_goes(place, tmp_path):
    for name, age in (("old", 31), ("young", 29), ("uploads/aa", 31), ("uploads/bb", 29), ("deleted/cc", 31)):
        place(name, age)
    assert sorted(expire(tmp_path, days=30)) == ["aa", "cc", "old"]
    assert left(tmp_path) == ["bb", "young"]


def test_the_oldest_go_until_the_rest_fits(place, tmp_path):
    for name, age in (("a", 4), ("b", 3), ("c", 2), ("d", 1)):
        place(name, age, kilobytes=10)
    # four times about 10 kB; 25 kB hold two of them
    assert expire(tmp_path, max_bytes=25_000) == ["a", "b"]
    assert left(tmp_path) == ["c", "d"]


def test_without_bounds_nothing_goes(place, tmp_path):
    place("ancient", 9000, kilobytes=100)
    assert expire(tmp_path) == []


def test_what_is_in_use_or_fresh_stays_however_old_and_large(place, tmp_path):
    place("used", 99, kilobytes=100)
    place("fresh", 0.05, kilobytes=100)
    assert expire(tmp_path, days=1, max_bytes=10, in_use={"used"}) == []
    assert expire(tmp_path, days=1, max_bytes=10) == ["used"]


def test_an_upload_stays_as_long_as_a_run_that_was_made_from_it(place, tmp_path):
    place("uploads/aa", 50)
    run = place("run", 5, source=str(tmp_path / "uploads" / "aa" / "mine.csv"))
    assert expire(tmp_path, days=30) == []
    for path in (*run.iterdir(), run):
        os.utime(path, (NOW_S - 31 * DAY_S,) * 2)
    assert expire(tmp_path, days=30) == ["run", "aa"]


def test_a_link_is_never_followed(place, tmp_path):
    elsewhere = place("elsewhere/kept", 99)
    (elsewhere / "run.json").write_text("{}")
    os.utime(elsewhere / "run.json", (NOW_S - 99 * DAY_S,) * 2)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(elsewhere)
    os.utime(tmp_path / "runs" / "link", (NOW_S - 99 * DAY_S,) * 2, follow_symlinks=False)
    assert expire(tmp_path / "runs", days=1) == []
    assert {path.name for path in elsewhere.iterdir()} == {"data.bin", "run.json"}


def test_a_run_that_cannot_be_removed_does_not_stop_the_others(place, tmp_path, monkeypatch):
    place("a", 50)
    place("b", 49)
    remove = expiry.shutil.rmtree

    def refuse(folder):
        if folder.name == "a":
            raise PermissionError(13, "Permission denied")
        remove(folder)

    monkeypatch.setattr(expiry.shutil, "rmtree", refuse)
    assert expire(tmp_path, days=30) == ["b"]


def test_tidying_is_done_now_and_then_and_spares_what_was_looked_at(place, tmp_path, monkeypatch):
    monkeypatch.setattr(expiry.time, "time", lambda: NOW_S)
    monkeypatch.setattr(expiry, "_last_s", [0.0])
    monkeypatch.setattr(expiry, "_seen", {})
    for name in ("seen", "busy", "gone"):
        place(name, 50)
    expiry.mark("seen")
    assert expiry.tidy(tmp_path, days=30, max_bytes=0, busy={"busy"}) == ["gone"]
    place("later", 50)
    assert expiry.tidy(tmp_path, days=30, max_bytes=0) == []
    monkeypatch.setattr(expiry.time, "time", lambda: NOW_S + 3 * 3600)
    assert sorted(expiry.tidy(tmp_path, days=30, max_bytes=0)) == ["busy", "later", "seen"]
