"""The road in a real browser: enter by a deep link, search, cut, retrain, share."""

import re

import pytest

from tests.browser.conftest import LATE_ANSWERS

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

SLOW = "/search?embedding_dim=32&batch_size=2048&epochs=200&patience=200"
"""A search that takes long enough to be held, stepped and left."""


def in_frame(page, heading):
    """The page stands in its frame: navigation on top, workbench on the side."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(8)
    expect(page.get_by_test_id("stSidebar").get_by_text("Run on show")).to_be_visible()


def watch_for_rebuilds(page):
    """From now on ``window.rebuilt`` counts how often the player was taken out of the page or put in anew."""
    page.evaluate("""() => {
        const find = (root) => { for (const e of root.querySelectorAll("*")) if (e.shadowRoot) {
            const found = e.shadowRoot.querySelector(".player"); if (found) return found; } };
        let last = find(document);
        window.rebuilt = 0;
        const look = () => {
            const now = find(document);
            if (now !== last) { window.rebuilt += 1; last = now; }
            requestAnimationFrame(look);
        };
        look();
    }""")


def stop_button(page):
    """The search's own: while a page is drawn for long, Streamlit shows one of that name above it."""
    return page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop", exact=True)


def moment(page):
    return page.locator(".player .moment")


def test_the_first_request_to_a_fresh_server_may_be_a_deep_link(visit):
    page = visit("/tradeoff")
    in_frame(page, "Trade-off")
    expect(page.locator(".cut .facts")).to_contain_text("Kept")


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/", "How many dimensions"), ("/data", "Data"), ("/search", "Search"), ("/importance", "Importance"),
        ("/tradeoff", "Trade-off"), ("/compare", "Compare"), ("/export", "Export"), ("/learn", "Learn"),
    ],
)  # fmt: skip
def test_every_page_works_when_entered_first(visit, path, heading):
    page = visit(path)
    in_frame(page, heading)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_lessons_draw_all_their_figures_untouched_and_nothing_moves_for_it(visit):
    page = visit("/learn")
    figures, places = page.locator(".js-plotly-plot"), page.locator("[class*=st-key-near_]")
    expect(figures.first).to_be_visible()
    glossary = page.get_by_role("heading", name="Glossary")
    expect(places).not_to_have_count(0)
    # the slider comes with a script of its own, and until then its place is lower
    expect(page.get_by_test_id("stSlider").first).to_be_visible()
    looks = []
    for _ in range(10):  # for a moment a step that is just drawn has lost its place and not yet its height
        looks.append(glossary.bounding_box()["y"])
        page.wait_for_timeout(100)
    before = max(looks)
    expect(figures).to_have_count(8)
    expect(places).to_have_count(0)
    expect(page.locator(".katex-display")).to_have_count(7)
    expect(page.get_by_test_id("stSlider")).to_have_count(9)
    # up to its fonts, which may come after the first look, the page stands where it stood
    assert abs(glossary.bounding_box()["y"] - before) < 60


@pytest.mark.parametrize(
    ("path", "place", "drawn"),
    [
        ("/", ".st-key-overview", ".moment"),
        ("/search", ".st-key-player", ".moment"),
        ("/tradeoff", ".st-key-cut", ".facts"),
        ("/importance", ".st-key-cells", ".legend span"),
    ],
)
def test_what_lives_in_the_browser_finds_its_place_kept_free(visit, path, place, drawn):
    page = visit(path)
    page.add_init_script(
        f"""window.heights = [];
        const look = () => {{
          const place = document.querySelector("{place}");
          if (place) heights.push(place.getBoundingClientRect().height);
          requestAnimationFrame(look);
        }};
        requestAnimationFrame(look);"""
    )
    page.reload()
    expect(page.locator(place).locator(drawn).first).not_to_be_empty()
    page.wait_for_timeout(500)
    heights = page.evaluate("heights")
    # as high in the end as at first, up to its fonts and the words in it, and no higher than what is in it
    assert min(heights) > 100
    assert max(heights) - min(heights) < 60
    inner = page.locator(place).locator(".root").bounding_box()["height"]
    assert inner <= heights[-1] < inner + 40


