"""Figures of the benchmarks as pictures for Markdown, drawn by a ``chromium`` on the path as the app draws them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
WIDTH = 900
"""Width of a picture [pixels]."""


def draw(figures: Mapping[str, go.Figure], folder: Path | None) -> list[Path]:
    """Write figures as PNG files.

    Args:
        figures: By file name without ending.
        folder: Where to; made if it is not there.

    Returns:
        The files, in order.
    """
    if not figures or folder is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with (
        sync_playwright() as play,
        play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS) as browser,
    ):
        page = browser.new_page(viewport={"width": WIDTH, "height": 600}, device_scale_factor=1.5)
        return [_draw(page, figure, folder / f"{name}.png") for name, figure in figures.items()]


def _draw(page: Page, figure: go.Figure, path: Path) -> Path:
    page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.locator(".js-plotly-plot").screenshot(path=path)
    return path
