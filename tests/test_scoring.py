"""The NumPy formulas give what the torch models give."""

import numpy as np
import pytest
import torch

from dnis import scoring
from dnis.models import MODELS
from dnis.network import Network
from dnis.results import Fitted
from dnis.settings import TrainConfig

N_FEATURES, K = 30, 6


def drawn(name, n_fields):
    """A model whose every number is drawn, none at its start value."""
    config = TrainConfig(model=name, embedding_dim=K, hidden=(5, 4))
    rng = np.random.default_rng(len(name))
    model = MODELS[name](n_fields, config, torch.Generator().manual_seed(0))
    dense = {n: rng.normal(0, 1, tuple(v.shape)).astype(np.float32) for n, v in model.state_dict().items()}
    embeddings = rng.normal(0, 1, (N_FEATURES, K)).astype(np.float32)
    return Fitted(config, embeddings, rng.normal(0, 1, N_FEATURES).astype(np.float32), dense)


@pytest.mark.parametrize(("name", "n_fields"), [(name, n) for name in MODELS for n in (2, 4) if (name, n) != ("MF", 4)])
def test_scores_are_those_of_the_model_that_trains(name, n_fields, monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 16)  # so that 50 rows are more than one block
    fitted = drawn(name, n_fields)
    ids = np.random.default_rng(1).integers(0, N_FEATURES, (50, n_fields))
    trained = Network.from_fitted(fitted, n_fields).score(torch.from_numpy(ids)).numpy()
    assert scoring.score(fitted, ids) == pytest.approx(trained, rel=1e-4, abs=1e-4)
    assert np.ptp(trained) > 1
