"""How quick the app feels: from a drag of the threshold slider to the paint, and from a click on a page to its sight.

``python -m benchmarks.interaction [--rounds 5] [--searching]``

Needs a ``chromium`` on the path. Prints one JSON line with medians and 95th percentiles [ms]; ``--searching`` starts a
search first, which then runs beside. Times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.screenshots import FLAGS, IDLE, ROOT, free_port, wait_for

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

WATCH_SWITCH = """heading => {
    window.sight = window.whole = 0;
    addEventListener("click", event => {
        const look = () => {
            const now = performance.now() - event.timeStamp;
            const shown = document.querySelector("h1")?.innerText ?? "";
            if (!window.sight && shown.startsWith(heading)) window.sight = now;
            if (window.sight && document.querySelector('IDLE')) window.whole = now;
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }, {capture: true, once: true});
}""".replace("IDLE", IDLE)


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


def switch_ms(page: Page, rounds: int) -> tuple[list[float], list[float]]:
    """Times from the click on a page's link until its heading is there, and until the page stands whole."""
    sights, wholes = [], []
    for turn in range(rounds + 1):
        for link, heading in PAGES.items():
            page.evaluate(WATCH_SWITCH, heading)
            page.get_by_test_id("stTopNavLink").filter(has_text=link).click()
            page.wait_for_function("window.whole > 0")
            page.wait_for_timeout(300)
            if turn:  # the first time round a server imports and caches
                sights.append(page.evaluate("window.sight"))
                wholes.append(page.evaluate("window.whole"))
    return sights, wholes


def start_search(page: Page, url: str) -> None:
    """Start a search that outlasts the measurement."""
    page.goto(f"{url}/search?embedding_dim=64&batch_size=128&epochs=500&patience=500")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("Epoch 1 of 500").first.wait_for(timeout=60_000)


def centiles(name: str, values: list[float]) -> dict[str, float]:
    """Median and 95th percentile under the names that the JSON line has."""
    return {f"{name}_{p}_ms": round(float(np.percentile(values, q)), 1) for p, q in (("p50", 50), ("p95", 95))}


def measure(url: str, chromium: str, rounds: int, searching: bool) -> dict[str, float]:
    """Measure a running app."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        if searching:
            start_search(page, url)
        paints, states = slider_ms(page, url, rounds)
        sights, wholes = switch_ms(page, rounds)
        browser.close()
    return {
        **centiles("slider_to_paint", paints), "slider_states": states, **centiles("switch_to_heading", sights),
        **centiles("switch_to_whole", wholes), "switches": len(sights),
    }  # fmt: skip


def main() -> None:
    """Start the app on a free port, measure, end the app."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rounds", type=int, default=5, help="how often everything is done; at least 1")
    ask.add_argument("--searching", action="store_true", help="with a search beside")
    options = ask.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium on the path")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    with tempfile.TemporaryDirectory() as runs:
        environment = {**os.environ, "DNIS_RUNS": runs}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url)
            found = measure(url, chromium, max(1, options.rounds), options.searching)
        finally:
            server.terminate()
            server.wait(20)
    print(json.dumps({"benchmark": "interaction", "searching": options.searching, **found}))


if __name__ == "__main__":
    main()
