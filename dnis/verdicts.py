"""What a comparison says: rows with intervals and frontier, and sentences computed from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dnis.counting import counted
from dnis.intervals import Outcomes, drawn_differences, interval, joint_intervals, on_frontier
from dnis.settings import CompareConfig

SAME_SIZE = 1.05
"""A table counts as no larger than another up to this factor in bytes.

Whole dimensions of whole blocks miss a budget by a few per cent; the doubt goes to the uniform table.
"""

MIN_UNITS = 10
"""A bootstrap over fewer test users tells nothing: of one user its interval has no width at all."""


def judged_rows(
    found: list[dict[str, Any]],
    outcomes: list[Outcomes],
    config: CompareConfig,
    labels: dict[str, str],
    higher_is_better: bool,
) -> list[dict[str, Any]]:
    """Plain rows of a comparison with spread, paired difference and frontier.

    Args:
        found: Per method and compression: method, compression, budget, val, cells (one per seed), diverged.
        outcomes: What happened on the test rows, in the same order.
        config: Seeds and number of bootstrap draws.
        labels: Method name -> label.
        higher_is_better: Direction of the metric.

    Returns:
        Rows as ``Comparison`` describes them.
    """
    per_seed = [o.by_seed(np.ones((1, int(o.unit.max()) + 1)))[:, 0] for o in outcomes]
    means = np.array([values.mean() for values in per_seed])
    largest = [max(row["cells"], key=lambda cell: cell["n_bytes"]) for row in found]
    sizes = np.array([cell["n_bytes"] for cell in largest])
    frontier = on_frontier(sizes, means, higher_is_better)
    compared = _compared(found, outcomes, per_seed, sizes, config.n_bootstrap, higher_is_better)
    rows = []
    # seeds may end at different sizes; the mean over them is had for no less than the largest
    for i, (row, cell) in enumerate(zip(found, largest, strict=True)):
        rows.append(
            {
                "method": row["method"],
                "label": labels[row["method"]],
                "compression": row["compression"],
                "budget": row["budget"],
                **{k: cell[k] for k in ("embedding_dim", "n_values", "n_bytes", "layout", "block_dims", "settings")},
                "seeds": len(row["cells"]),
                "diverged": row["diverged"],
                "mean": float(means[i]),
                "sd": float(per_seed[i].std(ddof=1)) if len(per_seed[i]) > 1 else 0.0,
                "values": [float(v) for v in per_seed[i]],
                "val": row["val"],
                **compared[i],
                "on_frontier": bool(frontier[i]),
                "elapsed_s": float(np.mean([c["elapsed_s"] for c in row["cells"]])),
                "peak_bytes": max((c["peak_bytes"] or 0 for c in row["cells"]), default=0) or None,
            }
        )
    return rows


def _compared(
    found: list[dict[str, Any]],
    outcomes: list[Outcomes],
    per_seed: list[np.ndarray],
    sizes: np.ndarray,
    n_draws: int,
    higher_is_better: bool,
) -> list[dict[str, Any]]:
    """Per row the dimensions of its reference, and the differences to it where it is another row."""
    means = np.array([values.mean() for values in per_seed])
    references = [_reference(found, sizes, means, i, higher_is_better) for i in range(len(found))]
    enough = int(outcomes[0].unit.max()) + 1 >= MIN_UNITS
    others = {i: r for i, (r, _) in enumerate(references) if r is not None and r != i and enough}
    pairs = [(outcomes[i], outcomes[r]) for i, r in others.items()]
    drawn = dict(zip(others, drawn_differences(pairs, n_draws), strict=True))
    rows = [
        {
            "reference": None if r is None else found[r]["cells"][0]["embedding_dim"],
            "reference_within": within,
            **dict.fromkeys(("difference", "low", "high", "joint_low", "joint_high")),
            "differences": [],
        }
        for r, within in references
    ]
    seeds = [[cell["settings"]["seed"] for cell in row["cells"]] for row in found]  # not the same where some diverged
    values = [dict(zip(s, map(float, v), strict=True)) for s, v in zip(seeds, per_seed, strict=True)]
    for i, r in others.items():
        rows[i] |= dict(zip(("difference", "low", "high"), interval(drawn[i]), strict=True))
        rows[i]["differences"] = [v - values[r][seed] for seed, v in values[i].items() if seed in values[r]]
    rivals = [i for i in others if found[i]["method"] != "uniform"]
    if len(rivals) > 1:
        for i, (low, high) in zip(rivals, joint_intervals([drawn[i] for i in rivals]), strict=True):
            rows[i] |= {"joint_low": low, "joint_high": high}
    return rows


def _reference(
    found: list[dict[str, Any]], sizes: np.ndarray, means: np.ndarray, row: int, higher_is_better: bool
) -> tuple[int | None, str]:
    """The best uniform table of at most a row's size, or else of at most its budget; and which of the two it is."""
    # what leaves a part of the smallest budget unused would else have nothing to be compared with
    for within, limit in (("size", sizes[row]), ("budget", found[row]["budget"])):
        fits = [i for i, other in enumerate(found) if other["method"] == "uniform" and sizes[i] <= limit * SAME_SIZE]
        if fits:
            return (max if higher_is_better else min)(fits, key=lambda i: means[i]), within
    return None, ""


