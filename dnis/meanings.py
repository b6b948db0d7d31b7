"""Settings in a few words, as the help of the command line shows them."""

from __future__ import annotations

MEANINGS = {
    "embedding_dim": "dimensions before the search, K",
    "lr": "learning rate of the weights",
    "l2": "penalty on the looked-up rows",
    "l2_nu": "exponent nu of the penalty's factor (count / mean)^nu",
    "batch_size": "interactions per step",
    "epochs": "longest search [epochs]",
    "patience": "epochs without a better one before it ends",
    "hidden": "widths of the hidden layers",
    "n_negatives": "sampled items per seen one (topk)",
    "topk_loss": "bce, bpr, softmax over the sampled items, or full_softmax over all (topk)",
    "recency_half_life": "a user's interactions back from the last after which one counts half; 0: all alike (topk)",
    "n_blocks": "feature blocks",
    "blocks": "how blocks are made: equal, magnitude or field",
    "lr_alpha": "step of alpha",
    "l1_alpha": "penalty on alpha",
    "l1_scale": "relative to alpha's loss gradient, or absolute",
    "order": "1 or 2: whether alpha's gradient looks one weight step ahead",
    "warm_epochs": "epochs before alpha moves",
    "compression": "how many times smaller the table should become; 0 leaves that to the threshold",
    "recipe": "paper: a weight per block and dimension; budget: what is worth its bytes, at a compression",
    "grain": "what a budget cuts: whole dimensions, single entries, or either, as select_val has it",
    "wide_epochs": "epochs of a full table before it is cut (dimensions: turned first), in a masked training",
    "ema_decay": "share that stays, each epoch, of the mean of the weights that a training ends as; 0: no mean",
    "seed": "seed of the split and of the search",
    "methods": "methods to compare",
    "compressions": "how many times smaller than K, each",
    "seeds": "seeds of the final trainings",
    "n_trials": "trials per method and compression",
    "n_bootstrap": "draws for the intervals",
}
"""What a setting means, where its name does not say it."""

OF_COMPARISONS = {"seed": "seed of the split"}
"""The same where a comparison makes something else of it: its trainings have ``seeds`` of their own."""
