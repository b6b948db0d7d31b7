"""Importance: which dimensions count for each block, and for any single feature."""

import streamlit as st

from dnis.figures import bytes_text
from dnis.pruning import prune
from dnis.ui import feature_panel, importance_panel, session, shell, texts

shell.require_shell()
words = texts.page("importance")
st.title(words["title"])
st.write(words["lead"])

run = session.current_run()
scheme = prune(run.result, threshold=session.threshold())
st.caption(
    words["threshold"].format(
        threshold=f"{scheme.threshold:.4g}", kept=f"{scheme.n_values:,}", full=f"{scheme.mask.size:,}",
        share=f"{1 - scheme.sparsity:.1%}", size=bytes_text(scheme.n_bytes),
    )
)  # fmt: skip

above, card = st.columns([5, 2], gap="large")
left, right = st.columns(2, gap="large")
with left:
    feature = feature_panel.choose(run, words["find"], "feature")
with right:
    other = feature_panel.choose(run, words["and_with"], "other", optional=True)
shown = [f for f in (feature, other) if f is not None]

with above:
    importance_panel.picture(run, scheme)
if feature is not None:
    with card:
        importance_panel.cell_card(run, scheme, feature)
for place, chosen, key in ((left, feature, "one"), (right, other, "two")):
    if chosen is not None:
        with place:
            feature_panel.draw(run, scheme, chosen, feature_panel.reach(run, shown), key)
importance_panel.everyone(run, scheme, shown)
