"""The same search with one thing changed: a live ablation."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import streamlit as st

from dnis.ui import desk, run_pair, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.settings import SearchConfig


def draw(run: Run) -> None:
    """Offer the twins of a finished run; a started one is shown on this page and, when done, beside it on Compare.

    Args:
        run: The run on show.
    """
    words = texts.page("search")["twins"]
    seen = desk.view("search")
    busy = seen is not None and seen.active
    st.caption(words["about"])
    with st.container(horizontal=True):
        for name, config in twins(run.result.config).items():
            st.button(
                words[name], key=f"twin_{name}", icon=":material/difference:", disabled=busy,
                help=words[f"{name}_help"], on_click=_start, args=(run, name, config),
            )  # fmt: skip
        st.page_link("pages/5_compare.py", label=words["pair"], icon=":material/balance:")


def twins(config: SearchConfig) -> dict[str, SearchConfig]:
    """Settings that differ from a search's in one thing.

    Args:
        config: Settings of the search.

    Returns:
        ``second`` or ``first`` for the other order of the gradient, ``frozen`` for an alpha that stays where it starts;
        what the search is already is left out.
    """
    found = {"second" if config.order == 1 else "first": dataclasses.replace(config, order=3 - config.order)}
    if config.lr_alpha > 0 and config.recipe == "paper":  # the budgeted recipe moves alpha at a pace of its own
        found["frozen"] = dataclasses.replace(config, lr_alpha=0.0)
    return found


def _start(run: Run, name: str, config: SearchConfig) -> None:
    run_pair.prefer(run)
    desk.forget("search")
    job = {"kind": "search", "data": dataclasses.asdict(run.data), "config": dataclasses.asdict(config)}
    desk.start({**job, "name": f"{run.name[:70]}, {texts.page('search')['twins']['names'][name]}"})
