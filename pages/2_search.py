"""Search: settings on the left, the search itself on the right, live or played again."""

import streamlit as st

from dnis.ui import escape, panels, search_panel, session, settings_form, shell, texts, twins

shell.require_shell()
words = texts.page("search")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
data = session.current_data()
interactions = session.current_interactions()

left, right = panels.beside("settings", [2, 5])
config = None
with left:
    st.header(words["settings"], help=words["settings_apply"])
    try:
        config, data = settings_form.draw(interactions, data)
    except ValueError as error:
        st.error(words["bad_setting"].format(message=escape.markdown(error, 300)), icon=":material/error:")

with right:
    search_panel.draw(config, data)
    for warning in run.result.warnings:
        st.warning(words["warning"].format(message=escape.markdown(warning, 300)), icon=":material/warning:")
    with st.container(horizontal=True):
        st.page_link("pages/4_tradeoff.py", label=words["next"], icon=":material/tune:")
        st.page_link("pages/3_importance.py", label=words["look"], icon=":material/grid_on:")
    if panels.shown("twins"):
        twins.draw(run)
