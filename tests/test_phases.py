"""Which phase of a search comes next, from settings and history alone."""

import numpy as np
import pytest

from dnis.phases import has_lasted, may_be_best, n_entries, next_phase, phases, starts_anew
from dnis.results import EpochEvent
from dnis.schemes import DimensionScheme
from dnis.settings import SearchConfig
from dnis.stopping import EarlyStopping

BOTH = ("entries", "search")


def config_of(**changes):
    return SearchConfig(**{"recipe": "budget", "compression": 4.0, "patience": 3, "epochs": 40, **changes})


def history_of(*parts):
    """Epochs of (phase, select_val losses), and the best of them as a search would know it."""
    events, stopping = [], EarlyStopping(3)
    for phase, losses in parts:
        for loss in losses:
            epoch = len(events) + 1
            if starts_anew(events, phase, 4):
                stopping = EarlyStopping(3, epoch)
            if may_be_best(events, phase, 4):
                stopping.update(epoch, loss, dict)
            events.append(EpochEvent(epoch, phase, {"select_val": loss}))
    return events, stopping


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"recipe": "paper", "compression": 0.0}, ("search",)),
        ({}, BOTH),
        ({"grain": "dimensions"}, ("search",)),
        ({"grain": "entries"}, ("entries",)),
        ({"compression": 1.0}, ("search",)),  # nothing need go
        ({"epochs": 20}, ("search",)),  # two ways need seven epochs each, and as many before them
        ({"epochs": 21}, BOTH),
        ({"embedding_dim": 32, "compression": 32.0}, ("search",)),  # four bytes a row are as many as the index takes
        ({"embedding_dim": 64, "compression": 32.0}, BOTH),
    ],
)
def test_a_search_tries_what_its_settings_leave_room_for(changes, wanted):
    assert phases(config_of(**changes), 100) == wanted


def test_single_entries_alone_need_room_for_their_index():
    with pytest.raises(ValueError, match="a compression of 32 leaves no room for an index of single entries"):
        phases(config_of(embedding_dim=32, compression=32.0, grain="entries"), 100)


@pytest.mark.parametrize("compression", [1.5, 2.0, 4.0, 8.0, 15.0])
@pytest.mark.parametrize("width", [8, 16, 64, 300])
def test_the_entries_of_a_budget_fit_and_one_more_does_not(width, compression):
    n_features = 50
    n = n_entries(SearchConfig(embedding_dim=width, compression=compression), n_features)
    order, blocks = np.random.default_rng(0).permutation(n_features * width), np.zeros(n_features, dtype=np.int32)

    def size(n_kept):
        mask = np.zeros(n_features * width, dtype=bool)
        mask[order[:n_kept]] = True
        return DimensionScheme(mask.reshape(n_features, width), blocks).n_bytes

    budget = 4 * n_features * width / compression
    assert size(n) <= budget < size(n + 1)


def test_warm_epochs_end_with_the_first_that_is_worse():
    assert next_phase(config_of(), BOTH, *history_of(("warm", [3.0, 2.0]))) == "warm"
    assert next_phase(config_of(), BOTH, *history_of(("warm", [3.0, 2.0, 2.1]))) == "entries"


def test_both_ways_keep_room_for_each_other():
    warm = [3.0 - 0.1 * turn for turn in range(7)]
    assert next_phase(config_of(epochs=21), BOTH, *history_of(("warm", warm[:6]))) == "warm"
    assert next_phase(config_of(epochs=21), BOTH, *history_of(("warm", warm))) == "entries"
    falling = [2.0 - 0.1 * turn for turn in range(7)]
    assert next_phase(config_of(), BOTH, *history_of(("warm", [3.0, 3.1]), ("entries", falling[:6]))) == "entries"
    assert next_phase(config_of(), BOTH, *history_of(("warm", [3.0, 3.1]), ("entries", falling))) == "search"


def test_the_second_way_has_its_patience_although_the_first_was_better():
    begun = [("warm", [3.0, 3.1]), ("entries", [1.0] * 7)]
    assert not has_lasted(config_of(), BOTH, *history_of(*begun, ("search", [1.09] * 6)))
    assert has_lasted(config_of(), BOTH, *history_of(*begun, ("search", [1.09] * 7)))
    better = [1.09] * 5 + [0.9, 0.95]
    assert not has_lasted(config_of(), BOTH, *history_of(*begun, ("search", better)))


def test_the_second_way_is_given_up_when_it_lies_far_behind():
    begun = [("warm", [3.0, 3.1]), ("entries", [1.0] * 7)]
    assert has_lasted(config_of(), BOTH, *history_of(*begun, ("search", [1.11])))
    assert not has_lasted(config_of(), BOTH, *history_of(*begun, ("search", [1.09])))
    # where the first way has not met the budget, there is nothing to lie behind of
    assert not has_lasted(config_of(), BOTH, *history_of(("warm", [1.0, 3.1]), ("entries", [0.5]), ("search", [9.0])))


def test_no_epoch_above_the_budget_is_the_best():
    _, stopping = history_of(("warm", [1.0, 3.1]), ("entries", [2.0, 2.1, 2.2, 2.4, 2.3]), ("search", [0.1] * 3))
    assert (stopping.best_epoch, stopping.best_loss) == (7, 2.3)
    _, stopping = history_of(("warm", [1.0, 3.1]), ("entries", [2.0] * 7), ("search", [0.1] * 3 + [1.5]))
    assert (stopping.best_epoch, stopping.best_loss) == (13, 1.5)
    # the first way ended before it had met the budget
    _, stopping = history_of(("warm", [1.0, 3.1]), ("entries", [0.5] * 2), ("search", [0.1] * 3 + [1.5]))
    assert (stopping.best_epoch, stopping.best_loss) == (8, 1.5)
