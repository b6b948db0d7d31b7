"""The paper's rival: dimensions per block chosen by a small policy that learns from rewards (NIS, Joglekar 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from dnis.allocation import fit_dims
from dnis.feeds import Batch, Feed
from dnis.rivals import Baseline, Candidate, feature_blocks, lasting_epochs
from dnis.selection import SoftSelection
from dnis.settings import SearchConfig
from dnis.tables import adam_update
from dnis.training import Trainer

if TYPE_CHECKING:
    from dnis.splits import Split

SHARES = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)
"""Dimensions that a block can be given, as shares of K."""


class DimensionController(Baseline):
    """REINFORCE over one softmax per block, weights shared between all choices (Joglekar 2020, section 4).

    The reward of a draw is minus the loss on a search-validation batch, minus a price for every share of bytes above
    the budget; a running mean is the baseline. The expected dimensions, scaled to the budget, are the answer.
    """

    label = "NIS"
    trains = 3.0
    by_budget = True
    lr, price = 0.05, 1.0

    def candidates(self, split: Split, config: SearchConfig, budgets: Sequence[int]) -> list[Candidate]:
        """One policy per budget."""
        blocks = feature_blocks(split, config)
        n_epochs = 2 * lasting_epochs(split, config)
        weights = [self._policy(split, config, blocks, budget, n_epochs) for budget in budgets]
        return [
            Candidate.of(config, fit_dims(w, blocks, config.embedding_dim, budget))
            for w, budget in zip(weights, budgets, strict=True)
        ]

    def _policy(self, split: Split, config: SearchConfig, blocks: np.ndarray, budget: int, n_epochs: int) -> np.ndarray:
        k = config.embedding_dim
        sizes = torch.from_numpy(np.bincount(blocks)).float()
        choices = torch.tensor(sorted({round(share * k) for share in SHARES}))
        logits = torch.zeros(len(sizes), len(choices), requires_grad=True)
        moments = torch.zeros_like(logits), torch.zeros_like(logits)
        selection = SoftSelection(blocks, k)
        trainer = Trainer(split.train, config, selection)
        validation = _endless(Feed(split.search_val, config))
        generator = torch.Generator().manual_seed(config.seed)
        usual, turn = 0.0, 0

        def before_step(_batch: Batch) -> None:
            nonlocal usual, turn
            turn += 1
            drawn = torch.multinomial(logits.detach().softmax(1), 1, generator=generator)[:, 0]
            dims = choices[drawn]
            with torch.no_grad():
                selection.alpha.copy_((torch.arange(k)[None] < dims[:, None]).float())
                ids, target = next(validation)
                loss = trainer.task.loss(trainer.network.scores(trainer.network.look_up(ids)), target)
                excess = torch.relu(4 * (dims * sizes).sum() / budget - 1)
                reward = float(-loss - self.price * excess)
            usual = reward if turn == 1 else 0.95 * usual + 0.05 * reward
            chosen = logits.log_softmax(1).gather(1, drawn[:, None]).sum()
            grad = torch.autograd.grad(-(reward - usual) * chosen, logits)[0]
            with torch.no_grad():
                adam_update(logits, *moments, grad, self.lr, turn)

        for epoch in range(1, n_epochs + 1):
            trainer.run_epoch(epoch, before_step)
        expected = (logits.detach().softmax(1) * choices).sum(1)
        return expected.clamp(min=0.1).numpy()


def _endless(feed: Feed) -> Iterator[Batch]:
    epoch = 0
    while True:
        epoch += 1
        yield from feed.batches(epoch, stream=1)
