"""Learn: the method in seven steps with live miniatures, and the glossary."""

import streamlit as st

from dnis.ui import glossary, lessons, panels, shell, texts

shell.require_shell()
words = texts.page("learn")
st.title(words["title"])
st.write(words["lead"])

for number, step in enumerate(lessons.STEPS):
    if panels.shown(step.__name__):
        # a fragment each: a turned knob redraws its own step and no other
        st.fragment(lessons.draw)(number)

if panels.shown("glossary"):
    st.header(words["glossary"], anchor="glossary")
    st.fragment(glossary.draw)()
st.caption(words["sources"])