def test_a_search_runs_live_is_held_stepped_left_found_again_and_stopped(visit):
    page = visit(SLOW)
    expect(moment(page)).to_contain_text("Epoch")
    watch_for_rebuilds(page)
    page.get_by_role("button", name="Start", exact=True).click()
    progress = page.get_by_test_id("stProgress")
    expect(progress).to_contain_text(re.compile(r"Epoch \d+ of 200"))
    expect(moment(page)).to_contain_text(re.compile(r"Epoch ([4-9]|\d\d+) of 200"))
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(progress).to_contain_text("paused", timeout=60_000)
    epoch = int(re.search(r"Epoch (\d+)", progress.inner_text())[1])
    page.get_by_role("button", name="Step", exact=True).click()
    expect(progress).to_contain_text(re.compile(rf"Epoch {epoch + 1} of 200.*paused"))
    assert page.evaluate("window.rebuilt") == 0
    assert "job=" in page.url
    page.reload()
    expect(progress).to_contain_text(f"Epoch {epoch + 1} of 200")
    page.get_by_test_id("stTopNavLink").filter(has_text="Data").click()
    in_frame(page, "Data")
    page.get_by_test_id("stTopNavLink").filter(has_text="Search").click()
    stop_button(page).click()
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url, timeout=60_000)
    expect(moment(page)).to_contain_text(f"Epoch {epoch + 1} of {epoch + 1}")


def test_a_search_that_ends_by_itself_becomes_the_run_on_show_and_nothing_is_built_anew(visit):
    page = visit("/search?embedding_dim=16&epochs=5&warm_epochs=1&patience=9")
    expect(moment(page)).to_contain_text("Epoch")
    watch_for_rebuilds(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(moment(page)).to_contain_text("Epoch 5 of 5", timeout=60_000)
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url)
    assert page.evaluate("window.rebuilt") == 0
    page.get_by_test_id("stTopNavLink").filter(has_text="Trade-off").click()
    expect(page.locator(".cut .facts")).to_contain_text("Kept")
    assert "run=" in page.url


def test_the_live_heatmap_is_the_same_node_after_twenty_updates(visit):
    page = visit("/search?embedding_dim=32&batch_size=2048&epochs=500&patience=500")
    canvas, timeline = page.locator(".player .field canvas"), page.get_by_label("Timeline: epoch on show")
    expect(canvas).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(moment(page)).to_contain_text(re.compile(r"Epoch \d+ of 500"), timeout=60_000)
    canvas.evaluate("node => { node.dataset.marked = 'once'; window.marked = node; }")
    watch_for_rebuilds(page)
    # every message of the server makes the timeline longer
    timeline.evaluate("""node => {
        window.lengths = new Set();
        new MutationObserver(() => window.lengths.add(node.max)).observe(node, { attributes: true });
    }""")
    page.wait_for_function("window.lengths.size >= 20", timeout=120_000)
    assert canvas.evaluate("node => node === window.marked && node.isConnected && node.dataset.marked === 'once'")
    assert page.evaluate("window.rebuilt") == 0
    stop_button(page).click()
    page.wait_for_url(lambda url: "run=" in url and "job=" not in url, timeout=60_000)


def test_the_timeline_goes_through_a_search_in_the_browser_alone(visit):
    page = visit("/search")
    expect(moment(page)).to_contain_text("Epoch")
    expect(page.locator(".nearness")).to_have_count(0)  # closed boxes are filled in spare time
    page.wait_for_timeout(1000)
    assert visit.sent
    visit.sent.clear()
    slider = page.get_by_label("Timeline: epoch on show")
    slider.focus()
    page.keyboard.press("Home")
    expect(moment(page)).to_contain_text("Epoch 1 of")
    page.keyboard.press("ArrowRight")
    expect(moment(page)).to_contain_text("Epoch 2 of")
    cursor = page.locator(".player .losses .cursor")
    early = float(cursor.get_attribute("x1"))
    page.get_by_role("button", name="Replay").click()
    last = slider.get_attribute("max")
    expect(slider).to_have_value(last)
    late = float(cursor.get_attribute("x1"))
    assert late > early
    # a click among the curves goes to the epoch below it
    curves = page.locator(".player .losses > svg")
    curves.click(position={"x": early, "y": 100})
    expect(moment(page)).to_contain_text("Epoch 2 of")
    assert float(cursor.get_attribute("x1")) == early
    assert visit.sent == []


