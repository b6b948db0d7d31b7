"""Export: every file with a sample of its content, and a run opened from a file."""

import streamlit as st

from dnis.figures import bytes_text
from dnis.ui import export_panel, panels, run_import, session, shell, store, texts

shell.require_shell()
words = texts.page("export")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
scheme = store.scheme_of(run, session.threshold())
st.caption(
    words["threshold"].format(
        threshold=f"{scheme.threshold:.4g}", kept=f"{scheme.n_values:,}", full=f"{scheme.mask.size:,}",
        size=bytes_text(store.stored_bytes(run, session.threshold())),
    )
)  # fmt: skip

export_panel.draw(run, scheme)

st.header(words["figures"], anchor="figures")
export_panel.figure(run, scheme)

if panels.shown("import"):
    st.header(words["import_title"])
    run_import.draw()
