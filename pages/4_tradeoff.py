"""Trade-off: one slider over the measured curve, and points that are trained again."""

import streamlit as st

from dnis.ui import panels, retrain_panel, session, shell, texts

shell.require_shell()
words = texts.page("tradeoff")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
if run.sweep is None:
    st.info(words["no_sweep"], icon=":material/info:")
    st.stop()

retrain_panel.slider(run)
if panels.shown("points"):
    retrain_panel.controls(run)
    st.header(words["points"])
    st.caption(words["points_about"])
    retrain_panel.points(run)
