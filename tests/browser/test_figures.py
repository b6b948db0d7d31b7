"""What Plotly makes of the figures: its buttons, which a touch screen always shows, lie on nothing."""

from itertools import pairwise

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

COVERED = """plot => {
    const boxes = (what) => [...plot.querySelectorAll(what)].map((node) => node.getBoundingClientRect());
    const [bar] = boxes(".modebar");
    return boxes(".legendtext, .legendpoints, .xtick text, .ytick text, .annotation-text, .nsewdrag").filter(
        (r) => r.width && r.right > bar.left && r.left < bar.right && r.bottom > bar.top && r.top < bar.bottom
    ).length;
}"""


DRAWINGS = """window.drawings = {};
new MutationObserver((records) => {
    const now = {};
    for (const { target } of records) {
        const plot = target.closest?.(".js-plotly-plot")?.closest("[class*=st-key-]");
        if (plot) now[plot.className] = (now[plot.className] ?? 0) + 1;
    }
    // a frame and its size are a handful of changes, axes and marks are hundreds
    for (const [name, n] of Object.entries(now)) if (n > 100) drawings[name] = (drawings[name] ?? 0) + 1;
}).observe(document, { subtree: true, childList: true, attributes: true });"""


@pytest.mark.parametrize("path", ["/data", "/compare", "/importance"])
def test_a_figure_is_drawn_once(visit, path):
    """Streamlit hands each to Plotly twice; the second time nothing must seem to have changed."""
    page = visit(path)
    page.add_init_script(DRAWINGS)
    counts = []
    while len(counts) < 3 and counts[-1:] != [[1, 1]]:  # scripts and fonts of a first visit may come in between
        page.reload()
        expect(page.locator(".nearness")).to_have_count(0)
        expect(page.locator(".js-plotly-plot:has(.main-svg)")).to_have_count(2)
        page.wait_for_timeout(500)
        counts.append(list(page.evaluate("drawings").values()))
    assert counts[-1] == [1, 1]


@pytest.mark.parametrize(
    ("path", "chart"),
    [("/data", "role_strip"), ("/data", "long_tail"), ("/compare", "frontier"), ("/importance", "dims_by_popularity")],
)
def test_the_buttons_of_a_figure_cover_nothing_on_a_touch_screen(visit, path, chart):
    page = visit(path, viewport={"width": 1280, "height": 1000}, has_touch=True)
    plot = page.locator(f".st-key-{chart} .js-plotly-plot")
    plot.scroll_into_view_if_needed()
    expect(plot.locator(".modebar-btn").first).to_be_visible()
    assert plot.evaluate(COVERED) == 0


def test_a_mouse_finds_the_buttons_of_a_figure_by_pointing_at_it(visit):
    page = visit("/data")
    plot = page.locator(".st-key-long_tail .js-plotly-plot")
    group = plot.locator(".modebar-group").first
    expect(group).to_have_css("opacity", "0")
    plot.hover()
    expect(group).to_have_css("opacity", "1")


def test_dates_stand_level_and_apart_on_a_narrow_screen(visit):
    page = visit("/data", viewport={"width": 390, "height": 1000})
    ticks = page.locator(".st-key-role_strip .xtick text")
    expect(ticks.first).to_be_visible()
    boxes = sorted((tick.bounding_box() for tick in ticks.all()), key=lambda box: box["x"])
    assert len(boxes) > 1
    assert all(a["x"] + a["width"] < b["x"] for a, b in pairwise(boxes))
    assert max(box["height"] for box in boxes) < 20
