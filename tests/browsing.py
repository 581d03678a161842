"""A server of the app, and steps that several journeys in a real browser take."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

#: What lets a browser into the servers that tests start.
TOKEN = "token-of-the-tests"
#: A foreign name that leads the tests' browser to this machine, as after DNS rebinding.
REBOUND = "rebound.example"

#: Where the mark of a record stands in the window, in the first picture.
MARK = """(record) => {
  const chart = document.querySelector('.js-plotly-plot');
  const {xaxis, yaxis} = chart._fullLayout;
  for (const trace of chart.data) {
    const at = (trace.customdata || []).indexOf(record);
    if (at < 0) continue;
    const box = chart.getBoundingClientRect();
    return [box.x + xaxis._offset + xaxis.d2p(trace.x[at]), box.y + yaxis._offset + yaxis.d2p(trace.y[at])];
  }
}"""


@contextmanager
def running_app(log: Path, *options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and the address of `moe-kb app` on a free port, once it answers; what it prints goes to a log.

    A browser's context is let in by `let_in`.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-c", "from moe_kb.cli import main; main()", "app", "--port", str(port), *options]
    streams = {"stdin": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with log.open("w") as out:
        server = subprocess.Popen(
            command,
            env=os.environ | {"MOE_KB_TOKEN": TOKEN} | environment,
            stdout=out,
            start_new_session=True,
            **streams,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while not _answers(url):
            assert server.poll() is None, f"the app ended: {log.read_text()[-4000:]}"
            assert time.monotonic() < end, f"the app did not answer: {log.read_text()[-4000:]}"
            time.sleep(0.3)
        yield server, url
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
        return bool(answer.read() == b"ok")
    return False


def let_in(context: BrowserContext, url: str) -> None:
    """Trade the token for the cookie of a server."""
    assert context.request.get(url, params={"token": TOKEN}).ok


def downloaded(page: Page) -> list[dict[str, str]]:
    """Rows of the CSV file that the page offers."""
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    with started.value.path().open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def open_mark(page: Page, record: str, *hovered: str) -> None:
    """Go to a record by its mark in the first picture, which says these words first."""
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    x, y = page.evaluate(MARK, record)
    page.mouse.move(x, y)
    for words in hovered:
        expect(page.locator(".hoverlayer .hovertext")).to_contain_text(words)
    page.mouse.click(x, y)


def settle(page: Page, *, picture: bool = False) -> None:
    """Wait until the page's script has run to its end: what it still draws would undo a click."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    if picture:
        expect(page.locator(".js-plotly-plot .scatterlayer .point:visible").first).to_be_visible()


def choose(page: Page, label: str, words: str) -> None:
    """Choose from a list that opens; a picture that is drawn meanwhile may close it, and then it is opened again."""
    option = page.get_by_role("option", name=words, exact=True)
    for _ in range(5):
        page.get_by_role("combobox", name=label).click()
        with suppress(PlaywrightTimeoutError):
            option.click(timeout=5_000)
            return
    raise AssertionError(f"{label} never showed {words}")


def open_page(page: Page, path: str) -> None:
    """Go to a page of the app."""
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()  # with the bar come the styles of the page


def table(page: Page, words: str) -> Locator:
    """The table whose description for screen readers contains these words."""
    found = page.get_by_role("region", name=words)
    expect(found.locator("table:visible, canvas:visible").first).to_be_visible()
    settle(page)
    return found
