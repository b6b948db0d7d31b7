"""The six steps of the Learn page: a text, a small live figure with its knobs, and a formula beside its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dnis import figures
from dnis.figures import lessons as pictures
from dnis.schemes import make_blocks
from dnis.ui import charts, fairness, miniature, texts

MANY = 1000
"""Features of the first two lessons, which need no search."""

_EXAMPLE = np.array([0.9, -0.7, 0.5, 0.6, -0.82, 0.3, 0.15, -0.4])
_SEEDS = 5


def tail() -> None:
    """Step 1: the long tail."""
    words, knobs, picture = _frame("tail")
    with knobs:
        s = st.slider(words["knob"], 0.0, 1.5, 0.8, 0.1, key="learn_tail", help=words["knob_help"])
    counts = miniature.popularity(MANY, s)
    top = MANY // 10
    live = {
        "s": f"{s:.1f}", "top": top, "n": MANY, "share": f"{counts[:top].sum() / counts.sum():.0%}",
        "total": f"{counts.sum():,}", "rare": int((counts < 10).sum()),
    }  # fmt: skip
    _show(words, knobs, picture, live, (figures.long_tail(counts, height=260), words["alt"]), key="learn_tail_figure")


def blocks() -> None:
    """Step 2: blocks of features."""
    words, knobs, picture = _frame("blocks")
    kinds = words["kinds"]
    with knobs:
        n_blocks = st.slider(words["knob"], 1, 20, 6, key="learn_blocks", help=texts.tip("block"))
        kind = st.radio(words["kind"], list(kinds), key="learn_kind", horizontal=True, format_func=kinds.__getitem__)
    counts = miniature.popularity(MANY, 0.8)
    block_of = make_blocks(counts, n_blocks, str(kind))
    first, last = counts[block_of == 0], counts[block_of == block_of.max()]
    k, found = miniature.EMBEDDING_DIM, int(block_of.max()) + 1
    live = {
        "n": f"{MANY:,}", "k": k, "l": found, "before": MANY * k, "after": found * k,
        "high": first.max(), "low": first.min(), "last_high": last.max(), "last_low": last.min(),
    }  # fmt: skip
    figure = figures.long_tail(counts, block_of, height=260)
    _show(words, knobs, picture, live, (figure, words["alt"]), key="learn_blocks_figure")


def soft() -> None:
    """Step 3: soft selection."""
    words, knobs, picture = _frame("soft")
    with knobs:
        early = st.slider(words["early"], 0.0, 1.0, 0.9, 0.05, key="learn_early", help=texts.tip("alpha"))
        late = st.slider(words["late"], 0.0, 1.0, 0.3, 0.05, key="learn_late")
    alpha = np.repeat([early, late], len(_EXAMPLE) // 2)
    k = 4
    live = {
        "k": k, "alpha": f"{alpha[k]:.2f}", "e": f"{_EXAMPLE[k]:.2f}", "product": f"{alpha[k] * _EXAMPLE[k]:.3f}"
    }  # fmt: skip
    figure = pictures.before_and_after(_EXAMPLE, alpha * _EXAMPLE, (words["plain"], words["weighted"]))
    _show(words, knobs, picture, live, (figure, words["alt"]), key="learn_soft_figure")


def losses() -> None:
    """Step 4: the bilevel search."""
    words, knobs, picture = _frame("losses")
    with knobs:
        epoch = st.slider(words["epoch"], 1, miniature.EPOCHS, miniature.EPOCHS, key="learn_epoch")
        lr = st.slider(words["lr"], 0.0, 0.1, 0.03, 0.005, format="%.3f", key="learn_lr")
        normalise = st.toggle(words["normalise"], value=True, key="learn_normalise")
    found = _course(lr, normalise)
    alpha = found.alphas[epoch - 1]
    now = {role: f"{values[epoch - 1]:.3f}" for role, values in found.losses.items()}
    live = {
        "epoch": epoch, "train": now["train"], "val": now["search_val"], "test": now["test"],
        "travel": f"{np.abs(alpha - 1).mean():.2f}",
    }  # fmt: skip
    heatmap = figures.alpha_heatmap(alpha, dark=charts.is_dark())
    with picture:
        charts.show(heatmap, key="learn_alpha_figure", alt=words["heatmap_alt"])
    figure = pictures.course(found.losses, epoch, figures.ROLES)
    _show(words, knobs, picture, live, (figure, words["losses_alt"]), key="learn_losses_figure")


def prune() -> None:
    """Step 5: the cut and retraining."""
    words, knobs, picture = _frame("prune")
    with knobs:
        threshold = st.slider(words["knob"], 0.0, 1.0, 0.15, 0.01, key="learn_threshold", help=texts.tip("threshold"))
    data, found = miniature.plant(), _course(0.03, True)
    scheme = miniature.cut(found, threshold)
    everything = data.train + data.val
    again = fairness.fit(everything, scheme.mask, fairness.tuned_l2(data, scheme.mask))
    live = {
        "t": f"{threshold:.2f}", "kept": scheme.n_values, "full": scheme.mask.size,
        "cut": f"{data.test_loss(found.weighted * scheme.mask):.3f}", "again": f"{data.test_loss(again):.3f}",
        "whole": f"{data.test_loss(found.weighted):.3f}",
    }  # fmt: skip
    planted = np.bincount(found.block_of, data.true_dims) / np.bincount(found.block_of)
    figure = pictures.kept_and_planted(
        scheme.mean_dims_by_block, planted, miniature.EMBEDDING_DIM, words["planted"]
    )  # fmt: skip
    _show(words, knobs, picture, live, (figure, words["alt"]), key="learn_prune_figure")


def fair() -> None:
    """Step 6: the comparison."""
    words, knobs, picture = _frame("fair")
    with knobs:
        slope = st.slider(words["slope"], 0.0, 1.0, 1.0, 0.25, key="learn_slope", help=words["slope_help"])
        equal_data = st.toggle(words["data"], value=True, key="learn_data")
        equal_tuning = st.toggle(words["tuning"], value=True, key="learn_tuning")
    rows = _judged(slope, equal_data, equal_tuning)
    live = verdict(rows, budget=960, words=words)
    figure = figures.frontier(rows, words["metric"], height=300)
    _show(words, knobs, picture, live, (figure, words["alt"]), key="learn_fair_figure")
    st.caption(words["closing"])


def verdict(rows: list[dict[str, Any]], budget: int, words: dict[str, str]) -> dict[str, str]:
    """The best of both within a budget, and who is better; nothing is decided beforehand.

    Args:
        rows: As made by ``fairness.judge``.
        budget: Most bytes.
        words: Texts of the step.

    Returns:
        bytes, dnis, uniform, seeds and winner as text.
    """
    best = {
        name: min(r["mean"] for r in rows if r["method"] == name and r["n_bytes"] <= budget)
        for name in ("dnis", "uniform")
    }  # fmt: skip
    name = "dnis_wins" if best["dnis"] < best["uniform"] else "uniform_wins"
    percent = f"{abs(best['dnis'] - best['uniform']) / max(best.values()):.1%}"
    return {
        "bytes": f"{budget:,}", "dnis": f"{best['dnis']:.3f}", "uniform": f"{best['uniform']:.3f}",
        "seeds": str(rows[0]["seeds"]), "winner": words[name].format(percent=percent),
    }  # fmt: skip


def _frame(name: str) -> tuple[dict[str, Any], Any, Any]:
    words = texts.page("learn")[name]
    st.header(words["title"], anchor=name)
    st.write(words["text"])
    knobs, picture = st.columns([2, 3], gap="large")
    return words, knobs, picture


def _show(
    words: dict[str, Any], knobs: Any, picture: Any, live: dict[str, Any], drawn: tuple[go.Figure, str], key: str
) -> None:
    with knobs:
        st.latex(words["formula"])
        st.write(words["live"].format(**live))
    with picture:
        charts.show(drawn[0], key=key, alt=drawn[1])


@st.cache_data(max_entries=64, show_spinner=False)
def _course(lr: float, normalise: bool) -> miniature.Course:
    return miniature.search(miniature.plant(), lr, normalise)


@st.cache_data(max_entries=32, show_spinner=False)
def _judged(slope: float, equal_data: bool, equal_tuning: bool) -> list[dict[str, Any]]:
    return fairness.judge(slope, equal_data, equal_tuning, _SEEDS)


STEPS = (tail, blocks, soft, losses, prune, fair)
"""The steps in the order of the page."""
