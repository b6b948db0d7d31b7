"""Hostile text in a real browser: no request leaves the app, no markup takes effect, on any page and in any export."""

import ast
import csv
import io
import re
import shlex
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from dnis.additions import add_controls, add_retrained
from dnis.files import write_json
from dnis.interactions import Interactions
from dnis.results import EpochEvent, SearchResult
from dnis.runs import save_run
from dnis.schemes import make_blocks
from dnis.settings import DataSpec, SearchConfig

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect  # noqa: E402  only where Playwright is installed

K, N_BLOCKS = 8, 3
PATIENCE_MS = 120_000
RUN = "hostile-run"
PAGES = ("", "data", "search", "importance", "tradeoff", "compare", "export", "learn")

FIGURES = ("data", "importance", "compare")

EFFECTS = """() => {
  const found = [];
  const told = (what, e) => found.push(what + ': ' + (e.outerHTML || '').slice(0, 120));
  const addresses = ['img[src*="/beacon"]', 'a[href*="/beacon"]', 'a[*|href*="/beacon"]', 'link[href*="/beacon"]',
                     'iframe[src*="/beacon"]', '[style*="/beacon"]'];
  const bold = ['bold', 'italic', 'text-decoration'].map(style => `svg tspan[style*="${style}"]`);
  const look = root => {
    const seek = (selector, what) => root.querySelectorAll(selector).forEach(e => told(what, e));
    seek('.hit, [onerror], [onload]', 'markup');
    seek(addresses.join(), 'address');
    seek('a[href^="javascript"]', 'script');
    seek(bold.join(), 'pseudo-tag');
    root.querySelectorAll('.stMarkdownColoredText').forEach(e => e.textContent === 'hit' && told('colour', e));
    root.querySelectorAll('.katex annotation').forEach(e => e.textContent.includes('hit') && told('formula', e));
    root.querySelectorAll('*').forEach(e => e.shadowRoot && look(e.shadowRoot));
  };
  look(document);
  if (window.hit) found.push('script ran');
  return found;
}"""
"""Everything in a page, shadow trees included, that a hostile text would have brought in."""


@pytest.fixture(scope="module")
def beacon():
    """A server that notes every request; its address, and what it heard as ``heard``."""

    heard = []

    class Beacon(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Beacon)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.heard, server.address = heard, f"//127.0.0.1:{server.server_port}/beacon"
    yield server
    server.shutdown()
    server.server_close()


def short(beacon):
    """Texts of at most 30 letters where they can be: names of columns are cut."""
    return (
        "<b class=hit>x</b>$hit^2$", "<img src=x onerror=hit=1>", f"![x](http:{beacon.address})",
        "[hit](javascript:hit=1)", ":red[hit] :material/home:", "=1+cmd|'/c calc'!A1", "</script><script>hit=1//",
        f"<img src={beacon.address}>", f"http:{beacon.address}", f"<a href='http:{beacon.address}'>x</a>",
        f"x;background:url({beacon.address})", "<i>hit</i><sup>2</sup>", "@SUM(1+1)", "%{customdata} %{x}", "${hit=1}",
        "{{hit}} {hit}", "**hit** _hit_ `hit`",
    )  # fmt: skip


def hostile_frame(beacon):
    """Ratings whose columns, values and titles are all hostile."""
    texts = short(beacon)
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, len(texts), 500), rng.integers(0, len(texts), 500)
    return pd.DataFrame({
        texts[0]: [texts[u] for u in user],
        texts[1]: [f"{i} {texts[i]}" for i in item],
        texts[2]: [texts[(u + i) % len(texts)] for u, i in zip(user, item, strict=True)],
        "rating": rng.integers(1, 6, 500),
        "title": [texts[i] for i in item],
    })  # fmt: skip


