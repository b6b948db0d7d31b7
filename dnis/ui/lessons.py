"""The seven steps of the Learn page: a text, a small live figure with its knobs, and a formula beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dnis import figures
from dnis.counting import counted
from dnis.figures import lessons as pictures
from dnis.schemes import make_blocks
from dnis.ui import charts, fairness, later, miniature, texts, turning

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

Words = dict[str, Any]

MANY = 1000
"""Features of the first two lessons, which need no search."""

_EXAMPLE = np.array([0.9, -0.7, 0.5, 0.6, -0.82, 0.3, 0.15, -0.4])
_SEEDS = 5
_HIGH = 260
_FIGURE_PX, _FIGURES_PX = 316, {"losses": 634}
_KNOBS_PX, _MORE_KNOBS_PX = 260, {"blocks": 310, "losses": 420, "size": 540, "fair": 340}
"""Heights of a step's figures and of its knobs with their words: side by side, or one below the other [pixels]."""

_KEPT: dict[str, Any] = {"persist_state": "session", "bind": "query-params"}
"""A turned knob stays turned, and stands in the address for those whom the link is handed to."""


def tail(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 1: the long tail."""
    with knobs:
        s = st.slider(words["knob"], 0.0, 1.5, 0.8, 0.1, key="learn_tail", help=words["knob_help"], **_KEPT)
    counts = miniature.popularity(MANY, s)
    top = MANY // 10
    live = {
        "s": f"{s:.1f}", "top": top, "n": f"{MANY:,}", "share": figures.percent_text(counts[:top].sum() / counts.sum()),
        "total": f"{counts.sum():,}", "rare": int((counts < 10).sum()),
    }  # fmt: skip
    _say(words, knobs, live)
    with picture:
        charts.show(_tail(s), key="learn_tail_figure", alt=words["alt"])


def blocks(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 2: blocks of features."""
    kinds = words["kinds"]
    with knobs:
        n_blocks = st.slider(words["knob"], 1, 20, 6, key="learn_blocks", help=texts.tip("block"), **_KEPT)
        kind = st.radio(
            words["kind"], list(kinds), key="learn_kind", horizontal=True, format_func=kinds.__getitem__, **_KEPT
        )
    counts = miniature.popularity(MANY, 0.8)
    block_of = make_blocks(counts, n_blocks, str(kind))
    first, last = counts[block_of == 0], counts[block_of == block_of.max()]
    k, found = miniature.EMBEDDING_DIM, int(block_of.max()) + 1
    live = {
        "n": f"{MANY:,}", "k": k, "l": found, "before": MANY * k, "after": found * k,
        "first": _times(first), "last": _times(last),
    }  # fmt: skip
    _show(words, knobs, picture, live, figures.long_tail(counts, block_of, height=_HIGH), "learn_blocks_figure")


def _times(counts: np.ndarray) -> str:
    """How often the features of a block are seen: "300 to 20 times"."""
    low, high = int(counts.min()), int(counts.max())
    return f"{high:,} to {counted(low, 'time')}" if low < high else counted(low, "time")


def soft(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 3: soft selection."""
    with knobs:
        early = st.slider(words["early"], 0.0, 1.0, 0.9, 0.05, key="learn_early", help=texts.tip("alpha"), **_KEPT)
        late = st.slider(words["late"], 0.0, 1.0, 0.3, 0.05, key="learn_late", **_KEPT)
    alpha = np.repeat([early, late], len(_EXAMPLE) // 2)
    k = 4
    live = {
        "k": k, "alpha": f"{alpha[k]:.2f}", "e": f"{_EXAMPLE[k]:.2f}", "product": f"{alpha[k] * _EXAMPLE[k]:.3f}"
    }  # fmt: skip
    names = words["plain"], words["weighted"]
    figure = pictures.before_and_after(_EXAMPLE, alpha * _EXAMPLE, names, height=_HIGH)
    _show(words, knobs, picture, live, figure, "learn_soft_figure")


def losses(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 4: the bilevel search."""
    with knobs:
        epoch = st.slider(words["epoch"], 1, miniature.EPOCHS, miniature.EPOCHS, key="learn_epoch", **_KEPT)
        lr = st.slider(words["lr"], 0.0, 0.1, 0.03, 0.005, format="%.3f", key="learn_lr", **_KEPT)
        normalise = st.toggle(words["normalise"], value=True, key="learn_normalise", **_KEPT)
    found = _course(lr, normalise)
    alpha = found.alphas[epoch - 1]
    now = {role: f"{values[epoch - 1]:.3f}" for role, values in found.losses.items()}
    travel = float(np.abs(alpha - 1).mean())
    live = {
        "epoch": epoch, "train": now["train"], "val": now["search_val"], "test": now["test"], "travel": f"{travel:.2f}",
        "judge": words["judge_moved"] if travel else words["judge_still"].format(warm=miniature.WARM_EPOCHS),
    }  # fmt: skip
    with picture:
        charts.show(
            figures.alpha_heatmap(alpha, dark=charts.is_dark()), key="learn_alpha_figure", alt=words["heatmap_alt"]
        )
    _show(
        words, knobs, picture, live, pictures.course(found.losses, epoch, figures.ROLES, height=_HIGH),
        "learn_losses_figure",
    )  # fmt: skip


def prune(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 5: the cut and retraining."""
    with knobs:
        threshold = st.slider(
            words["knob"], 0.0, 1.0, 0.15, 0.01, key="learn_threshold", help=texts.tip("threshold"), **_KEPT
        )
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
    dims = scheme.mean_dims_by_block
    figure = pictures.kept_and_planted(dims, planted, miniature.EMBEDDING_DIM, words["planted"], height=_HIGH)
    _show(words, knobs, picture, live, figure, "learn_prune_figure")


def size(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 6: a search that knows its size."""
    with knobs:
        compression = st.select_slider(
            words["knob"], turning.COMPRESSIONS, 8, format_func="{}x".format, key="learn_size", **_KEPT
        )
        turn = st.toggle(words["turn"], value=True, key="learn_turn", **_KEPT)
    rows = _turned(turn)
    here = {str(row["method"]): row for row in rows if row["compression"] == compression}
    same = "uniform-turned" if turn else "uniform"
    live = {
        "size": f"{compression}x", "full": f"{rows[0]['mean']:.2f}", "bytes": f"{here[same]['n_bytes']:,.0f}",
        "late": f"{here['magnitude']['mean']:.2f}", "same": f"{here[same]['mean']:.2f}",
        "uniform": figures.method_label(same), "learned": f"{here['dnis-nested']['mean']:.2f}",
    }  # fmt: skip
    _show(words, knobs, picture, live, figures.frontier(rows, words["metric"], height=_HIGH), "learn_size_figure")


def fair(words: Words, knobs: DeltaGenerator, picture: DeltaGenerator) -> None:
    """Step 7: the comparison."""
    with knobs:
        slope = st.slider(words["slope"], 0.0, 1.0, 1.0, 0.25, key="learn_slope", help=words["slope_help"], **_KEPT)
        equal_data = st.toggle(words["data"], value=True, key="learn_data", **_KEPT)
        equal_tuning = st.toggle(words["tuning"], value=True, key="learn_tuning", **_KEPT)
    rows = _judged(slope, equal_data, equal_tuning)
    live = verdict(rows, budget=960, words=words)
    _show(words, knobs, picture, live, figures.frontier(rows, words["metric"], height=_HIGH), "learn_fair_figure")
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
    percent = figures.percent_text(abs(best["dnis"] - best["uniform"]) / max(best.values()), 1)
    return {
        "bytes": f"{budget:,}", "dnis": f"{best['dnis']:.3f}", "uniform": f"{best['uniform']:.3f}",
        "seeds": str(rows[0]["seeds"]), "winner": words[name].format(percent=percent),
    }  # fmt: skip


def _say(words: Words, knobs: DeltaGenerator, live: dict[str, Any]) -> None:
    with knobs:
        st.latex(words["formula"])
        st.write(words["live"].format(**live))


def _show(
    words: Words, knobs: DeltaGenerator, picture: DeltaGenerator, live: dict[str, Any], figure: go.Figure, key: str
) -> None:
    _say(words, knobs, live)
    with picture:
        charts.show(figure, key=key, alt=words["alt"])


@st.cache_resource(max_entries=32, show_spinner=False)
def _tail(s: float) -> go.Figure:
    return figures.long_tail(miniature.popularity(MANY, s), height=_HIGH)


@st.cache_data(max_entries=64, show_spinner=False)
def _course(lr: float, normalise: bool) -> miniature.Course:
    return miniature.search(miniature.plant(), lr, normalise)


@st.cache_data(max_entries=32, show_spinner=False)
def _judged(slope: float, equal_data: bool, equal_tuning: bool) -> list[dict[str, Any]]:
    return fairness.judge(slope, equal_data, equal_tuning, _SEEDS)


@st.cache_data(max_entries=2, show_spinner=False)
def _turned(turn: bool) -> list[dict[str, Any]]:
    return turning.judge(turn, _SEEDS)


STEPS = (tail, blocks, soft, losses, prune, size, fair)
"""The steps in the order of the page."""


def draw(number: int) -> None:
    """Draw a step: its text, and knobs and figure at once in the first one, in the others as the reader comes near.

    Args:
        number: Its place on the page, from 0.
    """
    step = STEPS[number]
    words = texts.page("learn")[step.__name__]
    st.header(words["title"], anchor=step.__name__)
    st.write(words["text"])
    knobs, picture = st.columns([2, 3], gap="large")
    if number == 0 or _reached(step.__name__, knobs, picture):
        step(words, knobs, picture)


def _reached(name: str, knobs: DeltaGenerator, picture: DeltaGenerator) -> bool:
    with picture:
        near = later.reached(f"learn_{name}", _FIGURES_PX.get(name, _FIGURE_PX))
    if not near:
        knobs.space(_MORE_KNOBS_PX.get(name, _KNOBS_PX))
    return near
