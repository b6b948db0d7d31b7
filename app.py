"""Entry of the app: the server imports ``app`` from here, and every visitor's page runs this file as its script."""

import streamlit as st

from dnis.ui import opening

app = st.App(__file__, lifespan=opening.lifespan)

if __name__ == "__main__":
    # not above: the components of the pages can be declared only once the server's runtime exists
    from dnis.ui import overview, shell

    shell.run(overview.draw)
