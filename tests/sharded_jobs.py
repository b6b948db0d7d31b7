"""What processes do together, each search or training once; started under torchrun by ``test_sharding``.

python -m tests.sharded_jobs FOLDER [torchrec | MUTANT ...]
"""

import sys
from pathlib import Path

import numpy as np

from dnis.bilevel import search
from dnis.processes import Group, joined
from dnis.pruning import prune
from dnis.schemes import DimensionScheme, make_blocks
from dnis.training import train
from tests.engine_data import small_config, small_split, timed

JOBS = {
    "MF-1": ("rating", 2, {"model": "MF", "order": 1}),
    "MF-2": ("rating", 2, {"model": "MF", "order": 2, "lr": 0.1}),
    "DeepFM-1": ("ctr", 4, {"model": "DeepFM", "order": 1}),
    "DeepFM-2": ("ctr", 4, {"model": "DeepFM", "order": 2}),
    "bpr": ("topk", 2, {"model": "MF", "order": 2, "topk_loss": "bpr"}),
    "full": ("topk", 2, {"model": "MF", "order": 2, "topk_loss": "full_softmax", "recency_half_life": 4.0}),
    "recipe": ("rating", 4, {"model": "FM", "recipe": "budget", "compression": 3.0, "epochs": 9}),
    "either": ("rating", 4, {"model": "FM", "recipe": "budget", "compression": 2.0, "epochs": 21, "patience": 9}),
    "entries": ("ctr", 4, {"model": "DeepFM", "recipe": "budget", "grain": "entries", "compression": 3.0, "epochs": 9}),
    "budget": ("rating", 4, {"model": "FM", "order": 1, "compression": 4.0, "epochs": 5}),
    # the last batch of 420 rows has one row, so that some process has none
    "one-row": ("rating", 4, {"model": "DeepFM", "order": 2, "batch_size": 419, "epochs": 6}),
}
"""Task, number of fields, and settings that differ from the small ones."""


def done(job):
    """A search as arrays: its numbers, its course, what a cut to half keeps, and a retraining under that cut."""
    task, n_fields, changes = JOBS[job]
    split = timed(small_split(task, n_fields))
    moving = {"epochs": 4, "warm_epochs": 1, "alpha_start": 0.5, "lr_alpha": 0.03, "optimizer": "adagrad"}
    config = small_config(task, **{**moving, **changes})
    result = search(split, config)
    losses = [[event.losses[part] for part in sorted(event.losses)] for event in result.history]
    found = {"alpha": result.alpha, "losses": np.array(losses), "best_epoch": np.array(result.best_epoch)}
    found |= {"dims": np.stack([event.dims_by_block for event in result.history])}
    if len(result.embeddings):
        mask = prune(result, n_values=result.embeddings.size // 2).mask
        found |= {"embeddings": result.embeddings, "biases": result.biases, "mask": mask}
        found |= {"metrics": np.array(list(result.metrics["test"].values()))}
    dense = {f"dense.{name}": values for name, values in result.dense.items()}
    if task == "topk":  # only the order of scores counts: the global bias drifts on rounding errors alone
        del dense["dense.global_bias"]
    return found | dense


def retrained(dims=None):
    """A training, plain or of blocks that keep some dimensions: its tables, dense layers and metrics."""
    split = small_split("ctr", 4)
    scheme = None if dims is None else DimensionScheme.from_block_dims(np.array(dims), make_blocks(split.counts, 3), 4)
    model = train(split, small_config("ctr", model="DeepFM", epochs=3, ema_decay=0.5).for_training(), scheme)
    test = np.array(list(model.metrics["test"].values()))
    return {"embeddings": model.model.embeddings, "biases": model.model.biases, "metrics": test, **model.model.dense}


def leave_alpha_unsummed(sums):
    """Alpha's gradient, alone in its message and of its shape, stays what the process's own slice gave."""
    return lambda self, tensors: list(tensors) if [t.shape for t in tensors] == [(3, 4)] else sums(self, tensors)


def step_ahead_alone(sums):
    """The look ahead steps by the gradient of the process's own slice: alone these are still part of a graph."""

    def mutant(self, tensors):
        ahead = tensors[0].dim() == 2 and tensors[0].requires_grad
        return [t.detach() for t in tensors] if ahead else sums(self, tensors)

    return mutant


MUTANTS = {"leave_alpha_unsummed": ("MF-1", leave_alpha_unsummed), "step_ahead_alone": ("MF-2", step_ahead_alone)}
"""Errors made on purpose, and the job that must show them."""


def main(folder, words):
    by_torchrec = words == ["torchrec"]
    with joined("torchrec" if by_torchrec else "rows") as group:

        def keep(name, found):
            if group.rank == 0:
                np.savez(Path(folder) / f"{name}.npz", **found)

        for job in JOBS:
            keep(job, done(job))
        if by_torchrec:
            return
        keep("train", retrained())
        keep("retrain", retrained([2, 1, 1]))
        right = Group.sums
        for name in words:
            job, made = MUTANTS[name]
            Group.sums = made(right)
            found = done(job)
            Group.sums = right
            keep(name, found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