def verdict(rows: list[dict[str, Any]], metric: str, higher_is_better: bool) -> list[str]:
    """Sentences of fact: per compression who is best and whether the difference to uniform is beyond noise.

    Args:
        rows: What ``judged_rows`` gave.
        metric: Name of the metric.
        higher_is_better: Its direction.

    Returns:
        One sentence per compression, or per several that have the same to say, one on the frontier, and some on what
        the intervals leave out.
    """
    sign = -1 if higher_is_better else 1
    compressions_of: dict[str, list[float]] = {}
    for compression in sorted({row["compression"] for row in rows}):
        here = sorted(_contestants(rows, compression), key=lambda row: (sign * row["mean"], row["method"] != "uniform"))
        compressions_of.setdefault(_finding(here, metric), []).append(compression)
    sentences = [f"At {_listed(compressions)} {finding}." for finding, compressions in compressions_of.items()]
    on_it = sorted({row["label"] for row in rows if row["on_frontier"]})
    off_it = sorted({row["label"] for row in rows} - set(on_it))
    # some labels hold a comma
    tail = f". Never on it: {'; '.join(off_it)}" if off_it else ""
    sentences.append(f"On the frontier of bytes and {metric} at some size: {'; '.join(on_it)}{tail}.")
    return sentences + _on_noise(rows, list(compressions_of))


def _on_noise(rows: list[dict[str, Any]], findings: list[str]) -> list[str]:
    """What the intervals of the findings hold for, and what they leave out."""
    spoken = any("noise" in finding for finding in findings)
    n_joint = sum(row.get("joint_low") is not None for row in rows)
    n_rivals = len({row["method"] for row in rows} - {"uniform"})
    said = []
    if {row["seeds"] for row in rows} == {1}:
        said.append("Only one seed: how far two trainings differ by chance is not in these numbers.")
    elif spoken:
        said.append(
            "Noise is that of the test users alone: seeds are averaged, and the chance of training is left out."
        )
    if spoken and n_joint:
        said.append(
            f"These 95 % intervals hold for all {n_joint} differences to uniform at once, since the best are picked on "
            "the test part; those of figure and table hold for one row each."
        )
    elif n_rivals > 1 and any("beyond noise" in finding for finding in findings):
        said.append(
            f"Each interval is for one method alone; here the best of {n_rivals} is picked on the test part, so that "
            "beyond noise comes more often than 1 time in 20 where none is better."
        )
    return said


def _listed(compressions: list[float]) -> str:
    *others, last = [f"{c:g}x" for c in compressions]
    return f"{', '.join(others)} and {last}" if others else last


def few_units(outcomes: list[Outcomes]) -> list[str]:
    """A sentence of fact where the test part holds too few users for intervals.

    Args:
        outcomes: As for ``judged_rows``.

    Returns:
        One sentence, or none.
    """
    n_units = int(outcomes[0].unit.max()) + 1
    if n_units >= MIN_UNITS:
        return []
    return [
        f"The test part tells {counted(n_units, 'user')} apart (where there are none, rows): too few for intervals, so "
        "nothing here is told from chance."
    ]


def lost_seeds(found: list[dict[str, Any]], labels: dict[str, str]) -> list[str]:
    """Sentences of fact: which rows lack seeds because their final training, or every trial before it, diverged.

    A search whose alpha has collapsed counts as diverged.

    Args:
        found: As for ``judged_rows``; ``val`` is infinite where every trial diverged.
        labels: Method name -> label.

    Returns:
        One sentence per such row.
    """
    return [f"{labels[row['method']]} at {row['compression']:g}x: {_fate(row)}." for row in found if row["diverged"]]


def _fate(row: dict[str, Any]) -> str:
    lost = "diverged or lost all of alpha" if row["method"] in ("dnis", "dnis-budget") else "diverged"
    if not math.isfinite(row["val"]):
        return f"every trial {lost}, so there is no final training"
    return f"{row['diverged']} of {row['diverged'] + len(row['cells'])} final trainings {lost} and are left out"


def _contestants(rows: list[dict[str, Any]], compression: float) -> list[dict[str, Any]]:
    """Tables within the budget of a compression, those made for a smaller one too, for they may be better."""
    budget = SAME_SIZE * next(row["budget"] for row in rows if row["compression"] == compression)
    return [row for row in rows if row["n_bytes"] <= budget]


def _finding(ranked: list[dict[str, Any]], metric: str) -> str:
    if not ranked:
        return "no table is small enough"
    best = ranked[0]
    score = f"{metric} {best['mean']:.4f} at {best['n_bytes']:,} bytes"
    if best["method"] == "uniform":
        rival = next((row for row in ranked if row["method"] != "uniform"), None)
        leads = f"uniform dimensions have the best mean: {score}"
        return leads if rival is None else f"{leads}; next {rival['label']} with {rival['mean']:.4f}{_gap(rival)}"
    uniform = next((row for row in ranked if row["method"] == "uniform"), None)
    leads = f"{best['label']} has the best mean: {score}"
    if uniform is None:
        return f"{leads}; no uniform table is that small"
    return f"{leads}, uniform {uniform['mean']:.4f}{_gap(best)}"


def _gap(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return ""
    low, high = (row["low"], row["high"]) if row.get("joint_low") is None else (row["joint_low"], row["joint_high"])
    within = low <= 0 <= high
    agreed = len(set(np.sign(row["differences"]))) <= 1
    seeds = "" if agreed else f", {'and' if within else 'though'} its sign differs from seed to seed"
    return (
        f"; difference to the best uniform table of at most its {row['reference_within']} {row['difference']:+.4f}, "
        f"95 % interval {low:+.4f} to {high:+.4f}: {'within' if within else 'beyond'} noise{seeds}"
    )
