"""The Overview page: one sentence, a moving picture, the road, and the runs of the session."""

from __future__ import annotations

import streamlit as st

from dnis.ui import film, history, live, panels, road, session, texts


def draw() -> None:
    """Draw the page."""
    words = texts.page("overview")
    run = session.run_on_show()
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.title(words["title"])
        st.write(words["idea"])
        with st.container(horizontal=True):
            for button in words["buttons"]:
                if st.button(button["label"], icon=button["icon"], type=button["type"]):
                    st.session_state.update(button.get("preset", {}))
                    st.switch_page(button["page"])
    with right:
        moving = film.of_result(
            run.result, texts.page("player"), id=f"overview {run.folder.name}", compact=True, autoplay=True
        )
        live.player(moving, key="overview")
        st.caption(words["picture"])
    if panels.shown("road"):
        _road(words)
    if panels.shown("runs"):
        st.header(words["history"], help=words["history_about"], anchor="runs")
        history.draw()


def _road(words: dict[str, str]) -> None:
    st.header(words["road"])
    with st.grid(4, min_column_width=210):
        for step, state in road.steps():
            with st.container(border=True, height="stretch"):
                st.page_link(step["page"], label=step["title"], icon=step["icon"])
                st.caption(step["text"])
                st.text(state)
