"""Journeys over Size: three models in their own formats, a change, files, and a link that a colleague opens."""

import json
import re

from browsing import choose, let_in, open_page, settle
from config_files import RELEASED
from playwright.sync_api import Browser, Page, expect


def scroll_to(page: Page, words: str) -> None:
    """Scroll until a part that is drawn when it is near shows these words."""
    for _ in range(40):
        if page.get_by_text(words).first.is_visible():
            return
        page.mouse.move(600, 500)
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(250)
    raise AssertionError(f"{words} never came")


def drop(page: Page, name: str, config: str) -> None:
    upload = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    upload.set_input_files({"name": name, "mimeType": "application/json", "buffer": config.encode()})


def test_three_models_and_a_link(page: Page, browser: Browser, address: str) -> None:
    open_page(page, "/size")
    expect(page.get_by_role("heading", name="What serves it on NVIDIA H200 SXM")).to_be_visible()
    settle(page)
    answer = page.get_by_test_id("stMetricValue")
    for devices in ("8 × NVIDIA H200 SXM", "4 × NVIDIA H200 SXM", "1 × NVIDIA H200 SXM"):
        # The first chart of a window brings plotly, in which a busy processor is stuck for a while.
        expect(answer.filter(has_text=devices)).to_have_count(1, timeout=120_000)
    page.get_by_text("Size a config.json").click()
    drop(page, "mine.json", RELEASED["mixtral-8x7b"])
    expect(page).to_have_url(re.compile(r"config=[\w-]+"))
    expect(page.get_by_text("mine.json (file)").first).to_be_visible()
    settle(page)
    link = page.url

    fresh = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    let_in(fresh, address)
    other = fresh.new_page()
    other.goto(link)
    expect(other.get_by_text("mine.json (file)").first).to_be_visible()
    expect(other.get_by_text("The address carries it.")).to_be_visible()
    expect(other.get_by_test_id("stMetricValue").filter(has_text="NVIDIA H200 SXM")).to_have_count(4, timeout=120_000)
    scroll_to(other, "46,702,792,704")
    fresh.close()


def test_models_are_changed_and_files_refused(page: Page) -> None:
    open_page(page, "/model?key=deepseek-v3")
    page.get_by_role("link", name="Size it: operations, memory, traffic").click()
    expect(page).to_have_url(re.compile(r"/size\?.*models=deepseek-v3"))
    expect(page.get_by_role("heading", name="Size", level=1)).to_be_visible()
    settle(page)
    choice = page.get_by_role("combobox", name="Configurations")
    choice.fill("Mixtral 8x7B")
    page.get_by_role("option", name="Mixtral 8x7B").first.click()
    expect(page).to_have_url(re.compile(r"models=deepseek-v3%7C671B%2Cmixtral%7C8x7B"))
    settle(page)

    page.get_by_text("What if it had other experts?").click()
    settle(page)
    choose(page, "Configuration to modify", "Mixtral 8x7B")
    expect(page.get_by_text("Move a slider to see what it does.")).to_be_visible()
    settle(page)
    page.get_by_role("slider", name="Routed experts E").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"experts=16"))
    expect(page.get_by_role("heading", name="What the change does to Mixtral 8x7B")).to_be_visible()
    expect(page.get_by_test_id("stTable").first).to_contain_text("+96.56%")

    page.get_by_text("Size a config.json").click()
    drop(page, "config.json", json.dumps({"model_type": "mixtral", "new_trick": 3}))
    expect(page.get_by_test_id("stAlert")).to_contain_text("new_trick = 3 is not understood")
    settle(page)
    scroll_to(page, "671,026,404,352")
    expect(page.get_by_text("46,702,792,704")).to_be_visible()
