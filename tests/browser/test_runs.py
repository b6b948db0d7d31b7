"""Runs in a real browser: an ablation side by side, a stopped search taken up again, a small comparison."""

import re

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed


def to(page, name):
    page.get_by_test_id("stTopNavLink").filter(has_text=name).click()


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def moment(page):
    return page.locator(".player .moment")


def test_a_small_comparison_runs_from_the_form_to_its_verdict(visit):
    page = visit("/compare")
    expect(page.get_by_text("Estimated time on this server: about")).to_be_visible()
    for label, n_out, left in (
        ("Methods beside uniform dimensions", 2, "DNIS"),
        ("Compressions of the full table", 1, "2x"),
    ):
        box = page.get_by_test_id("stMultiSelect").filter(has_text=label)
        for _ in range(n_out):
            box.get_by_role("combobox").focus()
            page.keyboard.press("Backspace")
            page.keyboard.press("Escape")
        expect(box).to_contain_text(left)
    # one after the other: an answer to the first may come between the letters of the second and its Enter
    for label, price in (("Seeds", "2 settings tried, 1 seed."), ("Settings tried", "1 setting tried, 1 seed.")):
        number = page.get_by_label(label, exact=True)
        number.fill("1")
        number.press("Enter")
        expect(page.get_by_text(f"2 methods, 1 size each, {price}")).to_be_visible()
    button(page, "Start comparing").click()
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("heading", name="Make another comparison")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    # a copy of the bundled run, which itself is not written to
    page.wait_for_url(lambda url: "run=" in url)


def test_a_second_order_twin_stands_beside_its_first_order_run(visit):
    page = visit("/search?embedding_dim=8&epochs=3&warm_epochs=1&batch_size=4096")
    expect(moment(page)).to_contain_text("Epoch")
    button(page, "Start").click()
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url, timeout=60_000)
    first = re.search(r"run=([\w-]+)", page.url)[1]
    button(page, "Same search, second order").click()
    page.wait_for_url(lambda url: "run=" in url and first not in url and "job=" not in url, timeout=60_000)
    to(page, "Compare")
    expect(page.get_by_role("heading", name="Two runs side by side")).to_be_visible()
    names = ["MF on movielens-small, second order", "MF on movielens-small"]
    for name in names:
        expect(page.get_by_label(f"Losses of {name} by epoch.", exact=True)).to_be_visible()
        expect(page.get_by_label(f"Heatmap of alpha of {name}, popular blocks on top.", exact=True)).to_be_visible()
    expect(page.get_by_text("items are the same with")).to_be_visible()


def test_a_stopped_search_goes_on_is_renamed_deleted_and_had_back(visit):
    page = visit("/search?embedding_dim=32&batch_size=2048&epochs=200&patience=200")
    expect(moment(page)).to_contain_text("Epoch")
    button(page, "Start").click()
    expect(moment(page)).to_contain_text(re.compile(r"Epoch ([3-9]|\d\d+) of 200"), timeout=60_000)
    button(page, "Stop").click()
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url, timeout=60_000)
    run = re.search(r"run=([\w-]+)", page.url)[1]
    to(page, "Overview")
    button(page, "Rename").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("my stopped search")
    button(page, "Save the name").click()
    expect(page.get_by_role("combobox", name="Run on show")).to_have_value("my stopped search")
    expect(name).not_to_be_visible()
    button(page, "Go on").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(r"Epoch \d+ of 200"), timeout=60_000)
    button(page, "Stop").click()
    page.wait_for_url(lambda url: "job=" not in url, timeout=60_000)
    assert run in page.url
    to(page, "Overview")
    button(page, "Delete").click()
    expect(page.get_by_text("Deleted: my stopped search")).to_be_visible()
    page.wait_for_url(lambda url: run not in url)
    button(page, "Undo").click()
    page.wait_for_url(lambda url: run in url)
    expect(page.get_by_role("combobox", name="Run on show")).to_have_value("my stopped search")


def test_settings_of_a_run_move_into_the_search_page(visit):
    page = visit("/?run=movielens-small-run")
    button(page, "Use its settings").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Search")
    expect(
        page.get_by_text(
            "Next, on MovieLens latest-small: MF, 64 dimensions at most, 10 blocks, 60 epochs at most, seed 0."
        )
    ).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
