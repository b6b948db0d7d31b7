"""The state of a search that several processes keep: every one its rows, taken up by any number of them."""

import threading

import numpy as np
import pytest

from dnis.checkpoints import CHECKPOINT, drop_checkpoint, load_checkpoint, save_checkpoint
from dnis.files import read_tensors
from dnis.reading import DataError

WHOLE = np.arange(22, dtype=np.float32).reshape(11, 2)
META = {"history": [{}, {}, {}], "dealt": ["trainer.embeddings.values", "best.embeddings"]}


def states(world):
    """What each process has: its rows of two tables, and what all have."""
    shared = {"alpha.value": np.array([[0.5, 1.0]]), "trainer.dense.steps": np.array(7)}
    return [
        {"trainer.embeddings.values": WHOLE[rank::world], "best.embeddings": 2 * WHOLE[rank::world], **shared}
        for rank in range(world)
    ]


def saved(folder, world, meta=META):
    """Written by threads that wait for each other as processes do."""
    meeting = threading.Barrier(world)
    writers = [
        threading.Thread(target=save_checkpoint, args=(folder, state, meta, (rank, world), meeting.wait))
        for rank, state in enumerate(states(world))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


@pytest.mark.parametrize("written_by", [1, 2, 3, 13])
@pytest.mark.parametrize("read_by", [1, 2, 3, 13])
def test_rows_find_their_process_whatever_the_number_of_processes(tmp_path, written_by, read_by):
    saved(tmp_path, written_by)
    for rank, wanted in enumerate(states(read_by)):
        arrays, meta = load_checkpoint(tmp_path, (rank, read_by))
        assert meta == META
        assert arrays.keys() == wanted.keys()
        assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted)


def test_no_file_holds_a_whole_table(tmp_path):
    saved(tmp_path, 3)
    assert sorted(read_tensors(tmp_path / CHECKPOINT)[0]) == ["alpha.value", "trainer.dense.steps"]
    parts = sorted(tmp_path.glob(".checkpoint-*"))
    assert [len(read_tensors(path)[0]["best.embeddings"]) for path in parts] == [4, 4, 3]


def test_a_checkpoint_takes_the_place_of_the_one_before_and_nothing_stays(tmp_path):
    saved(tmp_path, 3)
    saved(tmp_path, 2, {**META, "history": [{}] * 4})
    assert [path.name for path in sorted(tmp_path.glob(".checkpoint-*"))] == [
        ".checkpoint-4-0-of-2.safetensors", ".checkpoint-4-1-of-2.safetensors",
    ]  # fmt: skip
    drop_checkpoint(tmp_path)
    assert list(tmp_path.iterdir()) == []


DRAFTS = ["..checkpoint-4-1-of-2.safetensors.1265a90b", ".checkpoint.safetensors.0badcafe"]
"""What a process leaves that is killed while it writes."""


def test_drafts_of_a_killed_process_go_with_the_next_checkpoint(tmp_path):
    for name in DRAFTS:
        (tmp_path / name).touch()
    saved(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_drafts_of_a_killed_process_go_when_the_search_is_over(tmp_path):
    for name in [*DRAFTS, ".lock"]:
        (tmp_path / name).touch()
    drop_checkpoint(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_processes_that_die_in_mid_writing_leave_the_checkpoint_before(tmp_path):
    saved(tmp_path, 2)

    def die():
        raise ConnectionError("the other process has ended")

    with pytest.raises(ConnectionError):
        save_checkpoint(tmp_path, states(2)[0], {**META, "history": [{}] * 4}, (0, 2), die)
    arrays, meta = load_checkpoint(tmp_path)
    assert len(meta["history"]) == 3
    assert np.array_equal(arrays["best.embeddings"], 2 * WHOLE)


def test_a_part_that_is_not_there_is_named(tmp_path):
    saved(tmp_path, 2)
    (tmp_path / ".checkpoint-3-1-of-2.safetensors").unlink()
    with pytest.raises(DataError, match="checkpoint-3-1-of-2.safetensors is missing"):
        load_checkpoint(tmp_path, (0, 2))


@pytest.mark.parametrize("world", [1, 2])
def test_a_state_of_other_data_is_refused_by_every_process(tmp_path, world):
    saved(tmp_path / "my-run", world, {**META, "digest": "a1"})
    for rank in range(world):
        assert load_checkpoint(tmp_path / "my-run", (rank, world), "a1")[1]["digest"] == "a1"
        with pytest.raises(DataError, match="the data are no longer those that my-run was searched on"):
            load_checkpoint(tmp_path / "my-run", (rank, world), "b2")


def test_a_state_that_does_not_say_what_is_dealt_is_for_one_process(tmp_path):
    save_checkpoint(tmp_path, states(1)[0], {"history": []})
    assert len(load_checkpoint(tmp_path)[0]) == 4
    with pytest.raises(DataError, match="go on in one process"):
        load_checkpoint(tmp_path, (0, 2))
