"""What a reader waits for in a browser, beside Streamlit alone.

First paint of the overview in a fresh browser against a page of Streamlit that holds a heading; the switch to each page
of the menu, until its heading and until its last chart, against the switch to a page of Streamlit that holds one chart
of as many points and the same height. A real server for each and the system's Chromium, in rounds that take turns.

    python -m benchmarks.browser
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import served
from benchmarks.app import ADDRESSES
from benchmarks.measure import REPOSITORY, Result, main, progress, scratch
from moe_kb.kb import KnowledgeBase, open_kb

ROUNDS = 5
PAINT, HEADING, LAST = 1.5, 0.4, 1.0
SECONDS = 60_000

#: Streamlit alone: a page with a heading, and pages with one chart each of a number of points and a height.
PEER = """
import plotly.graph_objects as go
import streamlit as st

def empty():
    st.title("Empty")

def chart(points, height):
    st.title(f"{{points}} points, {{height}} pixels")
    marks = go.Scatter(x=list(range(points)), y=[(i * 7) % 13 for i in range(points)], mode="markers")
    st.plotly_chart(go.Figure(marks, layout={{"height": height}}), key="chart")

pages = [st.Page(empty, title="Empty", default=True)] + [
    st.Page(lambda p=p, h=h: chart(p, h), title=f"Chart {{p}} {{h}}", url_path=f"chart-{{p}}-{{h}}")
    for p, h in {shapes}
]
st.navigation(pages, position="sidebar").run()
"""

#: Goes to an address as the browser's Back does, and waits: seconds until the heading is another, and until nothing in
#: the page has changed any more.
SWITCH = """async (path) => {
  const heading = () => document.querySelector('h1')?.textContent;
  const before = heading(), app = document.querySelector('[data-testid=stApp]');
  let shown = 0, changed = 0;
  const start = performance.now();
  const seen = new MutationObserver(() => {
    const now = performance.now();
    changed = now;
    if (!shown && heading() && heading() !== before) shown = now;
  });
  seen.observe(document.querySelector('[data-testid=stMain]'), {childList: true, subtree: true, characterData: true});
  history.pushState({}, '', path);
  dispatchEvent(new PopStateEvent('popstate', {state: {}}));
  for (;;) {
    await new Promise((done) => setTimeout(done, 50));
    const quiet = performance.now() - changed > 500 && app.dataset.testScriptState === 'notRunning';
    if ((shown && quiet) || performance.now() - start > 30000) break;
  }
  seen.disconnect();
  return [(shown - start) / 1000, (changed - start) / 1000];
}"""

#: Points and heights of the charts in a page.
SHAPES = """() => [...document.querySelectorAll('.js-plotly-plot')].map((chart) => [
  chart.data.reduce((sum, trace) => sum + (trace.x || trace.values || trace.labels || []).length, 0),
  Math.round(chart.getBoundingClientRect().height)])"""


def run() -> list[Result]:
    """All results of this benchmark."""
    kb = open_kb()
    pages = [
        _path(path.stem, kb)
        for path in sorted((REPOSITORY / "app" / "app_pages").glob("*.py"))
        if path.stem != "missing"  # for addresses of no page
    ]
    with scratch() as folder, served.app(REPOSITORY, folder) as app, _chromium() as browser:
        page = _window(browser, app)
        shapes: dict[str, tuple[int, int]] = {}
        for name in pages:
            progress(f"looking at {name}")
            _switch(page, name)
            charts = page.evaluate(SHAPES)
            points, heights = zip(*charts, strict=True) if charts else ((0,), (0,))
            shapes[name] = (max(points), max(heights))
        page.context.close()
        script = folder / "peer.py"
        peers = sorted({shape for shape in shapes.values() if shape[1]} | {(1, 300)})
        script.write_text(PEER.format(shapes=peers), encoding="utf-8")
        with served.streamlit(script) as alone:
            painted = _painted(browser, app, alone)
            return [painted, *_switched(browser, app, alone, shapes)]


def _path(name: str, kb: KnowledgeBase) -> str:
    """Address of a page; of one that shows a record, with the record that has the most to show."""
    address = ADDRESSES.get(name)
    path = {"overview": "", "guide": "which-router"}.get(name, name.replace("_", "-"))
    return path + (f"?{urlencode(address(kb))}" if address else "")


def _painted(browser: Browser, app: served.Server, alone: served.Server) -> Result:
    """First paint of the overview, each time in a browser that has seen nothing."""
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(ROUNDS + 1):
        progress(f"first paint, round {number} of {ROUNDS}")
        for name, server in (("ours", app), ("peer", alone)):
            context = _let_in(browser, server)
            page = context.new_page()
            start = time.perf_counter()
            page.goto("/")
            page.locator("h1").first.wait_for(timeout=SECONDS)
            if number:  # the first one warms the servers
                times[name].append(time.perf_counter() - start)
            context.close()
    ours, peer = (statistics.median(found) for found in times.values())
    measured = f"{ours:.2f} s; Streamlit alone {peer:.2f} s"
    what = "first paint of the overview in a fresh browser"
    return Result(what, measured, f"{ours / peer:.2f}x", f"<= {PAINT}x", ours <= PAINT * peer)


def _switched(
    browser: Browser, app: served.Server, alone: served.Server, shapes: dict[str, tuple[int, int]]
) -> Iterator[Result]:
    """The switch to each page and back to the overview, beside the peer's switch to a chart of that size."""
    ours, peer = _window(browser, app), _window(browser, alone)
    at = ""
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in shapes}
    for number in range(ROUNDS + 1):
        progress(f"switches, round {number} of {ROUNDS}")
        for name, (points, height) in shapes.items():
            start = "" if name else "query"
            if at != start:
                _switch(ours, start)
            found = (*_switch(ours, name), *_switch(peer, f"chart-{points}-{height}" if height else "chart-1-300"))
            at = name
            _switch(peer, "")
            if number:
                times[name].append(found)
    for name, rounds in times.items():
        heading, last, peer_heading, peer_last = (statistics.median(column) for column in zip(*rounds, strict=True))
        yield Result(
            f"switch to `{name.partition('?')[0] or 'overview'}`",
            f"heading {heading * 1e3:.0f} ms, all {last * 1e3:.0f} ms; "
            f"a chart of {shapes[name][0]} points alone {peer_heading * 1e3:.0f} and {peer_last * 1e3:.0f} ms",
            f"{heading / peer_heading:.2f}x, {last / peer_last:.2f}x",
            f"<= {HEADING * 1e3:.0f} ms, <= {LAST * 1e3:.0f} ms",
            heading <= HEADING and last <= LAST,
        )


def _switch(page: Page, name: str) -> tuple[float, float]:
    heading, last = page.evaluate(SWITCH, f"/{name}")
    if heading < 0:
        raise RuntimeError(f"/{name} never showed a heading of its own")
    return heading, last


def _window(browser: Browser, server: served.Server) -> Page:
    """A window that shows the server's first page."""
    page = _let_in(browser, server).new_page()
    page.goto("/")
    page.locator("h1").first.wait_for(timeout=SECONDS)
    page.wait_for_timeout(2_000)
    return page


def _let_in(browser: Browser, server: served.Server) -> BrowserContext:
    context = browser.new_context(base_url=server.origin, viewport={"width": 1280, "height": 800})
    if server.token:
        context.request.get("/", params={"token": server.token})
    return context


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    main("Browser", run)
