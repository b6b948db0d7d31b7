"""A link handed out opens in another browser as it was made: settings, seed and knobs in it, some panels left out."""

import re
import shutil

import pytest

from tests.browser.conftest import ROOT, pick, unfold

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed


def link_of(page, *left_out):
    """The link to the page on show, as the sidebar's button gives it, without the named panels."""
    share = unfold(page.get_by_role("button", name="Link to this page"), lambda box: box.get_by_role("combobox"))
    code = share.get_by_test_id("stCode")
    for n, label in enumerate(left_out):
        share.get_by_role("combobox").fill(label)
        page.get_by_role("option", name=label).click()
        expect(code).to_contain_text(re.compile(r"hide=[a-z]+" + r",[a-z]+" * n + r"\s*$"))
    address = code.inner_text()
    page.keyboard.press("Escape")
    return re.sub(r"\s", "", address)


def path_of(address):
    return re.sub(r"^https?://[^/]+", "", address)


def test_a_teachers_link_opens_a_search_with_its_settings_and_without_what_was_left_out(visit):
    page = visit("/search?embedding_dim=8&epochs=4&warm_epochs=1&batch_size=2048")
    expect(page.get_by_text(re.compile("Next, on .*: MF, 8 dimensions"))).to_be_visible()
    page.get_by_text("Use of the data", exact=True).click()
    seed = page.get_by_label("Seed of the search", exact=True)
    seed.fill("7")
    seed.press("Enter")
    expect(page.get_by_text("4 epochs at most, seed 7.")).to_be_visible()
    address = link_of(page, "Search: the settings", "the sidebar", "page Export")
    assert "seed=7" in address
    assert "embedding_dim=8" in address

    other = visit(path_of(address))
    expect(other.get_by_role("heading", level=1)).to_contain_text("Search")
    expect(other.get_by_test_id("stTopNavLink")).to_have_count(7)
    expect(other.get_by_test_id("stTopNavLink").filter(has_text="Export")).to_have_count(0)
    expect(other.get_by_test_id("stSidebar")).to_have_count(0)
    expect(other.get_by_text("seed 7.")).not_to_be_visible()
    other.get_by_role("button", name="Start", exact=True).click()
    expect(other.locator(".player .moment")).to_contain_text("Epoch 4 of 4", timeout=60_000)
    other.wait_for_url(lambda url: "run=" in url and "job=" not in url)
    assert "hide=" in other.url
    other.get_by_test_id("stTopNavLink").filter(has_text="Learn").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("Learn")
    assert "hide=" in other.url

    other.get_by_role("button", name="Show everything").click()
    expect(other.get_by_test_id("stTopNavLink")).to_have_count(8)
    expect(other.get_by_test_id("stSidebar")).to_be_visible()
    other.get_by_test_id("stTopNavLink").filter(has_text="Search").click()
    expect(
        other.get_by_text(
            "Next, on MovieLens latest-small: MF, 8 dimensions at most, 10 blocks, 4 epochs at most, seed 7."
        )
    ).to_be_visible()
    assert "hide=" not in other.url


def test_a_turned_knob_of_a_lesson_is_in_the_link(visit):
    page = visit("/learn")
    knob = page.get_by_role("slider", name="Blocks")
    knob.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile("N = 1,000, K = 8, L = 7"))).to_be_visible()
    other = visit(path_of(link_of(page, "Learn: step 1")))
    expect(other.get_by_text(re.compile("N = 1,000, K = 8, L = 7"))).to_be_visible()
    expect(other.get_by_role("heading", level=2).first).to_contain_text("2.")


