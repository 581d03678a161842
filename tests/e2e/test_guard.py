"""Who is kept out of the app, in a real browser: frames, foreign hosts and origins, and whoever lacks the token."""

import re
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from browsing import REBOUND, TOKEN, running_app
from playwright.sync_api import Browser, Page, expect

#: Whether a WebSocket to the app opens, and what a page learns of an answer.
OPENS = """url => new Promise(done => {
  const socket = new WebSocket(url, ["streamlit"]);
  socket.onopen = () => done(true);
  socket.onerror = () => done(false);
})"""
ASKS = """url => fetch(url, {credentials: "include"}).then(answer => answer.text(), problem => String(problem))"""


@pytest.fixture(scope="module")
def elsewhere(address: str) -> Iterator[str]:
    """Another server of this machine, whose every page frames the app."""
    body = f'<!doctype html><title>elsewhere</title><iframe src="{address}/lab" width="900" height="700"></iframe>'

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def stranger(browser: Browser, address: str) -> Iterator[Page]:
    """A window without a token, as another user of the machine has."""
    context = browser.new_context(base_url=address)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_page_can_frame_the_app(page: Page, elsewhere: str, host: str) -> None:
    with page.expect_response(re.compile("/lab$")) as answer:
        page.goto(elsewhere.replace("127.0.0.1", host))
    assert answer.value.headers["x-frame-options"] == "DENY"
    page.wait_for_load_state("networkidle")
    assert page.frames[1].url.startswith("chrome-error:")
    expect(page.frame_locator("iframe").get_by_test_id("stApp")).to_have_count(0)


def test_pages_of_another_port_get_no_connection(page: Page, elsewhere: str, address: str) -> None:
    # The window has the cookie, and a browser sends it: another port is the same site.
    stream = f"ws{address[4:]}/_stcore/stream"
    page.goto(f"{address}/lab")
    assert page.evaluate(OPENS, stream)
    page.goto(elsewhere)
    assert not page.evaluate(OPENS, stream)
    assert "Failed to fetch" in page.evaluate(ASKS, f"{address}/_stcore/host-config")
    page.goto("data:text/html,<title>no origin</title>")
    assert not page.evaluate(OPENS, stream)


def test_a_foreign_name_of_this_machine_is_refused(page: Page, address: str) -> None:
    foreign = f"http://{REBOUND}:{urlsplit(address).port}"
    answer = page.goto(f"{foreign}/?token={TOKEN}")
    assert answer
    assert answer.status == 403
    expect(page.get_by_text("this server has another name")).to_be_visible()
    assert not page.evaluate(OPENS, f"ws{foreign[4:]}/_stcore/stream")


def test_another_user_sees_a_field_for_the_token(stranger: Page, address: str) -> None:
    answer = stranger.goto("/paper?key=mixtral")
    assert answer
    assert answer.status == 403
    field = stranger.get_by_label("Token")
    expect(field).to_be_visible()
    for path in ("/_stcore/host-config", "/static/index.html", "/media/x", "/_stcore/metrics"):
        assert stranger.context.request.get(address + path).status == 403
    stranger.goto("about:blank")
    assert not stranger.evaluate(OPENS, f"ws{address[4:]}/_stcore/stream")

    stranger.goto("/paper?key=mixtral")
    field.fill("guess")
    field.press("Enter")
    expect(stranger.get_by_text("not the one of this server")).to_be_visible()
    field.fill(TOKEN)
    field.press("Enter")
    expect(stranger.get_by_role("heading", level=1)).to_contain_text("Mixtral")
    assert urlsplit(stranger.url)[2:4] == ("/paper", "key=mixtral")


def test_the_printed_address_opens_and_loses_its_token(stranger: Page, address: str) -> None:
    stranger.goto(f"/papers?q=seekmoe&token={TOKEN}")
    expect(stranger.get_by_role("heading", name="Papers", level=1)).to_be_visible()
    assert stranger.url == f"{address}/papers?q=seekmoe"
    kept = next(cookie for cookie in stranger.context.cookies() if cookie["name"].startswith("moe-kb-"))
    assert (kept["httpOnly"], kept["sameSite"]) == (True, "Strict")
    assert TOKEN not in kept["value"]
    stranger.goto("/")
    expect(stranger.get_by_role("heading", level=1)).to_be_visible()


def test_a_wrong_token_in_the_address_opens_nothing(stranger: Page) -> None:
    stranger.goto("/papers?token=guess")
    expect(stranger.get_by_label("Token")).to_be_visible()
    expect(stranger.get_by_test_id("stApp")).to_have_count(0)


def test_a_link_from_elsewhere_opens_for_who_is_in(page: Page, address: str) -> None:
    page.goto("data:text/html,<title>elsewhere</title>")
    page.evaluate("url => { location.href = url }", f"{address}/papers?q=seekmoe")
    expect(page.get_by_role("heading", name="Papers", level=1)).to_be_visible()
    assert page.url == f"{address}/papers?q=seekmoe"


def test_the_browser_opens_without_a_token_on_a_command_line(browser: Browser, tmp_path: Path) -> None:
    # Stands for a browser: keeps its arguments and goes on for as long as one would.
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/opened\nexec sleep 60\n')
    opener.chmod(0o700)
    with running_app(tmp_path / "log", HOME=str(tmp_path), BROWSER=str(opener)) as (process, url):
        app = psutil.Process(process.pid)
        started = [app, *app.children(recursive=True)]
        assert not any(TOKEN in part for member in started for part in member.cmdline())
        end = time.monotonic() + 30  # the server may answer before the browser is called
        while not (tmp_path / "opened").exists() and time.monotonic() < end:
            time.sleep(0.1)
        path = Path((tmp_path / "opened").read_text().strip().removeprefix("file://"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        context = browser.new_context()
        page = context.new_page()
        page.goto(path.as_uri())
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page).to_have_url(f"{url}/")
        context.close()
    end = time.monotonic() + 20  # the server is told to stop, and not waited for
    while path.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not path.exists()
