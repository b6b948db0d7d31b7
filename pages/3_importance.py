"""Importance: which dimensions count for each block, and for any single feature."""

import streamlit as st

from dnis.figures import bytes_text, percent_text
from dnis.ui import feature_panel, importance_panel, panels, session, shell, store, texts

shell.require_shell()
words = texts.page("importance")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
scheme = store.scheme_of(run, session.threshold())
st.caption(
    words["threshold"].format(
        threshold=f"{scheme.threshold:.4g}", kept=f"{scheme.n_values:,}", full=f"{scheme.mask.size:,}",
        share=percent_text(1 - scheme.sparsity, 1), size=bytes_text(store.stored_bytes(run, session.threshold())),
    )
)  # fmt: skip

chosen = feature_panel.on_show(run)
shown = [feature for feature in chosen.values() if feature is not None]
importance_panel.picture(run, scheme, shown)
for place, key in zip(st.columns(2, gap="large"), feature_panel.KEYS, strict=True):
    with place:
        feature_panel.find(run, key)
        feature = chosen[key]
        if feature is not None:
            feature_panel.draw(run, scheme, feature, feature_panel.reach(run, shown), key)
if panels.shown("everyone"):
    importance_panel.everyone(run, scheme, shown)
