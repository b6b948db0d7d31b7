"""Importance in a real browser: cells that explain themselves, features found while typing, also among 100,000."""

import re

import numpy as np
import pytest

from benchmarks import large_run
from dnis.pruning import prune
from dnis.runs import load_run
from dnis.ui import store
from tests.browser.conftest import ROOT, unfold

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

N_FEATURES = 100_000


@pytest.fixture(scope="module")
def large(server, server_folder):
    """A run over 100,000 features, put where the server finds it."""
    run = large_run.write(server_folder / "runs" / "large-run", N_FEATURES)
    assert run.vocabulary.n_features == N_FEATURES
    return run


@pytest.fixture(scope="module")
def bundled():
    return load_run(ROOT / "sample_data" / store.BUNDLED)


def box(page, name):
    return page.get_by_role("combobox", name=name, exact=True)


def card(page):
    return page.locator(".cells .told")


def test_a_click_on_a_cell_puts_its_numbers_into_the_formula_without_asking_the_server(visit, bundled):
    page = visit("/importance")
    canvas = page.locator(".cells .field canvas")
    expect(canvas).to_be_visible()
    # all that is drawn when it is near has asked for it
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(2)
    page.wait_for_timeout(1500)
    visit.sent.clear()
    place = canvas.bounding_box()
    n_blocks, width = bundled.result.alpha.shape
    block, dimension = 4, 34
    page.mouse.click(
        place["x"] + (dimension + 0.5) / width * place["width"], place["y"] + (block + 0.5) / n_blocks * place["height"]
    )
    expect(page.get_by_label("Block", exact=True)).to_have_value(str(block))
    expect(page.get_by_label("Dimension", exact=True)).to_have_value(str(dimension))
    result = bundled.result
    shown = next(
        i for i in range(bundled.vocabulary.n_features) if bundled.vocabulary.label(i) == "Forrest Gump (1994)"
    )
    inside = np.flatnonzero(result.block_of == block)
    feature = inside[np.argmax(result.counts[inside])]
    scheme = prune(result, threshold=float(np.quantile(np.abs(result.weighted), 0.5)))
    e, product = result.embeddings[feature, dimension], result.weighted[feature, dimension]
    expect(card(page)).to_contain_text(bundled.vocabulary.label(int(feature)))
    for number in (f"{result.alpha[block, dimension]:.3f}", f"{abs(e):.4f}", f"{abs(product):.4f}"):
        expect(card(page)).to_contain_text(number)
    expect(card(page)).to_contain_text(f"{scheme.threshold:.4f}")
    kept = scheme.mask[feature, dimension]
    expect(card(page)).to_contain_text(f"The threshold {'keeps' if kept else 'cuts'} this entry.")
    expect(card(page)).to_contain_text(f"{scheme.mask[inside, dimension].sum()} of {len(inside)} features")
    expect(card(page)).to_contain_text("An example: the most frequent feature of this block.")
    # the row of the cell is marked, no longer that of the feature on show
    expect(page.locator(".cells .rows .here")).to_have_text(str(block))
    page.get_by_label("Block", exact=True).fill(str(result.block_of[shown]))
    page.get_by_label("Block", exact=True).press("Enter")
    expect(card(page)).to_contain_text("Forrest Gump (1994)")
    expect(card(page)).not_to_contain_text("An example")
    expect(page.locator(".cells .rows .here")).to_contain_text(str(result.block_of[shown]))
    assert visit.sent == []


def test_cells_are_chosen_by_keyboard_and_columns_sorted_by_the_chosen_block(visit, bundled):
    page = visit("/importance")
    canvas = page.locator(".cells .field canvas")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Block", exact=True)).to_have_value("1")
    page.get_by_text("by this block", exact=True).click()
    for _ in range(bundled.result.alpha.shape[1]):
        canvas.press("ArrowLeft")
    # the leftmost column is now the block's largest alpha; equal ones stay as trained
    expect(page.get_by_label("Dimension", exact=True)).to_have_value(str(int(np.argmax(bundled.result.alpha[1]))))


