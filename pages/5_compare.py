"""Compare: verdict, frontier, differences and table; make a comparison; two runs side by side; one user's ten."""

import streamlit as st

from dnis.ui import (
    comparison_form,
    comparison_panel,
    panels,
    recommendation_panel,
    run_pair,
    session,
    shell,
    texts,
)

shell.require_shell()
words = texts.page("compare")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
comparison = comparison_panel.found(run)
if comparison is not None:
    comparison_panel.draw(comparison, run)
elif not comparison_form.at_work(run):
    st.info(words["none"], icon=":material/balance:")

if panels.shown("form"):
    comparison_form.draw(run, again=comparison is not None)
if panels.shown("pair"):
    run_pair.draw(run)
if panels.shown("ten"):
    recommendation_panel.draw(run)
