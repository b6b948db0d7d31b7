"""Runs in memory: sessions hold many, the tables of a few are there."""

import gc
import shutil
import weakref

import numpy as np
import pytest

from dnis.runs import load_run
from dnis.ui import loaded


@pytest.fixture
def copies(hand_run):
    """As many runs as have their tables in memory at once, beside the one made by hand."""
    return [shutil.copytree(hand_run, hand_run.with_name(f"copy-{i}")) for i in range(loaded.HELD)]


def test_a_run_that_a_session_holds_gives_up_its_tables_to_those_used_since_and_reads_them_again(hand_run, copies):
    run, read = loaded.run(str(hand_run), 1), load_run(hand_run)
    assert (run.id, run.name, run.data) == (read.id, "By hand", read.data)
    table = weakref.ref(run.result.embeddings)
    assert table() is run.result.embeddings
    for folder in copies:
        assert loaded.run(str(folder), 1).result.best_epoch == 3
    gc.collect()
    assert table() is None
    np.testing.assert_array_equal(run.result.embeddings, read.result.embeddings)
    assert run.vocabulary.values[0][0] == read.vocabulary.values[0][0]


def test_an_unknown_part_of_a_run_is_not_looked_for_on_disk(hand_run):
    with pytest.raises(AttributeError, match="colour"):
        _ = loaded.run(str(hand_run), 2).colour


def test_searches_of_the_same_data_share_what_features_are_called(hand_run, copies):
    one, other = (loaded.run(str(folder), 3) for folder in copies[:2])
    assert one.vocabulary is other.vocabulary
    assert loaded.naming(str(copies[0]), 3, one) == loaded.naming(str(copies[1]), 3, other)
