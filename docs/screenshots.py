"""Take the README's screenshots: start the app on the real data and photograph pages in headless Chromium.

Run `make screenshots` after a change of the app that people would see.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from moe_kb.kb import open_kb
from moe_kb.paths import app_folder

TOKEN = secrets.token_urlsafe()
IMAGES = Path(__file__).parent / "images"
PAGES = {
    "overview": ("", 1250),
    "taxonomy": ("taxonomy", 800),
    "designs": ("compare?keys=switch-top1-router,mixtral-top2-router,deepseek-v3-router", 800),
    "guide": ("which-router?causal=yes&dropless=yes", 900),
    "search": ("search?q=aux+loss+free", 900),
    "model": ("model?key=deepseek-v3", 800),
    "size": ("size", 860),
    "trends": ("trends", 860),
}


def main() -> None:
    """Start the app, take every picture, stop the app."""
    open_kb()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "main.py", "--server.port", str(port), "--server.headless", "true"],
        cwd=app_folder(),
        env=os.environ | {"MOE_KB_TOKEN": TOKEN},
        stdout=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(f"{base}/_stcore/health")
        _photograph(base)
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the app did not start within 30 seconds")


def _photograph(base: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium found. Install it: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.context.request.get(base, params={"token": TOKEN})
        for name, (path, height) in PAGES.items():
            page.set_viewport_size({"width": 1280, "height": height})
            page.goto(f"{base}/{path}")
            page.wait_for_load_state("networkidle")
            page.get_by_test_id("stMainBlockContainer").wait_for(timeout=60_000)
            expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
            page.wait_for_timeout(2000)  # charts animate in
            expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
