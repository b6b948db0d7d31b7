"""How quick the app feels: the first page, a drag of the slider, a feature found while typing, a change of the page.

``python -m benchmarks.interaction [--rounds 5] [--searching] [--features 100000]``

Needs a ``chromium`` on the path. Every first page is that of a server and a browser that have just started.
``--searching`` starts a search before pages are changed, which then runs beside. Prints one JSON line with medians and
95th percentiles [ms]; times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks import large_run
from benchmarks.screenshots import FLAGS, IDLE, WINDOW, served

PAGES = {
    "Data": "Data:", "Search": "Search:", "Importance": "Importance:", "Trade-off": "Trade-off:",
    "Compare": "Compare:", "Export": "Export:", "Learn": "Learn", "Overview": "How many",
}  # fmt: skip
"""Link in the navigation -> how the page's heading begins."""

WATCH_SLIDER = """slider => {
    window.paints = [];
    slider.addEventListener("input", event => requestAnimationFrame(() => {
        const after = new MessageChannel();  // its message is handled once the frame has been painted
        after.port1.onmessage = () => window.paints.push(performance.now() - event.timeStamp);
        after.port2.postMessage(0);
    }));
}"""

WATCH_BOX = """box => {
    const list = box.getRootNode().querySelector("[role=listbox]");
    window.found = [];
    const answers = { query: null, at: 0 };
    box.addEventListener("input", event => {
        if (box.value.trim() === answers.asked) return;  // a blank at the end asks nothing new
        answers.asked = answers.query = box.value.trim();
        answers.at = event.timeStamp;
    });
    new MutationObserver(() => {
        if (answers.query === null || list.dataset.query !== answers.query) return;
        answers.query = null;
        const after = new MessageChannel();
        after.port1.onmessage = () => window.found.push(performance.now() - answers.at);
        requestAnimationFrame(() => after.port2.postMessage(0));
    }).observe(list, { childList: true, attributes: true });
}"""

CALM_MS, GIVE_UP_MS = 400, 5_000
"""So long must nothing in sight change for a page to stand still; so long is that waited for."""

WATCH_SWITCH = (
    """heading => {
    const times = window.switched = { heading: 0, whole: 0, sight: 0 };
    const main = "[data-testid=stMain]", everything = {
        subtree: true, childList: true, attributes: true, characterData: true,
    };
    let started = 0, changed = Infinity;
    const inSight = target => {
        const element = target instanceof Element ? target : target.parentElement;
        const component = element?.getRootNode().host;
        if (component?.shadowRoot.querySelector(".player")) return false;  // a film is meant to move
        if (!element?.isConnected || !(component ?? element).closest(main)) return false;
        const { top, bottom, height } = element.getBoundingClientRect();
        return height > 0 && top < innerHeight && bottom > 0;
    };
    const touched = new Set();  // where it lies is asked once a frame: asking lays the page out anew
    const changes = new MutationObserver(records => {
        for (const { addedNodes } of records) for (const node of addedNodes) look_into(node);
        for (const { target } of records) touched.add(target);
    });
    const look_into = node => {
        for (const { shadowRoot } of node.querySelectorAll?.("*") ?? [])
            if (shadowRoot) changes.observe(shadowRoot, everything);
    };
    addEventListener("click", event => {
        started = event.timeStamp;
        changes.observe(document.body, everything);
        const look = () => {
            const now = performance.now() - started;
            if ([...touched].some(inSight)) times.sight = (changed = performance.now()) - started;
            touched.clear();
            const shown = document.querySelector("h1")?.innerText ?? "";
            if (!times.heading && shown.startsWith(heading)) times.heading = times.sight = now;
            if (times.heading && !times.whole && document.querySelector('IDLE')) times.whole = now;
            times.done = times.whole && performance.now() - changed > CALM_MS || now > GIVE_UP_MS;
            if (times.done) changes.disconnect();
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }, {capture: true, once: true});
}""".replace("IDLE", IDLE)
    .replace("CALM_MS", str(CALM_MS))
    .replace("GIVE_UP_MS", str(GIVE_UP_MS))
)


def slider_ms(page: Page, url: str, rounds: int) -> tuple[list[float], int]:
    """Times from input to paint while the slider is dragged to and fro, and how many states were seen."""
    page.goto(f"{url}/tradeoff")
    slider, facts = page.locator(".cut input[type=range]"), page.locator(".cut .facts")
    slider.wait_for()
    page.wait_for_timeout(2_000)
    slider.evaluate(WATCH_SLIDER)
    box, seen = slider.bounding_box(), set()
    if box is None:
        raise RuntimeError("the slider is not in sight")
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, middle)
    page.mouse.down()
    for step in range(60 * rounds):
        share = abs((step % 120) / 60 - 1)
        page.mouse.move(box["x"] + 10 + (1 - share) * (box["width"] - 20), middle)
        seen.add(facts.inner_text())
    page.mouse.up()
    page.wait_for_timeout(500)
    return page.evaluate("window.paints"), len(seen)