def test_a_cell_tells_its_alpha_by_mouse_and_by_keyboard(visit):
    page = visit("/search")
    canvas = page.locator(".player .field canvas")
    expect(canvas).to_be_visible()
    page.wait_for_timeout(1000)
    canvas.hover(position={"x": 5, "y": 5})
    tip = page.locator(".player .field .tip")
    expect(tip).to_contain_text(re.compile(r"block 0 .*dimension 0: alpha [01]\.\d\d"))
    canvas.focus()
    page.keyboard.press("ArrowDown")
    expect(tip).to_contain_text("block 1 ")


def test_dragging_the_threshold_redraws_in_the_browser_and_the_address_follows(visit):
    page = visit("/tradeoff")
    facts = page.locator(".cut .facts")
    expect(facts).to_contain_text("Kept")
    chart = page.locator(".cut .chart").bounding_box()
    seen = set()
    page.wait_for_timeout(1000)
    visit.sent.clear()
    page.mouse.move(chart["x"] + 420, chart["y"] + 120)
    page.mouse.down()
    for step in range(50):
        page.mouse.move(chart["x"] + 420 + 8 * step, chart["y"] + 120)
        seen.add(facts.inner_text())
    assert len(seen) >= 30
    assert visit.sent == []
    page.mouse.up()
    page.wait_for_url(re.compile("threshold="))
    kept = facts.inner_text()
    other = visit(page.url[page.url.index("/tradeoff") :])
    expect(other.locator(".cut .facts")).to_have_text(kept)


def test_a_drag_of_the_thumb_redraws_curve_mask_and_bars_at_every_step(visit):
    page = visit("/tradeoff")
    slider = page.get_by_role("slider")
    expect(page.locator(".cut .facts")).to_contain_text("Kept")
    page.wait_for_timeout(1000)
    visit.sent.clear()
    place = slider.bounding_box()
    page.mouse.move(place["x"] + 10, place["y"] + place["height"] / 2)
    page.mouse.down()
    states = []
    for step in range(60):
        page.mouse.move(place["x"] + 10 + step / 60 * (place["width"] - 20), place["y"] + place["height"] / 2)
        states.append(page.evaluate(SEEN))
    assert visit.sent == []
    page.mouse.up()
    for part in zip(*states, strict=True):
        assert len(set(part)) >= 30
    # the server is told once, when the thumb is let go
    page.wait_for_url(re.compile("threshold="))


SEEN = """() => {
    const find = (root) => { for (const e of root.querySelectorAll("*")) if (e.shadowRoot) {
        const found = e.shadowRoot.querySelector(".cut"); if (found) return found; } };
    const cut = find(document);
    const marker = cut.querySelector(".cursor").getAttribute("x1");
    const bars = [...cut.querySelectorAll(".dims b")].map((b) => b.textContent).join();
    return [cut.querySelector(".facts").textContent, marker, bars, cut.querySelector("canvas").toDataURL()];
}"""
"""What the slider moves: the facts, the marker on the curve, the dimensions per block, the picture of the mask."""


def test_the_slider_obeys_the_keyboard_and_a_budget(visit):
    page = visit("/tradeoff")
    facts = page.locator(".cut .facts")
    expect(facts).to_contain_text("Kept")
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    expect(page.locator(".cut .slider .name")).to_have_text("Threshold 0")
    before = facts.inner_text()
    page.keyboard.press("PageUp")
    expect(facts).not_to_have_text(before)
    page.get_by_label("Budget", exact=True).fill("300")
    page.keyboard.press("Enter")
    expect(facts).to_contain_text(re.compile(r"Stored size (2\d\d(\.\d+)?|300) kB"))
    page.get_by_label("Budget", exact=True).fill("-3")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Budget", exact=True)).to_have_value(re.compile(r"^2\d\d\.\d$"))
    page.get_by_label("Budget", exact=True).fill("0.001")
    page.keyboard.press("Enter")
    expect(facts).to_contain_text("That is below the smallest table")
    page.get_by_label("Budget", exact=True).fill("99999")
    page.keyboard.press("Enter")
    expect(facts).to_contain_text("The budget holds the whole table")
    expect(facts).to_contain_text("are 0 already")
    page.get_by_role("slider").press("ArrowRight")
    expect(facts).not_to_contain_text("The budget holds")