@pytest.fixture(scope="module")
def hostile_run(server, server_folder, beacon):
    """A run in which every text is hostile."""
    texts, folder = short(beacon), server_folder / "runs" / RUN
    source = server_folder / "runs" / "uploads" / ("0" * 32) / f"{texts[8].replace('/', '-')}<b class=hit>.csv"
    source.parent.mkdir(parents=True)
    frame = hostile_frame(beacon)
    frame.to_csv(source, index=False)
    columns = (("user", texts[0]), ("item", texts[1]), ("feature", texts[2]))
    split = Interactions.from_csv(source, columns=columns).split("random")
    n, rng = split.train.n_features, np.random.default_rng(1)
    alpha = rng.uniform(0, 1, (N_BLOCKS, K)).astype(np.float32)
    events = tuple(
        EpochEvent(
            e, "search", {"train": 1 / e, "search_val": 1.1 / e, "select_val": 1.2 / e, "test": 1.3 / e}, alpha,
            alpha.sum(axis=1), 0.1, 0.01, texts,
        )
        for e in (1, 2, 3)
    )  # fmt: skip
    result = SearchResult(
        SearchConfig(embedding_dim=K, n_blocks=N_BLOCKS, model="FM"), rng.normal(0, 1, (n, K)).astype(np.float32),
        np.zeros(n, np.float32), {"global_bias": np.array(3.0, np.float32)}, alpha, make_blocks(split.counts, N_BLOCKS),
        split.counts, events, 3, {"val": {"loss": 0.3, "mse": 0.3}, "test": {"loss": 0.4, "mse": 0.4}}, texts,
    )  # fmt: skip
    steps = np.linspace(0, 1, 5)
    sizes = {"n_values": (n * K * (1 - steps)).astype(int), "n_bytes": (4 * n * K * (1 - steps)).astype(int) + 40}
    sweep = pd.DataFrame({"threshold": steps, "sparsity": steps, **sizes, "val": 0.3 + steps, "test": 0.4 + steps})
    save_run(
        folder, data=DataSpec(str(source), columns, "random"), result=result, split=split, sweep=sweep,
        name=f"<b class=hit>x</b>![x](http:{beacon.address})$hit^2$",
    )  # fmt: skip
    add_controls(folder, {texts[0]: sweep, texts[11]: sweep})
    point = {"threshold": 0.1, "sparsity": 0.5, "n_values": 9, "n_bytes": 36, "test": 0.9, "val": 0.8}
    add_retrained(folder, {**point, "metric": texts[0]})
    write_json(folder / "comparison.json", comparison(texts))
    return folder


def comparison(texts):
    row = {"n_bytes": 100, "mean": 0.5, "sd": 0.1, "seeds": 2, "difference": 0.1, "low": 0.0, "on_frontier": True}
    rows = [{**row, "method": text, "label": text, "layout": text, "n_bytes": 100 + i} for i, text in enumerate(texts)]
    return {
        "metric": texts[0], "higher_is_better": False, "task": texts[1], "model": texts[2], "full_bytes": 1,
        "rows": [{**row, "method": "uniform", "label": "Uniform"}, *rows], "verdict": list(texts), "config": None,
    }  # fmt: skip


@pytest.fixture
def watched(visit, server, beacon):
    """Opens an address and notes what leaves for anywhere but the app, and every dialogue."""
    strays = []

    def go(path):
        page = visit(path, accept_downloads=True)
        page.on("dialog", lambda dialogue: (strays.append(f"dialogue {dialogue.message}"), dialogue.dismiss()))
        page.on("request", lambda r: None if is_own(r.url, server) else strays.append(r.url))
        page.on("popup", lambda popup: strays.append(f"window {popup.url}"))
        return page

    go.strays = strays
    yield go
    assert strays == []
    assert beacon.heard == []


def is_own(address, server):
    return address.startswith((server + "/", "data:", "blob:", "about:"))


def settled(page):
    expect(page.get_by_role("heading", level=1).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE_MS)
    # up to what lies below the first screen, and in closed boxes
    expect(page.locator(".nearness")).to_have_count(0, timeout=PATIENCE_MS)
    page.wait_for_timeout(600)
    # a part that was asked for twice is drawn twice, and its files have other addresses then
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def hovered(page):
    """Move over every figure, more slowly where no label has come up yet; how many have."""
    return next((seen for pause_ms in (150, 600, 1500) if (seen := labels_of(page, pause_ms))), 0)


