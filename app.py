"""Entry of the app, and its Overview page: one sentence, a moving picture, and the road."""

import streamlit as st

from dnis.ui import film, live, session, shell, texts


def overview() -> None:
    words = texts.page("overview")
    st.title(words["title"])
    run = session.run_on_show()
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        st.write(words["idea"])
        with st.container(horizontal=True):
            for button in words["buttons"]:
                if st.button(button["label"], icon=button["icon"], type=button["type"]):
                    st.switch_page(button["page"], query_params=dict(st.query_params))
    with right:
        live.player(film.of_result(run.result, texts.page("player"), id=f"overview {run.folder.name}", compact=True, autoplay=True), key="overview")
        st.caption(words["picture"])
    st.subheader(words["road"])
    columns = st.columns(len(words["steps"]))
    for column, step in zip(columns, words["steps"], strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(step["page"], label=step["title"], icon=step["icon"])
            st.caption(step["text"])


shell.run(overview)
