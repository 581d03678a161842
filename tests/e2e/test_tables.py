"""Tables in a real browser: names are links, found and opened by keyboard; sort and ticks outlive a visit elsewhere."""

import re

import pytest
from browsing import open_page, settle, table
from playwright.sync_api import Page, expect

#: A list of each kind of record, words of its table's description, and the address that a name of it leads to.
LISTS = {
    "paper": ("/papers?q=gshard", "Papers that pass", r"/paper\?key="),
    "design": ("/designs?gate=noisy", "Gating designs", r"/design\?key="),
    "other design": ("/designs?component=loss", "Designs of the component", r"/design\?key="),
    "model": ("/models?q=mixtral", "Hyperparameters", r"/model\?key="),
    "system": ("/systems?view=systems", "Systems with what", r"/systems\?.*key="),
    "accelerator": ("/size?models=mixtral|8x7B", "Number of every accelerator", r"/size\?.*accelerator="),
}
#: What has the focus, through shadow roots, by its text and address.
FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at?.matches('a.name') ? [at.textContent, at.getAttribute('href')] : null;
}"""


@pytest.mark.parametrize("kind", LISTS)
def test_records_open_by_keyboard_alone(page: Page, kind: str) -> None:
    path, words, leads_to = LISTS[kind]
    open_page(page, path)
    settle(page)
    for _ in range(12):  # what is far down is drawn when one scrolls there
        if page.get_by_role("region", name=words).count():
            break
        page.mouse.move(600, 500)
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(500)
    found = table(page, words)
    found.scroll_into_view_if_needed()
    found.locator("thead button").last.focus()
    for _ in range(4):  # the box to tick, if there is one, and then the name
        page.keyboard.press("Tab")
        if focused := page.evaluate(FOCUSED):
            break
    name, address = focused
    assert re.fullmatch(r"[a-z-]+\?[a-z]+=[\w.%:-]+", address), "relative: it holds under any base path"
    assert page.evaluate("words => window.find(words)", name), "the browser's own search finds the name"
    found.get_by_role("link", name=name, exact=True).first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(leads_to))


def test_a_name_opens_in_a_tab_of_its_own(page: Page) -> None:
    open_page(page, "/designs")
    first = table(page, "Gating designs").locator("a.name").first
    name = first.text_content()
    assert name
    with page.context.expect_page() as opened:
        first.click(modifiers=["ControlOrMeta"])
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page).to_have_url(re.compile(r"/designs$"))
    opened.value.close()


def test_arrows_lead_along_the_names(page: Page) -> None:
    open_page(page, "/designs")
    names = table(page, "Gating designs").locator("a.name")
    names.first.focus()
    page.keyboard.press("ArrowDown")
    expect(names.nth(1)).to_be_focused()


def test_back_restores_sort_and_ticks(page: Page) -> None:
    open_page(page, "/designs")
    found = table(page, "Gating designs")
    found.get_by_role("button", name="Year").click()
    expect(page).to_have_url(re.compile("sort=-year"))
    heading = found.get_by_role("columnheader", name="Year")
    expect(heading).to_have_attribute("aria-sort", "descending")
    years = [int(text) for text in found.locator("tbody tr td:nth-child(6)").all_inner_texts() if text.strip()]
    assert years == sorted(years, reverse=True)
    boxes = found.get_by_role("checkbox", name=re.compile("^Tick (?!all)"))
    boxes.nth(0).press("Space")
    boxes.nth(2).press("Space")
    expect(page).to_have_url(re.compile("tick=.*%2C"))
    settle(page)
    page.get_by_role("button", name="Compare 2").click()
    expect(page.get_by_role("heading", name="Compare designs", level=1)).to_be_visible()
    settle(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Designs", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile("sort=-year"))
    expect(boxes.nth(2)).to_be_checked()
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Untick all").click()
    expect(page).not_to_have_url(re.compile("tick="))


def test_all_that_is_shown_is_ticked_at_once(page: Page) -> None:
    open_page(page, "/papers?q=gshard")
    found = table(page, "Papers that pass")
    count = found.locator("tbody tr").count()
    found.get_by_role("checkbox", name="Tick all shown").check()
    expect(page.get_by_role("status").filter(has_text=f"{count} ticked")).to_be_visible()
    settle(page)
    page.get_by_role("textbox", name="Search", exact=True).fill("mixtral")
    page.get_by_role("textbox", name="Search", exact=True).press("Enter")
    expect(page.get_by_role("status").filter(has_text="not shown")).to_be_visible()


@pytest.mark.parametrize("path", ["/papers?q=load", "/designs", "/models", "/model?key=deepseek-v3", "/evidence"])
def test_tables_fit_a_phone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, path)
    settle(page)
    expect(page.locator(".records table:visible").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    assert page.locator(".records .box").evaluate_all(cut) == 0
