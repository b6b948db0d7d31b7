"""What moves alpha in each phase of a search, under either recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnis.alphas import AlphaOptimizer
from dnis.entries import EntryCuts
from dnis.nested import NestedDims

if TYPE_CHECKING:
    from dnis.bilevel import Search


def mover_of(phase: str, search: Search) -> AlphaOptimizer | NestedDims:
    """What moves alpha.

    Args:
        phase: ``entries`` or ``search``; only the budgeted recipe makes a difference between them.
        search: What holds alpha, the table and the blocks.

    Returns:
        A fresh mover.
    """
    config, selection, block_of = search.config, search.selection, search.block_of
    if config.recipe == "paper":
        return AlphaOptimizer(selection.alpha, block_of, config)
    if phase == "entries":
        n_steps = -(-len(search.split.train) // search.trainer.feed.size)
        return EntryCuts(selection, search.trainer.network.embeddings, block_of, config, n_steps)
    return NestedDims(selection.alpha, block_of, search.split.vocabulary.field_of, config.compression)