def labels_of(page, pause_ms):
    seen = 0
    for figure in page.locator(".js-plotly-plot").all():
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        marks = [mark.bounding_box() for mark in figure.locator("path.point").all()[:8]]
        spots = [(m["x"] + m["width"] / 2, m["y"] + m["height"] / 2) for m in marks if m]
        # above and below the middle, where bars stand on a line
        shares = [(across, down) for down in (0.4, 0.5, 0.6) for across in (0.2, 0.4, 0.6, 0.8)]
        spots += [(box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in shares]
        for x, y in spots:
            # twice, since a jump into a figure is no movement over it
            for step in (2, 0):
                page.mouse.move(x + step, y)
            page.wait_for_timeout(pause_ms)
            seen += page.locator(".hoverlayer .hovertext").count()
            assert page.evaluate(EFFECTS) == []
    return seen


def test_the_trap_works(chromium, server, beacon):
    """Were a text taken for what it says, the beacon and the search for effects would both know."""
    page = chromium.new_page()
    page.goto(f"{server}/_stcore/health")
    page.evaluate("texts => { document.body.innerHTML = texts.map(t => `<div>${t}</div>`).join('') }", tame(beacon))
    page.wait_for_timeout(1000)
    assert beacon.heard
    assert {found.partition(":")[0] for found in page.evaluate(EFFECTS)} >= {"markup", "address", "script ran"}
    page.close()
    beacon.heard.clear()


def tame(beacon):
    """All but the one that would swallow the others."""
    return [text for text in short(beacon) if "<script>" not in text]


@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_a_run_takes_effect_on_a_page(watched, hostile_run, name):
    page = watched(f"/{name}?run={RUN}")
    settled(page)
    assert page.evaluate(EFFECTS) == []
    if name in FIGURES:
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=PATIENCE_MS)
        if name == "data":  # the few points of this file's long tail lie too far apart to be met for sure
            labels_of(page, 150)
        else:
            assert hovered(page)
    assert page.evaluate(EFFECTS) == []


def test_lists_to_choose_from_show_names_letter_by_letter(watched, hostile_run):
    page = watched(f"/importance?run={RUN}")
    settled(page)
    page.get_by_role("combobox", name="A feature").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.evaluate(EFFECTS) == []


def test_no_text_of_an_upload_takes_effect(watched, server, beacon, tmp_path):
    page = watched("/data")
    settled(page)
    page.get_by_test_id("stRadio").get_by_text("My own file").click()
    content = hostile_frame(beacon).to_csv(index=False).encode()
    name = "<img src=x onerror=hit=1>![x](http:--127.0.0.1).csv"
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )
    expect(page.get_by_role("heading", name="What each column is")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    assert page.evaluate(EFFECTS) == []
    refused = b"<b class=hit>,![x](http:" + beacon.address.encode() + b")\n1\n"
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": refused}
    )
    expect(page.get_by_test_id("stAlert").first).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate(EFFECTS) == []


@pytest.fixture
def taken(watched, hostile_run):
    """Files of the Export page by their ending."""
    page = watched(f"/export?run={RUN}")
    settled(page)
    files = {}
    for name in ("-figures.html", "-scheme.csv", "-packed.zip", "-projector.zip", ".py", ".sh"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=re.compile(rf"\w{re.escape(name)}$")).click()
        files[name] = waiting.value.path().read_bytes()
    return files


def test_no_export_holds_text_that_takes_effect(taken, watched, chromium, beacon, server):
    page = chromium.new_page()
    strays = []
    page.on("request", lambda r: strays.append(r.url))
    page.set_content(taken["-figures.html"].decode())
    page.wait_for_timeout(1500)
    assert hovered(page)
    assert page.evaluate(EFFECTS) == []
    assert [address for address in strays if not is_own(address, server)] == []
    page.close()
    cells = [cell for row in csv.reader(io.StringIO(taken["-scheme.csv"].decode())) for cell in row]
    with zipfile.ZipFile(io.BytesIO(taken["-packed.zip"])) as archive:
        cells += [c for row in csv.reader(io.StringIO(archive.read("features.csv").decode())) for c in row]
    with zipfile.ZipFile(io.BytesIO(taken["-projector.zip"])) as archive:
        cells += archive.read("metadata.tsv").decode().replace("\n", "\t").split("\t")
    assert any("SUM" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t")) or cell[:2] in ("-1", "-c")] == []
    tree = ast.parse(taken[".py"])
    assert not any(isinstance(node, ast.Name) and node.id == "hit" for node in ast.walk(tree))
    first = taken[".sh"].decode().splitlines()
    assert all(line.startswith(("#", "export OMP_NUM_THREADS=1 ", "python -m dnis ")) for line in first if line)
    assert short(beacon)[0] in shlex.split(next(line for line in first if "search" in line))


def test_the_log_holds_none_of_it(hostile_run, server_folder):
    log = (server_folder / "log").read_text()
    assert "hit" not in log
    assert "beacon" not in log
    assert RUN not in log