def test_a_late_answer_to_a_choice_before_does_not_overwrite_what_is_being_typed(visit):
    page = visit("/tradeoff")
    page.add_init_script(LATE_ANSWERS)
    page.reload()
    facts, budget = page.locator(".cut .facts"), page.get_by_label("Budget", exact=True)
    expect(facts).to_contain_text("Kept")
    expect(page.locator(".nearness")).to_have_count(0)
    page.evaluate("window.late = 2000")
    page.get_by_role("slider").press("Home")
    page.wait_for_timeout(800)  # the choice is said once no key has followed for a while
    budget.fill("0.001")
    page.keyboard.press("Enter")
    expect(facts).to_contain_text("That is below the smallest table")
    budget.fill("300")
    page.wait_for_timeout(3_000)
    page.keyboard.press("Enter")
    expect(facts).to_contain_text(re.compile(r"Stored size (2\d\d(\.\d+)?|300) kB"))


def test_retraining_adds_a_point_that_stays_with_the_run(visit):
    page = visit("/tradeoff")
    expect(page.locator(".cut .facts")).to_contain_text("Kept")
    assert page.locator(".cut .chart .again").count() == 0
    page.get_by_role("button", name="Retrain here").click()
    expect(page.locator(".cut .chart .again")).to_have_count(1, timeout=90_000)
    expect(page.locator(".cut .facts")).to_contain_text("Retrained at this threshold: test MSE")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(page.locator(".cut .chart .again")).to_have_count(1)
    expect(page.locator("[data-testid=stDataFrame]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".cut .at").press("ArrowRight")
    expect(page.locator(".cut .facts")).not_to_contain_text("Retrained at this threshold")


def test_who_comes_to_watch_sees_it_play_and_one_s_own_search_is_not_called_the_bundled_one(visit):
    page = visit("/")
    page.get_by_role("button", name="Watch a search").click()
    moments = set()
    for _ in range(1_000):  # at once, for the film is soon over
        moments |= set(moment(page).all_text_contents())
        if len(moments) > 3:
            break
        page.wait_for_timeout(20)
    assert len(moments) > 3, moments
    expect(page.get_by_role("heading", level=1)).to_contain_text("Search")
    bundled = page.get_by_text("You are looking at the finished search")
    expect(bundled).to_be_visible()
    page.get_by_text("Quick", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(stop_button(page)).to_be_enabled()
    expect(bundled).to_have_count(0)
    stop_button(page).click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_start_takes_what_was_set_in_the_moment_before(visit):
    """The settings before are those of the bundled search, of which nothing would be computed."""
    page = visit("/search")
    expect(moment(page)).to_contain_text("Epoch")
    quick = page.get_by_text("Quick", exact=True).element_handle()
    start = page.get_by_role("button", name="Start", exact=True).element_handle()
    page.evaluate("([quick, start]) => { quick.click(); start.click(); }", [quick, start])
    expect(stop_button(page)).to_be_enabled()
    stop_button(page).click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_in_a_small_window_the_settings_have_room(visit):
    page = visit("/search", viewport={"width": 780, "height": 1000})
    expect(page.locator(".player .moment")).to_contain_text("Epoch")
    settings, film = (page.locator(".st-key-beside_settings [data-testid=stColumn]").nth(i) for i in (0, 1))
    main = page.locator("[data-testid=stMainBlockContainer]").bounding_box()
    assert settings.bounding_box()["width"] > main["width"] * 0.8
    page.set_viewport_size({"width": 1280, "height": 1000})
    expect(film).to_be_visible()
    assert film.bounding_box()["x"] > settings.bounding_box()["x"] + settings.bounding_box()["width"]


@pytest.mark.parametrize("path", ["/", "/search", "/tradeoff"])
def test_a_phone_in_the_dark_scrolls_down_but_never_sideways(visit, path):
    page = visit(path, viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce")
    expect(page.locator(".cut .facts, .player .moment").first).to_contain_text(re.compile("Kept|Epoch"))
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate("""() => [...document.querySelectorAll("[data-testid=stMain] *")]
        .filter((e) => !e.closest("[data-testid=stDataFrame]") && e.getBoundingClientRect().right > 391).length""")
    assert wide == 0  # but for a table, which scrolls in a frame of its own


def test_reduced_motion_shows_the_end_of_the_search_at_once(visit):
    page = visit("/", reduced_motion="reduce")
    expect(moment(page)).to_contain_text("Epoch")
    slider = page.get_by_label("Timeline: epoch on show")
    assert slider.input_value() == slider.get_attribute("max")
