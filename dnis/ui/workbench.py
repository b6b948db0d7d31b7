"""The sidebar: data in use, runs, the queue, and a link that opens the same again."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dnis.ui import desk, escape, panels, session, share, texts

_TICKS, _TURNS = "_ticks_without_a_job", "_runs_chosen"

PATIENCE_TICKS = 1
"""Ticks that the sidebar leaves to the page, after the last job has ended, before it starts the page again itself."""


def draw(page: str) -> Callable[[], None]:
    """Draw the sidebar; while a job is under way it looks after it, on whatever page the visitor is.

    Args:
        page: Address of the page on show, such as ``search``.

    Returns:
        What writes the link anew, once the page has said what belongs into its address.
    """
    words = texts.page("shell")
    write_link: Callable[[], None] | None = None
    if panels.shown("sidebar"):
        with st.sidebar:
            _data(words)
            _runs(words)
            write_link = share.draw(page)
    under_way = bool(desk.active())
    st.session_state[_TICKS] = 0
    # half as often as the page that shows the job: thirty sessions that ask are a good part of what a server does
    st.fragment(_queue, run_every=2.0 if under_way else None)(under_way)
    return write_link or (lambda: None)


def _data(words: dict[str, str]) -> None:
    st.caption(words["data"])
    st.text(escape.plain(data_name(session.current_data().source)))


def data_name(source: str) -> str:
    """What a data source is called on screen.

    Args:
        source: ``sample:NAME`` or a path.

    Returns:
        The sample's title or the file's name.
    """
    words = texts.page("shell")
    kind, _, name = source.rpartition(":")
    if kind == "sample":
        return words["samples"].get(name, name)
    return source.rpartition("/")[2]


def _runs(words: dict[str, str]) -> None:
    # asked for once: a run that is being written can be found at one moment and not at the next
    on_show = session.run_on_show()
    names, current = distinct_names([*session.session_runs(), on_show]), on_show.folder.name
    # No callback here: a late tick of a page's timer still carries the value from before a search ended, and Streamlit
    # would take it for a choice. One key per run on show and choice, for the same reason: Back must not find the choice
    # that led away from where it leads.
    turns = st.session_state.setdefault(_TURNS, 0)
    chosen = st.selectbox(
        words["run"],
        list(names),
        list(names).index(current),
        format_func=names.__getitem__,
        key=f"run_on_show_{current}_{names[current]}_{turns}",
        help=words["run_help"],
    )
    if chosen != current:
        st.session_state[_TURNS] = turns + 1
        desk.show(chosen)
        st.rerun()


def distinct_names(runs: list[session.Run]) -> dict[str, str]:
    """Names with the beginning of the id where two are alike: a selectbox tells its options apart by what they show.

    Args:
        runs: The runs; one that is there twice counts once.

    Returns:
        Name by the run's folder name.
    """
    names = {run.folder.name: run_name(run) for run in runs}
    alike = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {run_id: f"{name} · {run_id[:4]}" if name in alike else name for run_id, name in names.items()}


def run_name(run: session.Run) -> str:
    """What a run is called on screen; literal text, not Markdown."""
    config = run.result.config
    return escape.plain(run.name or f"{config.model} K={config.embedding_dim}, seed {config.seed}")


def _queue(was_under_way: bool) -> None:
    words = texts.page("shell")
    under_way = desk.active()
    with st.sidebar:
        for seen in under_way if panels.shown("sidebar") else ():
            st.caption(words["kinds"][seen.kind])
            st.text(desk.progress(seen))
    if was_under_way and not under_way:
        _settle()


def _settle() -> None:
    """Start the page again some ticks after the last job, when the page's own fragment has surely had its turn.

    Fragments of one tick run one after the other in one go. Starting the page again here would end that go, and what
    the page's fragment has not drawn yet would be taken out of the page for a moment.
    """
    st.session_state[_TICKS] += 1
    if st.session_state[_TICKS] > PATIENCE_TICKS:
        st.rerun()
