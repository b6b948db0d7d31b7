"""Times epochs of torch-rechub's training in an environment of its own: pip install torch==2.13.0 torch-rechub.

``python rechub_epochs.py LOG.npz``: LOG has the ids of every field from 0, the sizes of the fields, outcomes in [0, 1],
and a JSON record of the settings. Prints one JSON line, the fastest epoch of each model [s]. WideDeep and DeepFM are
the library's own; FM, MLP, MF and NeuMF, which it does not ship as such, are put together from its layers. Data loader
and trainer are the library's.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch_rechub.basic.features import SparseFeature  # ty: ignore[import-not-found]
from torch_rechub.basic.layers import FM, LR, MLP, EmbeddingLayer  # ty: ignore[import-not-found]
from torch_rechub.models.ranking import DeepFM, WideDeep  # ty: ignore[import-not-found]
from torch_rechub.trainers import CTRTrainer  # ty: ignore[import-not-found]
from torch_rechub.utils.data import DataGenerator  # ty: ignore[import-not-found]


class Composed(nn.Module):
    """A model of the library's layers: a product of user and item, a factorisation machine, a perceptron, or two."""

    def __init__(self, kind: str, features: list[SparseFeature], dim: int, perceptron: dict[str, object]) -> None:
        super().__init__()
        self.kind, self.features = kind, features
        self.embedding = EmbeddingLayer(features)
        self.linear = LR(len(features) * dim)
        self.fm = FM(reduce_sum=True)
        self.mlp = MLP(len(features) * dim, **perceptron) if kind in ("MLP", "NeuMF") else None

    def forward(self, x: dict[str, torch.Tensor]) -> torch.Tensor:
        """Chances (batch,)."""
        rows = self.embedding(x, self.features, squeeze_dim=False)
        score = self.linear(rows.flatten(1))
        if self.kind in ("MF", "NeuMF"):
            score = score + (rows[:, 0] * rows[:, 1]).sum(1, keepdim=True)
        if self.kind == "FM":
            score = score + self.fm(rows)
        if self.mlp is not None:
            score = score + self.mlp(rows.flatten(1))
        return torch.sigmoid(score.squeeze(1))


def model_of(kind: str, features: list[SparseFeature], settings: dict[str, object]) -> nn.Module:
    """A model of this name with the given widths."""
    perceptron = {"dims": settings["hidden"], "activation": "relu", "dropout": 0.0}
    if kind == "WideDeep":
        return WideDeep(features, features, perceptron)
    if kind == "DeepFM":
        return DeepFM(features, features, perceptron)
    return Composed(kind, features, int(str(settings["dim"])), perceptron)


def main() -> None:
    """Train every model for some epochs."""
    torch.set_num_threads(1)
    log = np.load(sys.argv[1])
    settings = json.loads(str(log["settings"]))
    x = {str(i): log["ids"][:, i].astype(np.int64) for i in range(log["ids"].shape[1])}
    features = [SparseFeature(str(i), int(n), settings["dim"]) for i, n in enumerate(log["sizes"])]
    loader, *_ = DataGenerator(x, log["target"].astype(np.float32)).generate_dataloader(
        x_val=x, y_val=log["target"], x_test=x, y_test=log["target"], batch_size=settings["batch_size"]
    )
    fastest = {}
    for kind in settings["models"]:
        trainer = CTRTrainer(model_of(kind, features, settings), optimizer_params={"lr": 1e-3, "weight_decay": 1e-5})
        taken = []
        for _ in range(settings["epochs"]):
            started = time.process_time()
            with contextlib.redirect_stderr(io.StringIO()):
                trainer.train_one_epoch(loader)
            taken.append(time.process_time() - started)
        fastest[kind] = min(taken)
    print(json.dumps(fastest))


if __name__ == "__main__":
    main()
