"""Named sets of search settings."""

from __future__ import annotations

from typing import Any

from dnis.ranges import check_choice

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "released": {
        "recipe": "paper",
        "embedding_dim": 64,
        "n_blocks": 10,
        "blocks": "equal",
        "alpha_start": 1.0,
        "alpha_optimizer": "sgd",
        "lr_alpha": 0.01,
        "l1_alpha": 1e-5,
        "l1_scale": "absolute",
        "normalise": True,
        "order": 1,
        "lr": 1e-3,
        "optimizer": "adam",
        "batch_size": 4096,
        "warm_epochs": 20,
        "epochs": 100,
        "freeze_dense": True,
    },
}
"""Name -> settings that differ from the task's defaults.

``released``: those of the authors' code for ratings; what it does not fix (L2, patience) stays at the defaults.
Its warm start of up to 20 epochs ends with the first one after which select_val is worse than before.
"""


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset.

    Args:
        name: One of ``PRESETS``.

    Returns:
        Settings by name.

    Raises:
        ValueError: If there is no such preset.
    """
    check_choice("preset", name, tuple(PRESETS))
    return dict(PRESETS[name])
