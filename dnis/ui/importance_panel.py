"""Importance on show: the picture of blocks and dimensions with its cells, and all features together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dnis import figures
from dnis.figures.tables import CLICKABLE_CELLS
from dnis.ui import charts, escape, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

_BLOCK, _DIMENSION = "cell_block", "cell_dimension"


def picture(run: Run, scheme: DimensionScheme) -> None:
    """The heatmap of blocks and dimensions; a click chooses a cell.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
    """
    words = texts.page("importance")
    with st.container(horizontal=True):
        quantity = st.radio(
            words["quantity"], list(words["quantities"]), key="quantity", horizontal=True,
            format_func=words["quantities"].get, help=texts.tip("alpha"), persist_state="session",
        )  # fmt: skip
        order = st.radio(
            words["order"], list(words["orders"]), key="dimension_order", horizontal=True,
            format_func=words["orders"].get, persist_state="session",
        )  # fmt: skip
    values = block_values(run, scheme, str(quantity))
    figure = figures.alpha_heatmap(
        values, block_words(run), largest_first(values) if order == "sorted" else None, _cell(run), charts.is_dark(),
        words["quantities"][quantity], None if quantity == "size" else 1.0,
    )  # fmt: skip
    clicked = charts.pick(
        figure, key="heatmap", alt=words["heatmap_alt"].format(quantity=words["quantities"][quantity])
    )
    if clicked and (clicked[0], clicked[1]) != _cell(run):
        st.session_state[_BLOCK], st.session_state[_DIMENSION] = int(clicked[0]), int(clicked[1])
        st.rerun()


def block_values(run: Run, scheme: DimensionScheme, quantity: str) -> np.ndarray:
    """What a cell of the picture holds.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        quantity: ``alpha``, ``size`` (mean |alpha e| of the block's features) or ``kept`` (share of them that keep it).

    Returns:
        Values, (n_blocks, K).
    """
    if quantity == "alpha":
        return run.result.alpha
    per_feature = np.abs(run.result.weighted) if quantity == "size" else scheme.mask.astype(float)
    return block_means(per_feature, run.result.block_of)


def block_means(per_feature: np.ndarray, block_of: np.ndarray) -> np.ndarray:
    """Mean over the features of each block.

    Args:
        per_feature: Values, (n_features, K).
        block_of: Block per feature, (n_features,).

    Returns:
        Means, (n_blocks, K).
    """
    order = np.argsort(block_of, kind="stable")
    sizes = np.bincount(block_of)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(per_feature[order], starts, axis=0) / sizes[:, None]


def largest_first(values: np.ndarray) -> np.ndarray:
    """Dimensions by their mean over the blocks, largest first.

    Args:
        values: Values, (n_blocks, K).

    Returns:
        Dimension numbers, (K,).
    """
    return np.argsort(-values.mean(axis=0), kind="stable")


def block_words(run: Run) -> list[str]:
    """A few words on every block: how many features, how often seen.

    Args:
        run: A finished search.

    Returns:
        Texts, (n_blocks,).
    """
    words = texts.page("importance")["block_words"]
    out = []
    for block in range(len(run.result.alpha)):
        counts = run.result.counts[run.result.block_of == block]
        out.append(words.format(features=f"{len(counts):,}", low=f"{counts.min():,}", high=f"{counts.max():,}"))
    return out


def cell_card(run: Run, scheme: DimensionScheme, feature: int) -> None:
    """One cell explained with the numbers in the formula.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        feature: The feature on show, whose numbers are taken where it belongs to the cell's block.
    """
    words = texts.page("importance")
    block, dimension = _cell(run)
    n_blocks, width = run.result.alpha.shape
    st.caption(words["click"] if run.result.alpha.size <= CLICKABLE_CELLS else words["too_many_cells"])
    left, right = st.columns(2)
    st.session_state[_BLOCK], st.session_state[_DIMENSION] = block, dimension
    left.number_input(words["block"], 0, n_blocks - 1, key=_BLOCK, help=texts.tip("block"))
    right.number_input(words["dimension"], 0, width - 1, key=_DIMENSION, help=texts.tip("dimension"))
    numbers = cell_numbers(run, scheme, block, dimension, feature)
    st.caption(words["cell_example"])
    st.text(escape.plain(run.vocabulary.label(numbers["feature"])))
    st.markdown(f"${cell_formula(numbers)}$")
    st.write(words["kept"] if numbers["is_kept"] else words["cut"])
    st.caption(
        words["cell_share"].format(
            kept=f"{numbers['n_kept']:,}", features=f"{numbers['n_features']:,}", block=block, dimension=dimension,
            share=f"{numbers['n_kept'] / numbers['n_features']:.0%}",
        )
    )  # fmt: skip


def cell_numbers(run: Run, scheme: DimensionScheme, block: int, dimension: int, feature: int) -> dict[str, Any]:
    """Everything that the card of a cell says.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        block: The cell's block.
        dimension: The cell's dimension.
        feature: The feature on show; the block's most frequent one stands in where it belongs to another block.

    Returns:
        feature, alpha, e, product, threshold, is_kept, n_kept and n_features.
    """
    result = run.result
    inside = np.flatnonzero(result.block_of == block)
    shown = feature if result.block_of[feature] == block else int(inside[np.argmax(result.counts[inside])])
    return {
        "feature": shown, "alpha": float(result.alpha[block, dimension]),
        "e": float(result.embeddings[shown, dimension]),
        "product": float(result.weighted[shown, dimension]), "threshold": float(scheme.threshold or 0.0),
        "is_kept": bool(scheme.mask[shown, dimension]), "n_kept": int(scheme.mask[inside, dimension].sum()),
        "n_features": len(inside),
    }  # fmt: skip


def cell_formula(numbers: dict[str, Any]) -> str:
    """The rule with the cell's numbers in it.

    Args:
        numbers: As made by ``cell_numbers``.

    Returns:
        LaTeX of three lines, which fit a narrow column; numbers only, no user text.
    """
    sign = r"\geq" if numbers["is_kept"] else "<"
    return (
        r"\small\begin{aligned}\alpha \cdot e "
        rf"&= {numbers['alpha']:.3f} \cdot ({numbers['e']:.3f})\\"
        rf"&= {numbers['product']:.4f}\\"
        rf"|{numbers['product']:.4f}| &{sign} {numbers['threshold']:.4f}\end{{aligned}}"
    )


def everyone(run: Run, scheme: DimensionScheme, picked: list[int]) -> None:
    """Dimensions against popularity for all features.

    Args:
        run: A finished search.
        scheme: Which dimensions stay.
        picked: Features to mark.
    """
    words = texts.page("importance")
    st.header(words["all"])
    named = [(feature, run.vocabulary.label(feature)) for feature in picked]
    charts.show(
        figures.dims_by_popularity(run.result.counts, scheme.dims, named),
        key="dims_by_popularity",
        alt=words["all_alt"],
    )
    st.caption(words["all_fact"].format(correlation=f"{rank_correlation(run.result.counts, scheme.dims):+.2f}"))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank.

    Args:
        a: Numbers, (n,).
        b: Numbers, (n,).

    Returns:
        In [-1, 1]; 0 where one of the two is constant.
    """
    ranks = [np.unique(v, return_inverse=True, return_counts=True)[1:] for v in (a, b)]
    x, y = ((np.cumsum(n) - (n - 1) / 2)[i] for i, n in ranks)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _cell(run: Run) -> tuple[int, int]:
    """The chosen cell; one that another run had and this one has not moves inside."""
    n_blocks, width = run.result.alpha.shape
    block, dimension = st.session_state.get(_BLOCK, 0), st.session_state.get(_DIMENSION, 0)
    return min(int(block), n_blocks - 1), min(int(dimension), width - 1)