def test_a_page_opens_at_the_click_that_closes_an_open_box_and_its_address_is_its_own(visit):
    page = visit("/importance?feature=3")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Importance")
    expect(page.locator(".cells .legend")).to_be_visible()
    for name in ("Learn", "Importance"):
        unfold(page.get_by_role("button", name="Link to this page"), lambda box: box.get_by_test_id("stCode"))
        page.get_by_test_id("stTopNavLink").filter(has_text=name).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name, timeout=15_000)
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
        expect(page).to_have_url(re.compile("feature=3" if name == "Importance" else r"learn(?!.*feature)"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Learn")


def test_that_click_is_heard_on_a_page_that_came_first_and_draws_nothing_live(visit):
    page = visit("/data")
    unfold(page.get_by_role("button", name="Link to this page"), lambda box: box.get_by_test_id("stCode"))
    page.get_by_test_id("stTopNavLink").filter(has_text="Learn").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Learn", timeout=15_000)


def test_back_leads_to_the_page_before_whatever_was_said_in_the_address_since(visit):
    page = visit("/learn")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Learn")
    page.get_by_test_id("stTopNavLink").filter(has_text="Trade-off").click()
    for key in ("Home", "PageUp", "End"):
        before = page.url
        page.get_by_role("slider").press(key)
        page.wait_for_url(lambda url, before=before: "threshold=" in url and url != before)
    page.get_by_test_id("stTopNavLink").filter(has_text="Importance").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Importance")
    page.wait_for_url(re.compile("threshold="))
    for name in ("Trade-off", "Learn"):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def expect_on_show(page, ending):
    """Wait until the run of that folder is the one chosen; for a moment the choice before stands beside it."""
    shown = page.get_by_role("combobox", name="Run on show")
    expect(page.locator(f'input[aria-label="Run on show"][value$="{ending}"]').first).to_be_visible()
    expect(shown).to_have_count(1)
    expect(shown).to_have_value(re.compile(f"{ending}$"))


def test_back_leads_to_the_run_before_with_its_own_cut(visit, server_folder):
    runs = server_folder / "runs"
    shutil.copytree(ROOT / "sample_data" / "movielens-small-run", runs / "anothers-run")
    page = visit("/tradeoff?run=anothers-run")
    page.get_by_role("slider").press("End")
    page.wait_for_url(re.compile("threshold="))
    cut = re.search("threshold=[^&]+", page.url)[0]
    pick(page.get_by_role("combobox", name="Run on show"), 1)
    page.wait_for_url(lambda url: "run=movielens-small-run" in url and cut not in url)
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()
    expect_on_show(page, "movi")
    page.go_back()
    page.wait_for_url(lambda url: "run=anothers-run" in url and cut in url)
    expect(page.locator(".cut .facts")).to_contain_text("Kept")
    expect_on_show(page, "anot")


LOST = """
document.addEventListener("click", (event) => {
  if (!event.isTrusted) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true })
"""


def test_a_page_that_does_not_come_is_asked_for_again(visit):
    page = visit("/data")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Data")
    page.wait_for_function("window.dnisAddress")
    page.evaluate(LOST)
    page.get_by_test_id("stTopNavLink").filter(has_text="Export").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Export")


STRAY_WORD = """
const send = WebSocket.prototype.send, listen = WebSocket.prototype.addEventListener;
let word = null;
WebSocket.prototype.send = function (sent) {
  if (new TextDecoder().decode(sent).includes("near_learn")) word = sent;
  window.sayAgain = () => send.call(this, word);
  return send.call(this, sent);
};
WebSocket.prototype.addEventListener = function (kind, hear) {
  listen.call(this, kind, (event) => {
    if (kind === "message" && window.turning) {
      window.turning = false;
      window.sayAgain();
    }
    hear.call(this, event);
  });
};
setInterval(() => {
  if (window.turning === false && !document.querySelector("[data-testid=stMain] h1")) window.emptied = true;
}, 50);
"""


def test_a_page_that_a_late_word_of_the_page_before_has_emptied_is_drawn_again(visit):
    """While the server draws the new page it still takes a word of the one before, and then draws that part alone."""
    page = visit("/learn")
    page.add_init_script(STRAY_WORD)
    page.reload()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.locator(".nearness")).to_have_count(0)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()
    page.evaluate("window.turning = true")
    page.get_by_test_id("stTopNavLink").filter(has_text="Trade-off").click()
    page.wait_for_function("window.emptied")
    expect(page.locator(".cut input[type=range]")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Trade-off")


def test_a_window_whose_script_has_fallen_over_is_loaded_again_with_what_it_showed(visit):
    """Streamlit's own script ends so when it is told of a part of a page that it has just taken away."""
    page = visit("/importance?feature=3")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Importance")
    page.wait_for_function("window.dnisAddress")
    page.evaluate("document.querySelector('[data-testid=stApp]').remove()")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Importance")
    assert "feature=3" in page.url
    page.wait_for_function("window.dnisAddress")
    page.evaluate("document.querySelector('[data-testid=stApp]').remove()")
    page.wait_for_timeout(1_500)
    assert page.get_by_test_id("stApp").count() == 0, "loaded over and over"


NO_COLOURS_YET = """
const style = window.getComputedStyle.bind(window);
let looks = 0;
window.getComputedStyle = (element, part) => {
  if (!element.classList?.contains("root") || (looks += 1) > 5) return style(element, part);
  return { getPropertyValue: () => "" };
};
"""


def test_a_film_that_begins_before_it_has_its_place_waits_for_its_colours(visit):
    page = visit("/learn")
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(NO_COLOURS_YET)
    page.goto(re.sub("/learn.*", "/", page.url))
    expect(page.locator(".player .moment")).to_contain_text("Epoch")
    expect(page.locator(".player .field canvas")).to_have_attribute("aria-label", re.compile(r"epoch \d+"))
    assert errors == []
