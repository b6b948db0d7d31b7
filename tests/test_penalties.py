import numpy as np
import pytest
import torch

from dnis.penalties import penalty_of, shrinkage
from dnis.selection import UniformSelection
from dnis.settings import TrainConfig
from dnis.training import Trainer
from tests.engine_data import as_double, small_config, small_split


@pytest.mark.parametrize("nu", [0.0, 0.5, -1.0])
def test_the_penalty_follows_the_frequency_as_written(nu):
    counts = np.array([0, 1, 4, 7])
    wanted = 0.3 * (np.array([1, 1, 4, 7]) / 3.25) ** nu
    np.testing.assert_allclose(penalty_of(counts, TrainConfig(l2=0.3, l2_nu=nu)).numpy(), wanted, rtol=1e-6)


def written_penalty(rows, bias, ids, features, counts, l2, nu):
    """l2 * mean over the batch of sum over fields (count / mean)^nu (|e|^2 + b^2), in two loops."""
    place = {int(f): i for i, f in enumerate(features)}
    total = 0.0
    for row in ids:
        for feature in row:
            weight = (counts[feature] / counts.mean()) ** nu
            e, b = rows[place[int(feature)]], bias[place[int(feature)]]
            total += weight * ((e * e).sum() + (b * b).sum())
    return l2 * total / len(ids)


@pytest.mark.parametrize("nu", [0.0, -0.5, 1.0])
def test_the_shrinkage_is_the_gradient_of_the_written_penalty(nu):
    trainer = as_double(Trainer(small_split().train, small_config(l2=0.3, l2_nu=nu), UniformSelection()))
    part = small_split().train
    ids = torch.from_numpy(part.ids[:40].astype(np.int64))
    look = trainer.network.look_up(ids)
    rows, bias = look.rows.detach().numpy(), look.bias.detach().numpy()
    shrink = shrinkage(trainer.penalty, look)
    counts = np.maximum(np.bincount(part.ids.ravel(), minlength=part.n_features), 1)
    given = (ids.numpy(), look.features.numpy(), counts, 0.3, nu)
    for values, found in ((rows, shrink * look.rows), (bias, shrink * look.bias)):
        for at in np.ndindex(*values.shape):
            kept = values[at]
            values[at] = kept + 1e-4
            above = written_penalty(rows, bias, *given)
            values[at] = kept - 1e-4
            below = written_penalty(rows, bias, *given)
            values[at] = kept
            assert found[at].item() == pytest.approx((above - below) / 2e-4, rel=1e-4, abs=1e-9)
