"""What leaves the app in a real browser: figures as PNG, SVG and HTML, the script, the whole run and its way back."""

import json
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pytest

from dnis.runs import load_run
from tests.browser.conftest import LATE_ANSWERS, ROOT, pick, unfold

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

REPEAT = """
import runpy, sys
import numpy as np
again = runpy.run_path(sys.argv[1])
np.savez(sys.argv[2], alpha=again["result"].alpha, embeddings=again["result"].embeddings, mask=again["scheme"].mask)
"""


def idle(page):
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()


def take(page, name, folder, exact=False):
    """Click a button that downloads; returns the file."""
    with page.expect_download() as waited:
        page.get_by_role("button", name=name, exact=exact).click()
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def open_save(page, chart):
    """Open a figure's menu."""
    button = page.locator(f".st-key-save_{chart}").get_by_role("button", name="Save figure")
    unfold(button, lambda box: box.get_by_role("button", name="SVG").first)


@pytest.mark.parametrize(
    ("scheme", "background", "ink"),
    [("light", "#ffffff", "rgb(13, 18, 32)"), ("dark", "#10141d", "rgb(231, 234, 242)")],
)
def test_a_figure_is_saved_as_it_stands_in_three_formats(visit, tmp_path, scheme, background, ink):
    page = visit("/compare", color_scheme=scheme)
    chart = page.locator(".st-key-frontier .main-svg").first
    expect(chart).to_be_visible()
    idle(page)
    box = chart.bounding_box()
    open_save(page, "frontier")
    drawn = ET.parse(take(page, "SVG", tmp_path)).getroot()
    words = " ".join(drawn.itertext())
    assert "bytes as stored, index included" in words
    assert "DNIS, budget" in words
    assert drawn.find("{*}rect").get("fill") == background
    axis = next(text for text in drawn.iterfind(".//{*}text") if "".join(text.itertext()).startswith("bytes as stored"))
    assert f"fill: {ink}" in axis.get("style")
    png = take(page, "PNG", tmp_path).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (round(3 * box["width"]), round(3 * box["height"]))
    html = take(page, "HTML", tmp_path)
    other = visit("/learn")
    other.context.set_offline(True)
    other.goto(html.as_uri())
    expect(other.locator(".main-svg").first).to_be_visible()
    assert f"background: {background}" in html.read_text()


def test_a_file_is_taken_though_its_button_was_drawn_anew_in_the_moment_of_the_click(visit, server_folder, tmp_path):
    page = visit("/compare")
    page.add_init_script(LATE_ANSWERS)
    page.reload()
    expect(page.get_by_role("heading", name="Make another comparison")).to_be_attached()
    expect(page.locator(".nearness")).to_have_count(0)
    idle(page)
    every = page.get_by_role("switch", name="All columns")
    every.scroll_into_view_if_needed()
    page.evaluate("window.late = 3000")
    every.press("Space")
    page.wait_for_timeout(2_000)  # by now the server has drawn the button, and the browser does not know
    file = take(page, "Download as CSV", tmp_path, exact=True)
    assert file.read_text().startswith("label,")
    assert "MediaFileStorageError: Deferred file" in (server_folder / "log").read_text()


@pytest.mark.parametrize(
    ("page_name", "words"), [("tradeoff", ["share of values cut", "DNIS test"]), ("search", ["alpha", "most frequent"])]
)
def test_a_picture_that_lives_in_the_browser_has_its_still_figure(visit, tmp_path, page_name, words):
    page = visit(f"/{page_name}")
    idle(page)
    open_save(page, page_name)
    box = page.get_by_test_id("stPopoverBody")
    expect(box.locator(".main-svg").first).to_be_visible()
    with page.expect_download() as waited:
        box.get_by_role("button", name="SVG").first.click()
    said = " ".join(ET.parse(waited.value.path()).getroot().itertext())
    assert [word for word in words if word not in said] == []


def test_every_figure_of_a_run_can_be_chosen_on_export_and_saved(visit, tmp_path):
    page = visit("/export")
    expect(page.get_by_role("heading", name="A figure by itself")).to_be_visible()
    idle(page)
    saved = {}
    for n in range(8):
        pick(page.get_by_role("combobox", name="Figure", exact=True), n)
        chart = f"movielens-small-run_{n}"
        expect(page.locator(f".st-key-{chart} .main-svg").first).to_be_visible()
        open_save(page, chart)
        saved[n] = take(page, "SVG", tmp_path).read_text()
        page.keyboard.press("Escape")
        idle(page)
    assert len(set(saved.values())) == 8
    assert all("</svg>" in text for text in saved.values())


def test_the_exported_script_repeats_the_search_to_the_bit_and_the_zip_opens_elsewhere(visit, tmp_path):
    page = visit("/search?embedding_dim=8&epochs=4&warm_epochs=1&seed=5&batch_size=512")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url, timeout=60_000)
    page.get_by_test_id("stTopNavLink").filter(has_text="Export").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Export")
    idle(page)
    script = take(page, re.compile(r"Download [\w-]+\.py$"), tmp_path)
    whole = take(page, "Download mf-on-movielens-small.zip", tmp_path)

    # from where it was saved, in the project's folder, and with nothing set for it
    repeat, again = tmp_path / "repeat.py", tmp_path / "again.npz"
    repeat.write_text(REPEAT)
    done = subprocess.run(
        [sys.executable, repeat, script, again], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert "retrained, test: " in done.stdout
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(tmp_path)
        run = load_run(tmp_path / archive.namelist()[0].partition("/")[0])
    repeated = np.load(again)
    assert (repeated["alpha"] == run.result.alpha).all()
    assert (repeated["embeddings"] == run.result.embeddings).all()
    assert f"kept {int(repeated['mask'].sum())} of {run.result.embeddings.size} values" in done.stdout

    other = visit("/export")
    other.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(whole)
    other.get_by_role("button", name="Open it").click()
    expect(other.get_by_text("Opened. All pages now show this run.")).to_be_visible()
    other.wait_for_url(re.compile("run="))
    settings = json.loads(take(other, re.compile(r"Download [\w-]+\.json$"), tmp_path).read_text())
    assert (settings["config"]["seed"], settings["config"]["embedding_dim"]) == (5, 8)
    assert run.id not in other.url
