"""axe-core finds no serious fault on any page, light or dark, wide or narrow, with everything opened that opens."""

import os
from pathlib import Path

import pytest

from tests.browser.conftest import unfold

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

PAGES = ("", "data", "search", "importance", "tradeoff", "compare", "export", "learn")

RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations
        .filter((fault) => ["serious", "critical"].includes(fault.impact))
        .flatMap((fault) => fault.nodes.map((node) => `${fault.id}: ${node.target.join(" ")} ${node.failureSummary}`));
}"""

OPEN = """() => document.querySelectorAll("[data-testid=stExpander] details:not([open]) > summary")
    .forEach((closed) => closed.click())"""


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, which is no part of the project."""
    path = Path(os.environ.get("DNIS_AXE", "no-such-file"))
    if not path.is_file():
        pytest.skip("DNIS_AXE names no axe.min.js; get one with: npm install axe-core, in a folder of its own")
    return path.read_text(encoding="utf-8")


def settle(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()
    page.wait_for_timeout(1500)  # charts and components draw after the script is done


def faults(page, axe):
    page.evaluate(axe)
    return page.evaluate(RUN)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault(visit, axe, scheme, width):
    page = visit("/", color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    found = {}
    for name in PAGES:
        page.goto(page.url.partition("//")[0] + "//" + page.url.split("/")[2] + f"/{name}")
        settle(page)
        page.evaluate(OPEN)
        page.wait_for_timeout(500)
        found[name] = faults(page, axe)
    assert found == {name: [] for name in PAGES}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_opens_over_a_page_has_none_either(visit, axe, scheme):
    page = visit("/compare", color_scheme=scheme)
    settle(page)
    save = page.locator(".st-key-save_frontier").get_by_role("button", name="Save figure")
    unfold(save, lambda box: box.get_by_role("button", name="SVG"))
    assert faults(page, axe) == []
    page.keyboard.press("Escape")
    link = page.get_by_role("button", name="Link to this page")
    unfold(link, lambda box: box.get_by_text("Leave out, for a class"))
    assert faults(page, axe) == []
