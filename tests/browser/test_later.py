"""What waits below the first screen lets the reader's own presses go first."""

import pytest

from tests.browser.conftest import LATE_ANSWERS

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

PRESSED = "window.pressing = setInterval(() => window.dispatchEvent(new PointerEvent('pointerdown', {buttons: 1})), 50)"
LET_GO = "clearInterval(window.pressing); window.dispatchEvent(new PointerEvent('pointerup'))"


def opened_with_a_press(visit, **options):
    """Learn with a button held down from the start, and the places of its steps that are not drawn yet."""
    page = visit("/learn", **options)
    page.add_init_script(PRESSED)
    page.reload()
    expect(page.get_by_role("heading", level=2).last).to_contain_text("Glossary")
    places = page.locator(".nearness")
    expect(places.first).to_be_attached()
    page.wait_for_timeout(1_000)  # a part may have asked before the first press was heard
    return page, places


def test_no_part_asks_to_be_drawn_while_a_button_is_held_down(visit):
    page, places = opened_with_a_press(visit)
    before = places.count()
    assert before > 0
    page.wait_for_timeout(2_500)
    assert places.count() == before
    page.evaluate(LET_GO)
    expect(places).to_have_count(0)


def test_a_press_whose_end_was_swallowed_is_over_with_the_next_move(visit):
    page, places = opened_with_a_press(visit)
    page.evaluate("clearInterval(window.pressing)")
    before = places.count()
    page.wait_for_timeout(1_500)
    assert places.count() == before > 0
    page.mouse.move(300, 300)
    expect(places).to_have_count(0)


def test_a_narrow_page_keeps_room_for_knobs_and_figure_one_below_the_other(visit):
    page, places = opened_with_a_press(visit, viewport={"width": 390, "height": 900})
    glossary = page.get_by_role("heading", name="Glossary")
    assert places.count() >= 4
    assert page.locator(".st-key-near_learn_fair .nearness").bounding_box()["height"] > 300
    before = glossary.bounding_box()["y"]
    page.evaluate(LET_GO)
    expect(places).to_have_count(0)
    expect(page.locator(".js-plotly-plot")).to_have_count(8)
    page.wait_for_timeout(1_500)  # up to the sliders, whose scripts come after them
    assert abs(glossary.bounding_box()["y"] - before) < 250


def test_two_parts_never_ask_in_one_message(visit):
    page = visit("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.get_by_test_id("stTopNavLink").filter(has_text="Learn").click()
    expect(page.locator(".nearness").first).to_be_attached()
    page.get_by_text("All words, a sentence each").scroll_into_view_if_needed()
    expect(page.locator(".nearness")).to_have_count(0)
    assert not [text for text in said if "Multiple different fragmentIds" in text]


IN_ONE_TURN = """
window.requestIdleCallback = (work) => setTimeout(() => {
  work();
  if (work.name !== "tell") return;
  window.hand?.();
  window.hand = null;
});
"""


def opened_with_a_hand(visit, hand):
    """Compare, where a hand does something after a place has spoken and before the browser sends its word."""
    page = visit("/data")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Data")
    page.add_init_script(IN_ONE_TURN + f"window.hand = () => {{ {hand} }}")
    del visit.sent[:]
    page.goto(page.url.replace("/data", "/compare"))
    page.wait_for_function("window.hand === null")
    expect(page.locator(".nearness")).to_have_count(0)
    return page


def test_a_button_pressed_in_the_turn_in_which_a_place_speaks_is_heard_by_the_whole_page(visit):
    """Streamlit sends both in one message and, a place being among them, would draw that place alone."""
    points = ".st-key-frontier .scatterlayer .points path"
    page = visit("/compare")
    expect(page.locator(points).first).to_be_visible()
    before = page.locator(points).count()
    page = opened_with_a_hand(visit, "document.querySelector('.st-key-dominated input').click()")
    expect(page.locator(".st-key-dominated input")).not_to_be_checked()
    expect(page.locator(points)).not_to_have_count(before)


def test_a_key_in_the_turn_in_which_a_place_speaks_asks_for_the_whole_page(visit):
    opened_with_a_hand(visit, "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true}))")
    assert [sent for sent in visit.sent if b"crossed" in sent]


def test_a_place_of_a_page_that_is_left_stays_silent_however_late_the_server_answers(visit):
    """Else the server, which has turned to the new page, may draw the place alone, and the new page stays empty."""
    page = visit("/learn")
    page.add_init_script(LATE_ANSWERS + PRESSED)
    page.reload()
    places = page.locator(".nearness")
    expect(page.get_by_role("heading", level=2).last).to_contain_text("Glossary")
    expect(places.first).to_be_attached()
    page.wait_for_timeout(1_000)
    assert places.count() > 0
    del visit.sent[:]
    link = "document.querySelector('a[data-testid=stTopNavLink][href$=tradeoff]')"
    page.evaluate(f"() => {{ window.late = 1000; {LET_GO}; {link}.click(); }}")
    expect(page.locator(".cut input[type=range]")).to_be_visible()
    assert visit.sent
    assert not [sent for sent in visit.sent if b"near_learn" in sent]


def test_a_file_that_has_come_while_a_part_asks_to_be_drawn_is_heard(visit):
    page = visit("/export")
    # what widgets say within three seconds leaves as one message, which asks for what was said first
    page.add_init_script(
        f"{PRESSED}; const soon = setTimeout; setTimeout = (act, ms) => soon(act, ms === 0 ? 3000 : ms)"
    )
    page.reload()
    expect(page.locator(".nearness").first).to_be_attached()
    chosen, held = page.get_by_test_id("stFileUploaderDropzoneInput"), []
    page.route("**/upload_file/**", lambda route: held.append(route))
    chosen.set_input_files({"name": "run.zip", "mimeType": "application/zip", "buffer": b"PK"})
    page.evaluate(LET_GO)
    page.wait_for_timeout(1_500)  # by now a part has asked
    held[0].continue_()
    expect(page.get_by_role("button", name="Open it")).to_be_enabled()
