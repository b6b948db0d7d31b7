"""Data page."""

import streamlit as st

from dnis.ui import shell

shell.require_shell()
st.title("Data")