def first_page_s(url: str, chromium: str) -> float:
    """Time until a freshly started server has shown its first visitor the whole first page [s]."""
    with sync_playwright() as play:
        page = play.chromium.launch(executable_path=chromium, headless=True, args=FLAGS).new_page(viewport=WINDOW)
        started_s = time.perf_counter()
        page.goto(url)
        page.locator(".player .moment").wait_for()
        page.wait_for_selector(IDLE)
        return round(time.perf_counter() - started_s, 2)


def type_ahead_ms(page: Page, url: str, run: str, wanted: list[str], rounds: int) -> list[float]:
    """Times from a letter typed to the list that answers it, painted; every letter of every text."""
    page.goto(f"{url}/importance?run={run}")
    box = page.get_by_role("combobox", name="A feature")
    box.wait_for()
    page.wait_for_timeout(2_000)
    box.evaluate(WATCH_BOX)
    box.focus()
    for text in wanted * rounds:
        box.fill("")
        page.wait_for_timeout(1_000)
        for letter in text:
            known = page.evaluate("window.found.length")
            page.keyboard.type(letter)
            if letter != " ":
                page.wait_for_function(f"window.found.length > {known}")
    return page.evaluate("window.found")


def switch_ms(page: Page, rounds: int) -> dict[str, list[float]]:
    """Times from the click on a page's link, until three things.

    Args:
        page: The browser's page.
        rounds: How often every page is opened.

    Returns:
        ``heading``: until the page's heading is there; ``whole``: until its script has run and is drawn, but for what
        lies below the first screen or in a closed box and follows by itself; ``sight``: until nothing in sight changes
        any more.
    """
    times: dict[str, list[float]] = {"heading": [], "whole": [], "sight": []}
    for turn in range(rounds + 1):
        for link, heading in PAGES.items():
            page.evaluate(WATCH_SWITCH, heading)
            page.get_by_test_id("stTopNavLink").filter(has_text=link).click()
            page.wait_for_function("window.switched.done")
            if turn:  # the first time round a server imports and caches
                for name, values in times.items():
                    values.append(page.evaluate(f"window.switched.{name}"))
    return times


def start_search(page: Page, url: str) -> None:
    """Start a search that outlasts the measurement."""
    page.goto(f"{url}/search?embedding_dim=64&batch_size=128&epochs=500&patience=500")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("Epoch 1 of 500").first.wait_for(timeout=60_000)


def centiles(name: str, values: list[float]) -> dict[str, float]:
    """Median and 95th percentile under the names that the JSON line has."""
    return {f"{name}_{p}_ms": round(float(np.percentile(values, q)), 1) for p, q in (("p50", 50), ("p95", 95))}


def measure(url: str, chromium: str, options: argparse.Namespace, large: tuple[str, list[str]]) -> dict[str, float]:
    """Measure a running app; ``large`` is a run over many features, and texts to look for in it."""
    rounds = max(1, options.rounds)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        page = browser.new_page(viewport=WINDOW)
        found = type_ahead_ms(page, url, *large, rounds)
        # a page of its own, so that the run over many features is not the one on show
        page = browser.new_page(viewport=WINDOW)
        if options.searching:
            start_search(page, url)
        paints, states = slider_ms(page, url, rounds)
        switches = switch_ms(page, rounds)
        browser.close()
    return {
        "features": options.features, **centiles("type_ahead", found),
        **centiles("slider_to_paint", paints), "slider_states": states, "switches": len(switches["heading"]),
        **{key: value for name in switches for key, value in centiles(f"switch_to_{name}", switches[name]).items()},
    }  # fmt: skip


def main() -> None:
    """Start the app as often as its first page is asked for, and once more for the rest."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rounds", type=int, default=5, help="how often everything is done; at least 1")
    ask.add_argument("--searching", action="store_true", help="with a search beside")
    ask.add_argument("--features", type=int, default=100_000, help="features to find one among; at least 3,000")
    options = ask.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium on the path")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as runs:
        some = large_run.some_features(large_run.write(Path(runs) / "large-run", options.features))
        texts = [*list(some)[1:3], *(title.lower() for title in list(some.values())[3:5])]
        first_s = []
        for _ in range(max(1, options.rounds)):
            with served(runs) as url:
                first_s.append(first_page_s(url, chromium))
        with served(runs) as url:
            found = measure(url, chromium, options, ("large-run", texts))
    first = {"first_page_p50_s": round(float(np.median(first_s)), 2), "first_pages_s": first_s}
    print(json.dumps({"benchmark": "interaction", "searching": options.searching, **first, **found}))


if __name__ == "__main__":
    main()