def test_two_features_stand_side_by_side_with_their_neighbours(visit):
    page = visit("/importance")
    second = box(page, "Compare with")
    expect(second).to_be_visible()
    second.fill("matrix, the")
    expect(page.get_by_role("option", name=re.compile("Matrix, The"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(second).to_have_value("Matrix, The (1999)")
    expect(card(page)).to_contain_text("Forrest Gump (1994)")
    expect(page.get_by_text("item_id 2571", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ of 10 neighbours stay"))).to_have_count(2)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3)
    page.get_by_role("button", name="Take the choice back").click()
    expect(page.get_by_text(re.compile(r"^\d+ of 10 neighbours stay"))).to_have_count(1)
    expect(second).to_have_value("")


def test_the_address_opens_the_page_with_both_features_and_other_pages_do_without_them(visit):
    page = visit("/importance")
    box(page, "Compare with").fill("matrix, the")
    expect(page.get_by_role("option", name=re.compile("Matrix, The"))).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"[?&]other=\d+"))
    page.locator(".cells").get_by_text("share kept", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]map=kept"))
    there = visit(page.url[page.url.index("/importance") :])
    expect(box(there, "Compare with")).to_have_value("Matrix, The (1999)")
    expect(box(there, "A feature")).to_have_value("Forrest Gump (1994)")
    expect(there.get_by_role("radio", name="share kept")).to_be_checked()
    expect(there.locator(".cells .legend")).to_contain_text("share kept")
    box(there, "A feature").fill("toy story (1995)")
    expect(there.get_by_role("option").first).to_contain_text("Toy Story (1995)")
    there.keyboard.press("Enter")
    there.wait_for_url(re.compile(r"[?&]feature=\d+"))
    link = unfold(there.get_by_role("button", name="Link to this page"), lambda box: box.get_by_test_id("stCode"))
    expect(link.get_by_test_id("stCode")).to_contain_text("feature=")
    there.keyboard.press("Escape")
    there.get_by_test_id("stTopNavLink").filter(has_text="Learn").click()
    expect(there.get_by_role("heading", level=1)).to_contain_text("Learn")
    there.wait_for_url(lambda url: "feature=" not in url and "map=" not in url)
    there.get_by_test_id("stTopNavLink").filter(has_text="Importance").click()
    expect(box(there, "A feature")).to_have_value("Toy Story (1995)")
    there.wait_for_url(re.compile(r"[?&]feature=\d+"))


def test_the_list_is_walked_by_arrows_and_left_by_escape(visit):
    page = visit("/importance")
    first = box(page, "A feature")
    expect(first).to_have_value("Forrest Gump (1994)")
    first.fill("toy story")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("Toy Story (1995)")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(first).to_have_value("Forrest Gump (1994)")


def test_the_cell_on_show_follows_the_feature_on_show(visit, bundled):
    page = visit("/importance")
    expect(card(page)).to_contain_text("Forrest Gump (1994)")
    feature = int(np.flatnonzero(bundled.result.block_of == len(bundled.result.alpha) - 1)[-1])
    rare = bundled.vocabulary.label(feature)
    box(page, "A feature").fill(rare)
    expect(page.get_by_role("option").first).to_contain_text(rare)
    page.keyboard.press("Enter")
    expect(card(page)).to_contain_text(rare)
    expect(page.get_by_label("Block", exact=True)).to_have_value(str(bundled.result.block_of[feature]))


def test_a_feature_among_100_000_is_found_by_title_and_by_raw_id(visit, large):
    raw, title = list(large_run.some_features(large).items())[4]
    page = visit("/importance?run=large-run")
    first = box(page, "A feature")
    first.fill(title.lower())
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text(f"item_id {raw}")
    first.fill(raw)
    expect(page.get_by_role("option").first).to_contain_text(title)
    page.keyboard.press("Enter")
    expect(first).to_have_value(title)
    expect(page.get_by_text(f"item_id {raw}", exact=True)).to_be_visible()
    expect(card(page)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_fast_typing_ends_with_the_answer_to_the_last_letter(visit, large):
    raw, title = list(large_run.some_features(large).items())[3]
    page = visit("/importance?run=large-run")
    first = box(page, "A feature")
    first.click()
    page.keyboard.type(title, delay=5)
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text(f"item_id {raw}")
