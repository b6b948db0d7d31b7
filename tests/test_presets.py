import pytest

from dnis import datasets
from dnis.preparation import with_defaults
from dnis.presets import PRESETS, preset
from dnis.settings import SearchConfig


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_made_of_settings_in_their_ranges(name):
    assert SearchConfig(**preset(name)).embedding_dim == 64


def test_the_released_settings_are_those_of_the_authors():
    config = SearchConfig(**preset("released"))
    assert (config.lr, config.lr_alpha, config.l1_alpha, config.l1_scale) == (1e-3, 0.01, 1e-5, "absolute")
    assert (config.batch_size, config.warm_epochs, config.freeze_dense, config.n_blocks) == (4096, 20, True, 10)


def test_what_is_given_beside_a_preset_wins():
    split = datasets.planted(n_users=40, n_items=30, n_interactions=400).interactions.split()
    config = with_defaults(SearchConfig, {"preset": "released", "lr": 0.5}, split)
    assert (config.lr, config.batch_size) == (0.5, 4096)


def test_an_unknown_preset_is_refused_by_name():
    with pytest.raises(ValueError, match="preset must be one of default, released; got 'fast'"):
        preset("fast")
