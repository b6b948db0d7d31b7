"""Start a comparison, and watch it cell by cell."""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis import figures
from dnis.settings import METHODS, CompareConfig
from dnis.ui import desk, elsewhere, escape, later, ownership, starting, texts

if TYPE_CHECKING:
    from dnis.results import SearchResult
    from dnis.runs import Run
    from dnis.ui.job import JobView

COMPRESSIONS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Sizes to choose from."""

FIRST_METHODS, FIRST_SIZES, FIRST_TRIALS, FIRST_SEEDS = ("dnis", "dnis-nested", "dnis-fit"), (2.0, 8.0), 2, 3
"""What the form proposes: on the bundled data it is done in about three minutes, and the spread over seeds is real."""

_FORM_PX = 420
_BOUND = ("compare_methods", "compare_sizes", "compare_seeds", "compare_trials")

_TYPICAL_EPOCHS = 12
_PROPOSAL = 2.0
_SAFETY = 1.3


def draw(run: Run, again: bool) -> None:
    """Draw the form, and the progress of a comparison that is under way.

    Args:
        run: The run on show, whose data and settings are compared on.
        again: Whether there is a comparison already.
    """
    words = texts.page("compare")
    seen = desk.view("compare")
    under_way = seen is not None and seen.active
    # a finished comparison stands above, and fills more than a screen
    if again and seen is None and not later.reached("comparison_form", _FORM_PX, _BOUND):
        return
    st.header(words["start_title_again" if again else "start_title"])
    st.caption(words["start_about"])
    config = _settings(run, words)
    if starting.taken("compare") is not None and _start(run, config):
        st.rerun()
    cost_s = estimate_s(config, run.result)
    st.write(_estimate(config, cost_s, words))
    limit_s = desk.runner().limits.limit_s
    if cost_s > limit_s:
        st.caption(words["too_long"].format(limit=f"{limit_s / 60:.0f}"))
    if len(config.seeds) < 3:
        st.caption(words["few_seeds"])
    with st.container(horizontal=True):
        st.button(
            words["start"], type="primary", icon=":material/balance:", disabled=under_way, key="do_compare",
            on_click=starting.want, args=("compare",),
        )  # fmt: skip
        if under_way:
            st.button(words["stop"], icon=":material/stop:", key="stop_compare", on_click=lambda: desk.stop("compare"))
    elsewhere.say("compare", run)
    pace_s = desk.pace_s(seen)
    st.fragment(_watch, run_every=pace_s)(run, pace_s)


def _settings(run: Run, words: dict[str, Any]) -> CompareConfig:
    others = [name for name in METHODS if name != "uniform"]
    methods = st.multiselect(
        words["methods"], others, default=FIRST_METHODS, key="compare_methods",
        format_func=figures.method_label, help=methods_help(words), persist_state="session", bind="query-params",
    )  # fmt: skip
    left, middle, right = st.columns([3, 1, 1])
    compressions = left.multiselect(
        words["compressions"], COMPRESSIONS, default=FIRST_SIZES, key="compare_sizes",
        format_func="{:g}x".format, help=words["compressions_help"], persist_state="session", bind="query-params",
    )  # fmt: skip
    n_seeds = middle.number_input(
        words["seeds"], 1, 10, FIRST_SEEDS, key="compare_seeds", help=words["seeds_help"], persist_state="session",
        bind="query-params",
    )  # fmt: skip
    n_trials = right.number_input(
        words["trials"], 1, 50, FIRST_TRIALS, key="compare_trials", help=words["trials_help"], persist_state="session",
        bind="query-params",
    )  # fmt: skip
    return CompareConfig(
        search=run.result.config, methods=("uniform", *methods), compressions=tuple(sorted(compressions)) or (1.0,),
        seeds=tuple(range(int(n_seeds))), n_trials=int(n_trials),
    )  # fmt: skip


def methods_help(words: dict[str, Any]) -> str:
    """What the methods are, a line each.

    Args:
        words: Texts of the page.

    Returns:
        Markdown: the sentence on the choice, a list, and the meanings of the words in the sentence.
    """
    lines = [f"- **{figures.method_label(name)}**: {words['about_methods'][name]}" for name in METHODS]
    own, *meanings = words["methods_help"].split("\n\n")
    return "\n\n".join([own, "\n".join(lines), *meanings])


def n_cells(config: CompareConfig) -> int:
    """Cells of a comparison: a tuning cell per method and trial, a final one per method, seed and size.

    Args:
        config: What to compare.

    Returns:
        Their number.
    """
    return len(config.methods) * (config.n_trials + len(config.seeds) * len(config.compressions))


def estimate_s(config: CompareConfig, result: SearchResult) -> float:
    """A rough duration, from how long the run's plain epochs took.

    Args:
        config: What to compare.
        result: The run's search; its warm epochs move weights only, as a training does.

    Returns:
        Seconds: every method trains once per size, and all but uniform first make a proposal that costs two trainings.
    """
    warm = [e.seconds for e in result.history if e.phase.startswith("warm")]
    per_epoch = statistics.median(warm or [e.seconds for e in result.history] or [0.1])
    per_round = len(config.methods) * len(config.compressions) + _PROPOSAL * (len(config.methods) - 1)
    return _SAFETY * _TYPICAL_EPOCHS * per_epoch * per_round * (config.n_trials + len(config.seeds))


def _estimate(config: CompareConfig, cost_s: float, words: dict[str, Any]) -> str:
    counts = {
        "methods": len(config.methods), "sizes": len(config.compressions), "trials": config.n_trials,
        "seeds": len(config.seeds),
    }  # fmt: skip
    what = ", ".join(
        (words["counts"] if number != 1 else words["count_of_one"])[name].format(number=number)
        for name, number in counts.items()
    )
    return words["estimate"].format(time=roughly(cost_s), what=what)


def roughly(seconds: float) -> str:
    """An uncertain duration in words.

    Args:
        seconds: Time [s].

    Returns:
        Such as ``about 3 minutes``.
    """
    words = texts.page("compare")["roughly"]
    if seconds < 45:
        return words["seconds"]
    if seconds < 90:
        return words["minute"]
    if seconds < 5400:
        return words["minutes"].format(minutes=round(seconds / 60))
    return words["hours"].format(hours=f"{seconds / 3600:.1f}")


def _start(run: Run, config: CompareConfig) -> bool:
    own = ownership.own_run(run)
    if own is None:
        return False
    job = {"kind": "compare", "data": dataclasses.asdict(own.data), "config": dataclasses.asdict(config)}
    return desk.start({**job, "out": str(own.folder)}) is not None


def at_work(run: Run) -> bool:
    """Whether a comparison of a run waits or runs in this session."""
    seen = desk.view("compare")
    return seen is not None and seen.active and desk.writes_into(seen, run.folder)


def _watch(run: Run, pace_s: float | None) -> None:
    words = texts.page("compare")
    seen = desk.view("compare")
    if desk.pace_s(seen) != pace_s:
        st.rerun()
    if seen is None or seen.state == "finished" or not desk.writes_into(seen, run.folder):
        return
    message = escape.markdown(seen.message, 300)
    if seen.active:
        _progress(seen, words)
    elif seen.state == "failed":
        st.error(words["failed"].format(message=message), icon=":material/error:")
    else:
        st.info(words["stopped"].format(message=message), icon=":material/stop_circle:")


def _progress(seen: JobView, words: dict[str, Any]) -> None:
    cells = [e for e in seen.events if e["event"] == "cell"]
    total = cells[-1].get("n_cells", 0) if cells else 0
    if not total:
        st.progress(0.0, text=desk.progress(seen))
        return
    last = cells[-1]
    how_far = words["last_cell"].format(
        method=escape.markdown(last.get("method", ""), 30), kind=words["kinds"].get(last.get("kind"), "")
    )
    st.progress(
        min(1.0, len(cells) / total), text=words["working"].format(done=len(cells), cells=total, how_far=how_far)
    )
