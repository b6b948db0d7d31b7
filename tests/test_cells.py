import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnis.cells import CellStore, fingerprint, peak_bytes, reset_peak
from dnis.settings import SearchConfig
from tests.engine_data import poisoned, small_split


class Counted:
    """Makes records and counts how often it was asked to."""

    def __init__(self, *records):
        self.records, self.calls = list(records), 0

    def __call__(self):
        self.calls += 1
        return self.records


def test_a_finished_cell_is_not_computed_again(tmp_path):
    compute = Counted({"loss": 0.25})
    for _ in range(3):
        assert CellStore(tmp_path, small_split()).record("key", compute) == [{"loss": 0.25}]
    assert compute.calls == 1


def test_a_cell_comes_back_as_it_was(tmp_path):
    rows = np.random.default_rng(0).normal(0, 1, (2, 50))
    records = [
        {"outcomes": rows[0], "n_bytes": 7, "block_dims": [1.5, 0.1], "layout": None},
        {"loss": math.inf, "settings": {"hidden": [8, 4]}},
        {"outcomes": rows[1].astype(np.float32), "n_bytes": 8},
    ]
    CellStore(tmp_path, small_split()).record("key", lambda: records)
    back = CellStore(tmp_path, small_split()).record("key", Counted())
    assert [{k: v for k, v in r.items() if k != "outcomes"} for r in back] == [
        {k: v for k, v in r.items() if k != "outcomes"} for r in records
    ]
    for place in (0, 2):
        assert back[place]["outcomes"].dtype == records[place]["outcomes"].dtype
        assert np.array_equal(back[place]["outcomes"], records[place]["outcomes"])


def test_a_cell_that_was_stopped_leaves_nothing(tmp_path):
    def stop():
        raise KeyboardInterrupt

    store = CellStore(tmp_path, small_split())
    with pytest.raises(KeyboardInterrupt):
        store.record("key", stop)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert store.record("key", Counted({"loss": 1.0})) == [{"loss": 1.0}]


def test_every_cell_has_its_own_place(tmp_path):
    store = CellStore(tmp_path, small_split())
    store.record("one", Counted({"loss": 1.0}))
    assert store.record("two", Counted({"loss": 2.0})) == [{"loss": 2.0}]
    assert store.record("one", Counted()) == [{"loss": 1.0}]


def dealt_otherwise(split):
    """The same rows in the same order, but the first of search_val counts to train."""
    first, later = split.search_val.take(np.arange(1)), split.search_val.take(np.arange(1, len(split.search_val)))
    train = replace(
        split.train,
        ids=np.concatenate([split.train.ids, first.ids]),
        target=np.concatenate([split.train.target, first.target]),
    )
    return replace(split, train=train, search_val=later)


@pytest.mark.parametrize(
    "changed",
    [
        lambda split: poisoned(split, "train"),
        lambda split: poisoned(split, "test"),
        lambda split: replace(split, test=replace(split.test, ids=split.test.ids[::-1])),
        dealt_otherwise,
    ],
    ids=["other targets", "other test targets", "other ids", "dealt otherwise"],
)
def test_cells_of_other_data_are_never_taken(tmp_path, changed):
    CellStore(tmp_path, small_split()).record("key", Counted({"loss": 1.0}))
    other = CellStore(tmp_path, changed(small_split()))
    assert other.record("key", Counted({"loss": 2.0})) == [{"loss": 2.0}]
    assert CellStore(tmp_path, small_split()).record("key", Counted()) == [{"loss": 1.0}]


def test_without_a_folder_nothing_is_kept():
    store, compute = CellStore(None, small_split()), Counted({"loss": 1.0})
    for _ in range(2):
        assert store.record("key", compute) == [{"loss": 1.0}]
    assert compute.calls == 2


def test_a_fingerprint_follows_from_everything_that_decides_a_cell():
    config = SearchConfig(hidden=(8, 4))
    names = {
        fingerprint("tune", "dnis", config, [100]),
        fingerprint("final", "dnis", config, [100]),
        fingerprint("tune", "mde", config, [100]),
        fingerprint("tune", "dnis", replace(config, seed=1), [100]),
        fingerprint("tune", "dnis", replace(config, hidden=(8,)), [100]),
        fingerprint("tune", "dnis", config, [100, 50]),
    }
    assert len(names) == 6
    assert fingerprint("tune", "dnis", SearchConfig(hidden=(8, 4)), [100]) in names


def test_peak_memory_holds_at_least_what_was_in_use():
    reset_peak()
    held = np.ones(4_000_000)
    peak = peak_bytes()
    assert peak is None or peak > held.nbytes


def test_a_system_that_hides_its_memory_stops_no_comparison(monkeypatch):
    def refuse(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    reset_peak()
    assert peak_bytes() is None
