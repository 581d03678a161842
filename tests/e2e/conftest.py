"""A real server on a free loopback port and the system's Chromium in front of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import REBOUND, let_in, running_app
from playwright.sync_api import Browser, Page, expect, sync_playwright
from trees import REPOSITORY

expect.set_options(timeout=30_000)  # a first page loads Streamlit and plotly on whatever processor there is


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on the real records, as `moe-kb app` starts it; its runs and its home are the tests' own."""
    home = tmp_path_factory.mktemp("home")
    folders = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "MOE_KB_ROOT": REPOSITORY, "MOE_KB_LAB": home / "runs"}
    log = home / "server.log"
    with running_app(log, "--no-browser", **{name: str(folder) for name, folder in folders.items()}) as (_, url):
        yield url
    said = log.read_text()
    assert "Traceback" not in said, said[-4000:]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium on the path; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        # Without its sandbox, since a test may run as root in a container; it opens nothing but the app.
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh window at the app; it ends with no error on the page and none thrown in the browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    let_in(context, address)
    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    assert page.get_by_test_id("stException").count() == 0
    context.close()
    assert thrown == []
