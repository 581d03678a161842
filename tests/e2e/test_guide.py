"""A router is chosen, and its code copied."""

import re

from browsing import settle
from playwright.sync_api import Page, expect


def test_a_router_is_chosen_and_its_code_copied(page: Page):
    page.goto("/which-router")
    expect(page.get_by_role("heading", name="Which router?", level=1)).to_be_visible()
    page.get_by_role("radio", name="Yes, token by token").click()
    expect(page).to_have_url(re.compile(r"causal=yes"))
    settle(page)
    page.get_by_role("radio", name="No, balance without one").click()
    expect(page).to_have_url(re.compile(r"loss=no"))
    settle(page)
    first = page.get_by_role("heading", name=re.compile(r"^1\. ")).inner_text()
    expect(page.locator("svg[role=img]").first).to_be_visible()
    page.reload()  # the answers stand in the address
    expect(page.get_by_role("heading", name=first)).to_be_visible()
    code = page.get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "from reference_impls import make_layer" in copied
    exec(compile(copied, "copied", "exec"), {})
    page.get_by_role("link", name=f"{first.partition('. ')[2]}: equations and sources").click()
    expect(page.get_by_role("heading", name=first.partition(". ")[2], level=1)).to_be_visible()
    page.get_by_role("tab", name="Code").click()
    expect(page.get_by_text("router.py", exact=True)).to_be_visible()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") < 4000
