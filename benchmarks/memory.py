"""Memory of the server under large results: 34 queries of 50 MB, each asked and downloaded in a window of its own.

A real server and the system's Chromium. Windows are closed ten queries later, so some are always open.

    python -m benchmarks.memory
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import BrowserContext, expect, sync_playwright

from benchmarks import served
from benchmarks.measure import REPOSITORY, Result, main, progress, scratch
from moe_kb.kb import open_kb

QUERIES = 34
OPEN = 10
LIMIT = 150
#: Rows of ten thousand letters, just below the 50 MB that a result may have; the number makes each query another.
SQL = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, {number} AS number, "
    "replace(replace(replace('aaaaaaaaaa', 'a', 'aaaaaaaaaa'), 'a', 'aaaaaaaaaa'), 'a', 'abcdefghij') AS text "
    "FROM n LIMIT 4990"
)
SECONDS = 60_000


def run() -> list[Result]:
    """All results of this benchmark."""
    open_kb()
    with scratch() as folder, served.app(REPOSITORY, folder) as server, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        windows: list[BrowserContext] = []

        def ask(number: int) -> None:
            windows.append(browser.new_context(base_url=server.origin))
            windows[-1].request.get("/", params={"token": server.token})
            page = windows[-1].new_page()
            page.goto("/query?" + urlencode({"sql": SQL.format(number=number)}))
            page.get_by_test_id("stFormSubmitButton").get_by_role("button").click(timeout=SECONDS)
            expect(page.get_by_text("Only the first")).to_be_visible(timeout=SECONDS)
            with page.expect_download(timeout=SECONDS) as download:
                page.get_by_role("button", name="Download CSV").click()
            size = Path(download.value.path()).stat().st_size
            if size < 45e6:
                raise RuntimeError(f"the download has {size} bytes")
            if len(windows) > OPEN:
                windows.pop(0).close()

        ask(0)  # what the first of its kind loads stays, however many follow
        time.sleep(2)
        start = _megabytes(server.process)
        levels = []
        for number in range(1, QUERIES + 1):
            ask(number)
            levels.append(_megabytes(server.process))
            progress(f"query {number}: {levels[-1]:.0f} MB")
        for window in windows:
            window.close()
        browser.close()
        time.sleep(5)
        end = _megabytes(server.process)
    measured = f"{start:.0f} MB after the first, {end:.0f} MB after all, at most {max(levels):.0f} MB between"
    what = f"server's memory over {QUERIES} queries of 50 MB, each downloaded"
    return [Result(what, measured, f"{end - start:+.0f} MB", f"<= {LIMIT} MB more", end - start <= LIMIT)]


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


if __name__ == "__main__":
    main("Memory", run)
