"""The Streamlit seam: the only part of the package, beside the pages, that knows a screen."""
