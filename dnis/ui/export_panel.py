"""What can be taken along, each with a sample of its content; files are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dnis import exports, figures, recipes
from dnis.ui import charts, comparison_panel, environment, later, texts

if TYPE_CHECKING:
    from dnis.runs import Run
    from dnis.schemes import DimensionScheme

N_ROWS = 5
"""Rows of a table that its sample shows."""

N_LINES = 12
"""Lines of a text that its sample shows."""

N_VALUES = 5
"""Values of a vector that its sample shows."""

_FIGURE_PX, _CARD_PX = 460, 380


@dataclass(frozen=True, slots=True)
class Offer:
    """One file: its key in the texts, its name, its kind, and how its bytes are made."""

    key: str
    file_name: str
    mime: str
    make: Callable[[], bytes]
    sample: Callable[[], None]


def offers(run: Run, scheme: DimensionScheme) -> list[Offer]:
    """Everything that can be taken along.

    Args:
        run: The run on show.
        scheme: Which dimensions stay.

    Returns:
        Offers in the order of the page.
    """
    name, cut = recipes.file_stem(run), float(scheme.threshold or 0.0)
    return [
        Offer("scheme", f"{name}-scheme.csv", "text/csv",
              lambda: exports.csv_bytes(exports.scheme_frame(run, scheme)), lambda: _rows(run, scheme)),
        Offer("packed", f"{name}-packed.zip", "application/zip",
              lambda: exports.packed_zip(run, scheme), lambda: _packed(scheme)),
        Offer("npz", f"{name}.npz", "application/octet-stream",
              lambda: exports.npz_bytes(exports.npz_arrays(run, scheme)), lambda: _arrays(run, scheme)),
        Offer("projector", f"{name}-projector.zip", "application/zip",
              lambda: exports.projector_zip(run, scheme), lambda: _projector(run, scheme)),
        Offer("script", f"{name}.py", "text/x-python",
              lambda: recipes.script(run, cut).encode(), lambda: _text(recipes.script(run, cut))),
        Offer("command", f"{name}.sh", "text/x-sh",
              lambda: recipes.command(run, cut).encode(), lambda: _text(recipes.command(run, cut))),
        Offer("settings", f"{name}.json", "application/json",
              lambda: recipes.settings_json(run, cut).encode(), lambda: _text(recipes.settings_json(run, cut))),
        Offer("figures", f"{name}-figures.html", "text/html",
              lambda: figures.gallery(run, scheme, _comparison(run)).encode(), _figures),
        Offer("run", f"{name}.zip", "application/zip", lambda: exports.run_zip(run.folder), lambda: _files(run)),
    ]  # fmt: skip


def draw(run: Run, scheme: DimensionScheme) -> None:
    """All files, two beside each other.

    Args:
        run: The run on show.
        scheme: Which dimensions stay.
    """
    offered = offers(run, scheme)
    for first in range(0, len(offered), 2):
        for column, offer in zip(st.columns(2), offered[first : first + 2], strict=False):
            with column, st.container(border=True, height="stretch"):
                st.fragment(_card)(offer, at_once=not first)


def _card(offer: Offer, at_once: bool) -> None:
    """One file with its sample and its button."""
    if not (at_once or later.reached(f"offer_{offer.key}", _CARD_PX)):
        return
    words = texts.page("export")
    about = words["offers"][offer.key]
    st.markdown(f"**{about['title']}**")
    st.caption(about["about"].format(limit=environment.read().max_upload_bytes // 1_000_000))
    offer.sample()
    # a callable: the file is made on the click, off the page's thread, and nothing waits in memory
    st.download_button(
        words["download"].format(what=offer.file_name), offer.make, offer.file_name, offer.mime,
        key=f"take_{offer.key}", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def figure(run: Run, scheme: DimensionScheme) -> None:
    """One figure of the run, chosen from all, on show and to be saved as PNG, SVG or HTML.

    Args:
        run: The run on show.
        scheme: Which dimensions stay.
    """
    st.fragment(_figure)(run, scheme)


def _figure(run: Run, scheme: DimensionScheme) -> None:
    if not later.reached("figure", _FIGURE_PX):
        return
    words = texts.page("export")
    makers = figures.makers_of(run, scheme, _comparison(run), charts.is_dark())
    heading = st.selectbox(words["figure"], list(makers), key="figure_to_save", persist_state="session")
    charts.show(makers[heading](), key=f"{run.id}_{list(makers).index(heading)}", alt=heading)


def _comparison(run: Run) -> dict[str, Any] | None:
    try:
        return comparison_panel.read(run)
    except (ValueError, OSError):
        return None  # Compare says what is wrong with it


def _rows(run: Run, scheme: DimensionScheme) -> None:
    sample = exports.safe_frame(exports.scheme_frame(run, scheme, N_ROWS))
    st.dataframe(sample, hide_index=True, alt=texts.page("export")["sample_alt"])


def _packed(scheme: DimensionScheme) -> None:
    words = texts.page("export")
    sizes = sorted(scheme.bytes_by_layout.items(), key=lambda item: item[1])
    st.code(words["loader_use"].strip(), language=None, wrap_lines=True)
    st.caption(words["layouts"].format(sizes=", ".join(f"{n} {figures.bytes_text(b)}" for n, b in sizes)))
    st.caption(words["pruned"])


def _arrays(run: Run, scheme: DimensionScheme) -> None:
    arrays = exports.npz_arrays(run, scheme).items()
    st.caption(texts.page("export")["arrays"])
    listed = "\n".join(f"{name:<18}{values.dtype!s:<9}{values.shape}" for name, values in arrays)
    st.code(listed, language=None, wrap_lines=True)


def _projector(run: Run, scheme: DimensionScheme) -> None:
    words = texts.page("export")
    vectors, metadata = exports.projector_texts(run, scheme, 3)
    st.caption(words["vectors"])
    shown = ["  ".join(line.split("\t")[:N_VALUES]) + "  …" for line in vectors.splitlines()]
    st.code("\n".join(shown), language=None, wrap_lines=True)
    st.caption(words["metadata"])
    st.code(metadata.strip(), language=None, wrap_lines=True)


def _text(text: str) -> None:
    lines = text.strip().splitlines()
    shown = lines[:N_LINES] + (["…"] if len(lines) > N_LINES else [])
    # no language: Streamlit's colours for code are too faint for small letters on a light page
    st.code("\n".join(shown), language=None, wrap_lines=True)


def _figures() -> None:
    st.caption(texts.page("export")["figures_of"])


def _files(run: Run) -> None:
    st.caption(texts.page("export")["files"])
    sizes = [(path.name, figures.bytes_text(path.stat().st_size)) for path in exports.run_files(run.folder)]
    width = max(len(name) for name, _ in sizes) + 2
    listed = "\n".join(f"{name:<{width}}{size:>8}" for name, size in sizes)
    st.code(listed, language=None, wrap_lines=True)
