import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dnis import stored
from dnis.feeds import Feed
from dnis.results import Fitted
from dnis.stored import StoredInteractions
from dnis.tasks import evaluate
from dnis.thresholds import metrics_at
from tests.engine_data import interactions, small_config


@pytest.fixture
def on_disk(tmp_path):
    """230 rows in groups of 20, and the same rows in memory."""
    rng = np.random.default_rng(0)
    ids = np.column_stack([rng.integers(1, 21, 230), rng.integers(22, 37, 230)])
    rows = interactions(ids, np.arange(230), sizes=(21, 16))
    table = pa.table({"0": rows.ids[:, 0], "1": rows.ids[:, 1], "target": rows.target})
    pq.write_table(table, tmp_path / "train.parquet", row_group_size=20)
    return StoredInteractions((tmp_path / "train.parquet",), rows.vocabulary, rows.roles), rows


@pytest.fixture
def small_windows(monkeypatch):
    """Three groups of 20 rows in two fields are held at a time."""
    monkeypatch.setattr(stored, "GROUP_ROWS", 20)
    monkeypatch.setattr(stored, "WINDOW_ENTRIES", 3 * 20 * 2)


def test_what_is_asked_for_as_an_array_is_what_was_written(on_disk):
    part, rows = on_disk
    assert len(part) == 230
    assert (part.ids == rows.ids).all()
    assert (part.counts == rows.counts).all()
    assert part.mean_target == 114.5
    assert part.target_variance == pytest.approx(rows.target_variance, rel=1e-12)
    assert rows.target_variance == pytest.approx((230**2 - 1) / 12)
    assert (part.n_users, part.n_items, part.n_features, part.task) == (20, 15, 37, "rating")
    assert part.take(np.array([3, 1])).target.tolist() == [3.0, 1.0]
    assert part.sample(4).target.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_every_row_is_met_once_and_blocks_hold_whole_batches(on_disk, small_windows):
    part, rows = on_disk
    blocks = list(part.shuffled(seed=5, multiple=32))
    met = np.concatenate([target for _, target in blocks]).astype(int)
    assert sorted(met) == list(range(230))
    assert (np.concatenate([ids for ids, _ in blocks]) == rows.ids[met]).all()
    assert [len(target) for _, target in blocks] == [32] * 7 + [6]


def test_the_order_follows_from_the_seed_and_leaves_no_run_of_neighbours(on_disk, small_windows):
    part, _ = on_disk
    orders = [np.concatenate([t for _, t in part.shuffled(seed, 16)]) for seed in (1, 1, 2)]
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).mean() > 0.9
    assert (np.diff(orders[0]) == 1).mean() < 0.05


def test_a_batch_larger_than_a_window_is_still_one_batch(on_disk, small_windows):
    batches = list(Feed(on_disk[0], small_config(batch_size=150)).batches(1))
    assert [len(target) for _, target in batches] == [150, 80]


def test_batches_from_disk_follow_from_seed_epoch_and_stream(on_disk, small_windows):
    def walk(seed, epoch, stream=0):
        feed = Feed(on_disk[0], small_config(batch_size=64, seed=seed))
        return [int(t) for _, target in feed.batches(epoch, stream) for t in target]

    assert walk(0, 1) == walk(0, 1)
    assert len({tuple(walk(*key)) for key in ((0, 1), (0, 2), (1, 1), (0, 1, 1))}) == 4


def test_judging_and_sweeping_leave_the_ids_on_disk(on_disk):
    part, rows = on_disk
    config = small_config()
    generator = torch.Generator().manual_seed(1)
    table, biases = torch.randn(37, 4, generator=generator).numpy(), np.zeros(37, dtype=np.float32)
    fitted = Fitted(config, table, biases, {"global_bias": np.array(0.5, dtype=np.float32)})
    levels, cuts = (np.abs(table) > 0.5).astype(int) + 1, np.array([0, 1])
    assert evaluate(fitted, part) == evaluate(fitted, rows)
    assert metrics_at(fitted, levels, cuts, part) == metrics_at(fitted, levels, cuts, rows)
    assert "ids" not in vars(part)


def test_parts_are_joined_and_narrowed_without_being_read(on_disk):
    part, rows = on_disk
    both = part.joined([part])
    assert len(both) == 460
    assert (both.counts == 2 * rows.counts).all()
    assert "ids" not in vars(both)
    assert part.of_users_and_items().vocabulary is rows.vocabulary


def test_fields_beyond_user_and_item_are_left_on_disk(tmp_path):
    rows = interactions([[1, 5, 9]] * 3 + [[2, 6, 10]], [1, 2, 3, 4], sizes=(4, 4, 4))
    table = pa.table({**{str(f): rows.ids[:, f] for f in range(3)}, "target": rows.target})
    pq.write_table(table, tmp_path / "train.parquet")
    part = StoredInteractions((tmp_path / "train.parquet",), rows.vocabulary, rows.roles).of_users_and_items()
    assert part.ids.tolist() == [[1, 5]] * 3 + [[2, 6]]
    assert part.n_features == 8
    assert part.notes == ("The model reads user and item only; left aside: city.",)
