"""Data: a sample or one's own file, what its columns are, its long tail, and the four roles."""

from dataclasses import replace

import streamlit as st

from dnis.settings import DataSpec
from dnis.ui import core_panel, data_panel, role_mapper, session, shell, texts, uploads

shell.require_shell()
words = texts.page("data")
st.title(words["title"])
st.write(words["lead"])

used = session.current_data()
origin, about = st.columns([2, 3], gap="large")
with origin:
    source, columns = uploads.choose(used)
if source is None:
    st.stop()
if not source.startswith("sample:"):
    columns = role_mapper.draw(source, used)
    if columns is None:
        st.stop()

spec = replace(used, columns=columns, core=0) if source == used.source else DataSpec(source, columns)
whole = data_panel.interactions_or_error(spec)
if whole is None:
    st.stop()

with origin:
    data, spec = core_panel.draw(whole, spec, used)
if data is None:
    st.stop()
with about:
    st.header(words["facts"])
    data_panel.facts(data, spec)
left, right = st.columns(2, gap="large")
with right:
    st.header(words["split"], help=words["split_about"])
    spec = data_panel.split_choice(data, spec)
split = data_panel.split_or_error(spec)
if split is None:
    st.stop()
with right:
    st.fragment(data_panel.roles)(split, spec)
with left:
    st.header(words["tail"])
    data_panel.tail(split, spec)

if spec == used:
    st.success(words["in_use"], icon=":material/check_circle:")
    st.page_link("pages/2_search.py", label=words["next"], icon=":material/play_circle:")
else:
    st.button(words["use"], type="primary", icon=":material/check:", on_click=data_panel.use, args=(spec,))
