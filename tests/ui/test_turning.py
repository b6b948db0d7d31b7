"""The miniature of the step on size: a cut that loses, a turn that loses nothing, and dimensions that are learned."""

import numpy as np
import pytest

from dnis.ui import turning


def scores(table):
    users, items = np.split(table, 2)
    return users @ items.T


def test_turning_changes_no_score_and_puts_the_dimensions_in_order_of_what_they_carry():
    found = turning.world(3)
    table = turning.turned(found)
    np.testing.assert_allclose(scores(table), scores(found.table), atol=1e-9)
    carried = found.counts @ table**2
    assert (np.diff(carried) < 0).all()
    assert carried.sum() == pytest.approx(found.counts @ (found.table**2).sum(axis=1))


def test_the_loss_is_that_of_a_double_loop():
    found = turning.world(1)
    table, n, total, weights = found.table, len(found.true), 0.0, 0.0
    for u in range(n):
        for i in range(n):
            weight = float(found.counts[u] * found.counts[n + i])
            total += weight * (table[u] @ table[n + i] - found.true[u, i]) ** 2
            weights += weight
    assert found.loss(table, found.true) == pytest.approx(total / weights)


def test_learned_dimensions_stay_within_their_values_and_are_the_best_single_step_on_validation():
    found = turning.world(0)
    table = turning.turned(found)
    first, block_of = turning.learned_dims(found, table, table.size - 1)
    # one block has given up one dimension: the one whose loss validation feels least
    losses = []
    for block in range(turning.N_BLOCKS):
        kept = table.copy()
        kept[block_of == block, -1] = 0
        losses.append(found.loss(kept, found.val))
    assert first.tolist() == [15 if block == np.argmin(losses) else 16 for block in range(turning.N_BLOCKS)]
    dims, block_of = turning.learned_dims(found, table, table.size / 4)
    assert (dims[block_of]).sum() <= table.size / 4
    assert dims.min() >= 1


def test_a_late_cut_loses_most_where_the_table_is_turned_and_whole_dimensions_lose_most_where_it_is_not():
    for turn in (True, False):
        rows, same = turning.judge(turn, n_seeds=2), "uniform-turned" if turn else "uniform"
        for compression in (2, 4, 8):
            here = {r["method"]: r["mean"] for r in rows if r["compression"] == compression}
            assert (here[same] < here["magnitude"]) == turn
            assert here["dnis-nested"] <= here[same]


def test_every_way_has_about_the_bytes_of_its_compression():
    full = 4 * 2 * 60 * turning.EMBEDDING_DIM
    for row in turning.judge(True, n_seeds=2):
        assert row["n_bytes"] <= 1.02 * full / row["compression"]
