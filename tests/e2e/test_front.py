"""From the front page into the field: what is below the fold, the tour, the glossary, and a phone."""

import re

from playwright.sync_api import Page, expect


def test_the_front_page_leads_into_the_field(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("link", name="Choose a router")).to_have_attribute("href", re.compile("which-router"))
    page.get_by_role("heading", name="The lineage of gating").scroll_into_view_if_needed()
    design = page.locator(".poster a[data-record='design:noisy-top-k']").first
    expect(design).to_be_attached()
    design.dispatch_event("click")
    expect(page).to_have_url(re.compile(r"/design\?key=noisy-top-k"))
    page.go_back()
    page.get_by_role("link", name="New here?").click()
    expect(page.get_by_role("heading", name="1. A token meets a router")).to_be_visible()
    page.get_by_role("link", name="What the words mean").click()
    page.get_by_role("textbox", name="Search", exact=True).fill("a2a")
    page.keyboard.press("Enter")
    expect(page.locator("p strong").first).to_have_text("all-to-all")


def test_a_phone_lists_models_by_date(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto("/")
    page.get_by_role("heading", name="Models through time").scroll_into_view_if_needed()
    listed = page.locator(".st-key-narrow-timeline")
    expect(listed.get_by_role("link", name="Mixtral", exact=True)).to_be_visible()
    expect(page.locator(".st-key-wide-timeline .js-plotly-plot")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
