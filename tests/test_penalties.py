import numpy as np
import pytest

from dnis.penalties import penalty_of
from dnis.settings import TrainConfig


@pytest.mark.parametrize("nu", [0.0, 0.5, -1.0])
def test_the_penalty_follows_the_frequency_as_written(nu):
    counts = np.array([0, 1, 4, 7])
    wanted = 0.3 * (np.array([1, 1, 4, 7]) / 3.25) ** nu
    np.testing.assert_allclose(penalty_of(counts, TrainConfig(l2=0.3, l2_nu=nu)).numpy(), wanted, rtol=1e-6)
