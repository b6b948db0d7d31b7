import numpy as np
import pytest
import torch

from dnis import ranking
from dnis.network import Network
from dnis.ranking import item_ranks
from dnis.selection import UniformSelection
from dnis.settings import TrainConfig
from tests.engine_data import interactions

N_USERS, N_ITEMS = 6, 9
"""Features of each field, the unknown one among them."""


def network_of(model="MF", seed=0):
    """Small whole numbers as embeddings, so that many scores are equal."""
    rng = np.random.default_rng(seed)
    config = TrainConfig(model=model, task="topk", embedding_dim=2, hidden=(4,))
    network = Network.create(N_USERS + N_ITEMS, 2, config, UniformSelection(), np.array([]))
    network.embeddings.values = torch.from_numpy(rng.integers(-1, 2, (N_USERS + N_ITEMS, 2)).astype(np.float32))
    return network


def pairs(*rows):
    """(user, item) pairs counted from 0 inside each field, 0 being unknown."""
    ids = [(user, N_USERS + item) for user, item in rows]
    return interactions(ids, sizes=(N_USERS, N_ITEMS), task="topk")


def by_loops(network, part, seen):
    """How many candidates other than the held-out item score at least as much as it does."""
    ranks = []
    for user, held_out in part.ids.tolist():
        score = {i: network.score(torch.tensor([[user, i]])).item() for i in range(N_USERS + 1, N_USERS + N_ITEMS)}
        history = set() if seen is None else {item for other, item in seen.ids.tolist() if other == user}
        if held_out == N_USERS:
            ranks.append(N_ITEMS - 1)
            continue
        rivals = [i for i in score if i != held_out and i not in history]
        ranks.append(sum(score[i] >= score[held_out] for i in rivals))
    return ranks


@pytest.mark.parametrize("model", ["MF", "NeuMF"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ranks_are_those_of_a_loop_over_all_items(model, seed):
    rng = np.random.default_rng(seed)
    network = network_of(model, seed)
    part = pairs(*zip(rng.integers(1, N_USERS, 30), rng.integers(0, N_ITEMS, 30), strict=True))
    seen = pairs(*zip(rng.integers(1, N_USERS, 15), rng.integers(0, N_ITEMS, 15), strict=True))
    assert item_ranks(network, part, seen).tolist() == by_loops(network, part, seen)
    assert item_ranks(network, part).tolist() == by_loops(network, part, None)


def test_ranking_a_few_users_at_a_time_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    part = pairs(*zip(rng.integers(0, N_USERS, 30), rng.integers(0, N_ITEMS, 30), strict=True))
    seen = pairs(*zip(rng.integers(1, N_USERS, 15), rng.integers(0, N_ITEMS, 15), strict=True))
    at_once = item_ranks(network_of(), part, seen)
    monkeypatch.setattr(ranking, "BLOCK_SCORES", 2 * (N_ITEMS - 1))
    assert item_ranks(network_of(), part, seen).tolist() == at_once.tolist()


def constant():
    network = network_of()
    network.embeddings.values.zero_()
    return network


def with_biases(**bias):
    """A network in which item i scores ``i<number>``'s value, and all others 0."""
    network = constant()
    for name, value in bias.items():
        network.biases.values[N_USERS + int(name[1:])] = value
    return network


def test_a_constant_score_earns_the_last_rank():
    assert item_ranks(constant(), pairs((1, 1), (2, 8))).tolist() == [7, 7]


def test_the_best_item_has_rank_zero_and_the_worst_the_last():
    assert item_ranks(with_biases(i3=2.0, i4=-1.0), pairs((1, 3), (1, 4))).tolist() == [0, 7]


def test_items_seen_before_make_room_only_for_their_own_user():
    network = with_biases(i1=9.0, i2=8.0, i3=7.0)
    seen = pairs((1, 1), (1, 2))
    assert item_ranks(network, pairs((1, 3), (2, 3)), seen).tolist() == [0, 2]


def test_what_users_outside_the_part_have_seen_does_not_matter():
    network = with_biases(i1=9.0, i3=7.0)
    seen = pairs((1, 1), (3, 1), (5, 1))
    assert item_ranks(network, pairs((2, 3), (4, 3)), seen).tolist() == [1, 1]


def test_a_pair_seen_twice_leaves_the_ranking_once():
    network = with_biases(i1=9.0, i3=7.0)
    assert item_ranks(network, pairs((1, 3)), pairs((1, 1), (1, 1))).tolist() == [0]


def test_a_held_out_item_is_ranked_even_where_it_was_seen():
    assert item_ranks(with_biases(i1=9.0, i3=7.0), pairs((1, 3)), pairs((1, 3))).tolist() == [1]


def test_an_item_unknown_to_training_comes_after_all_known_ones():
    assert item_ranks(with_biases(i0=99.0), pairs((1, 0))).tolist() == [N_ITEMS - 1]


def test_the_unknown_item_is_no_candidate():
    assert item_ranks(with_biases(i0=99.0, i3=1.0), pairs((1, 3))).tolist() == [0]


def test_what_unknown_users_saw_is_not_taken_from_another_unknown_user():
    assert item_ranks(with_biases(i1=9.0, i3=7.0), pairs((0, 3)), pairs((0, 1))).tolist() == [1]


def test_ranks_keep_the_order_of_the_rows():
    network = with_biases(i1=3.0, i2=2.0, i3=1.0)
    assert item_ranks(network, pairs((5, 3), (1, 1), (5, 1), (2, 2))).tolist() == [2, 0, 0, 1]


def test_scores_that_are_no_numbers_earn_nothing():
    network = constant()
    network.embeddings.values.fill_(float("nan"))
    assert item_ranks(network, pairs((1, 3))).tolist() == [N_ITEMS - 2]


def test_no_rows_have_no_ranks():
    assert item_ranks(constant(), pairs()).shape == (0,)
