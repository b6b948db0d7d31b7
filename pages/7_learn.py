"""Learn: the method in six steps with live miniatures, and the glossary."""

import streamlit as st

from dnis.ui import lessons, shell, texts

shell.require_shell()
words = texts.page("learn")
st.title(words["title"])
st.write(words["lead"])

for step in lessons.STEPS:
    # a fragment each: a turned knob redraws its own step and no other
    st.fragment(step)()

st.header(words["glossary"], anchor="glossary")
with st.expander(words["words"]):
    for word, meaning in texts.glossary().items():
        st.markdown(f"**{word.replace('_', ' ')}**: {meaning}")
st.caption(words["sources"])
