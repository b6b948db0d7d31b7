from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from dnis import controller
from dnis.controller import DimensionController
from dnis.interactions import Interactions
from dnis.rivals import feature_blocks
from tests.judging_data import full_bytes, judging_config


@cache
def two_crowds(paying):
    """A popular crowd rates popular items, a rare one rare items; in one of them ratings need an embedding.

    Its ratings are 3 +- 1.5 by the product of two signs, which no bias can tell; those of the other are 3.
    """
    rng = np.random.default_rng(2)
    rows = []
    for crowd, per_user in (("popular", 20), ("rare", 10)):
        user_sign, item_sign = rng.choice([-1.5, 1.5], 20), rng.choice([-1.0, 1.0], 20)
        for user in range(20):
            for item in rng.choice(20, per_user, replace=False):
                signal = user_sign[user] * item_sign[item] if crowd == paying else 0.0
                rows.append((f"{crowd} {user}", f"{crowd} {item}", 3 + signal + rng.normal(0, 0.05)))
    return Interactions.from_frame(pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])).split("random")


@pytest.fixture
def wanted_dims(monkeypatch):
    """What the policies asked for, (n_blocks,) each, before it is scaled to the budget."""
    seen = []
    deal = controller.fit_dims

    def watched(weights, *rest):
        seen.append(weights)
        return deal(weights, *rest)

    monkeypatch.setattr(controller, "fit_dims", watched)
    return seen


CONFIG = judging_config(n_blocks=2, lr=0.03, l2=0.01, batch_size=32)


@pytest.fixture(autouse=True)
def _of_known_length(monkeypatch):
    """Policies learn for 30 epochs: twice what a training of the full table took."""
    monkeypatch.setattr(controller, "lasting_epochs", lambda *_: 15)


def proposed(split, share, seed=0):
    """The candidate for a share of the full table."""
    config = replace(CONFIG, seed=seed)
    (found,) = DimensionController().candidates(split, config, [int(share * full_bytes(split, config))])
    return found


@pytest.mark.parametrize(("paying", "block"), [("popular", 0), ("rare", 1)])
def test_the_policy_gives_dimensions_to_the_block_where_they_pay(wanted_dims, paying, block):
    split = two_crowds(paying)
    blocks = feature_blocks(split, CONFIG)
    crowds = [[split.vocabulary.decode(i)[1].split()[0] for i in np.flatnonzero(blocks == b)] for b in (0, 1)]
    assert crowds[0].count("popular") >= 38
    assert crowds[1].count("rare") >= 38
    for seed in range(3):
        proposed(split, 0.25, seed)
    dims = sum(wanted_dims)
    assert dims[block] > 1.5 * dims[1 - block]


def test_a_tight_budget_has_its_price(wanted_dims):
    for share in (0.9, 0.25):
        proposed(two_crowds("popular"), share)
    wide, tight = wanted_dims
    assert wide.sum() > 1.5 * tight.sum()


def test_without_a_price_the_budget_does_not_matter_to_the_policy(wanted_dims, monkeypatch):
    monkeypatch.setattr(DimensionController, "price", 0.0)
    for share in (0.9, 0.25):
        proposed(two_crowds("popular"), share)
    assert np.array_equal(*wanted_dims)


def test_every_block_may_get_any_share_of_the_dimensions(wanted_dims, monkeypatch):
    # a policy that does not learn is uniform over 0, 1, 2, 4, 6 and 8 of 8 dimensions
    monkeypatch.setattr(DimensionController, "lr", 0.0)
    proposed(two_crowds("popular"), 0.5)
    assert wanted_dims[0] == pytest.approx([21 / 6, 21 / 6])
