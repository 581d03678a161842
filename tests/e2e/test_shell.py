"""The bar and the browser's history: what Back leads to, what is copied, where the keyboard goes."""

import re

import pytest
from browsing import open_page, settle
from playwright.sync_api import Page, expect

#: What has the focus, through shadow roots, and whether it or the box around it has a ring of two pixels.
RING = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  if (!at || at === document.body) return null;
  const ringed = (element, up) => element && up >= 0 && (
    (getComputedStyle(element).outlineStyle === 'solid' && parseFloat(getComputedStyle(element).outlineWidth) >= 2)
    || ringed(element.parentElement, up - 1));
  return [at.dataset.testid || at.tagName, ringed(at, 4)];
}"""


def search_box(page: Page):
    return page.get_by_role("searchbox", name="Search everything")


def follow(page: Page, name: str | re.Pattern[str]) -> None:
    """Follow a link of the bar."""
    page.get_by_role("link", name=name).first.click()


def test_back_leads_to_the_list_as_it_was(page: Page) -> None:
    open_page(page, "/papers")
    page.get_by_role("textbox", name="Search", exact=True).fill("moe")
    page.get_by_role("textbox", name="Search", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"q=moe"))
    page.get_by_text("Has code").click()
    expect(page).to_have_url(re.compile(r"/papers\?q=moe&code=yes$"))
    settle(page)
    follow(page, "Size")
    expect(page).to_have_url(re.compile(r"/size$"))
    expect(page).to_have_title("Size · moe-kb")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/papers\?q=moe&code=yes$"))
    expect(page.get_by_role("textbox", name="Search", exact=True)).to_have_value("moe")
    expect(page.get_by_role("switch", name="Has code").or_(page.get_by_label("Has code"))).to_be_checked()


def test_a_click_leads_to_a_clean_address_and_back(page: Page) -> None:
    open_page(page, "/designs?show=gallery&chooser=expert")
    settle(page)
    page.locator("a.name").first.click()
    expect(page).to_have_url(re.compile(r"/design\?key=[a-z0-9.-]+$"))
    settle(page)
    first = page.url
    follow(page, re.compile("^Next: "))
    expect(page).not_to_have_url(first)
    expect(page).to_have_url(re.compile(r"/design\?key=[a-z0-9.-]+$"))
    settle(page)
    page.go_back()
    expect(page).to_have_url(first)
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/designs\?show=gallery&chooser=expert$"))
    expect(page.get_by_text(re.compile(r"Filter by properties \(1 active\)"))).to_be_visible()


def test_back_from_comparing_keeps_ticks_and_sort(page: Page) -> None:
    open_page(page, "/designs?chooser=expert&sort=-year&tick=expert-choice%2Cnoisy-top-k")
    settle(page)
    page.get_by_role("button", name="Compare 2").click()
    expect(page).to_have_url(re.compile(r"/compare\?keys=expert-choice%2Cnoisy-top-k$"))
    expect(page.get_by_role("heading", name="Compare designs", level=1)).to_be_visible()
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/designs\?chooser=expert&sort=-year&tick=expert-choice%2Cnoisy-top-k$"))
    expect(page.get_by_role("button", name="Compare 2")).to_be_enabled()


def test_sliders_make_no_entries_and_places_do(page: Page) -> None:
    open_page(page, "/papers")
    settle(page)
    follow(page, "Size")
    expect(page.get_by_role("heading", name="Size", level=1)).to_be_visible()
    settle(page)
    slider = page.get_by_role("slider", name="Context")
    for tokens in (16384, 32768, 65536):
        slider.press("ArrowRight")
        expect(page).to_have_url(re.compile(rf"context={tokens}"))
        settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/papers$"))
    page.go_forward()
    expect(page).to_have_url(re.compile(r"/size\?context=65536$"))

    open_page(page, "/taxonomy")
    settle(page)
    page.get_by_role("combobox", name="Node").fill("gating")
    page.get_by_role("option", name=re.compile("gating", re.IGNORECASE)).first.click()
    expect(page).to_have_url(re.compile(r"node="))
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/taxonomy$"))


def test_slash_searches_from_every_page(page: Page) -> None:
    open_page(page, "/trends")
    settle(page)
    page.keyboard.press("/")
    expect(search_box(page)).to_be_focused()
    page.keyboard.type("a/b")  # a slash that is typed stays one
    expect(search_box(page)).to_have_value("a/b")
    search_box(page).fill("switch")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=switch$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_links_in_words_stay_in_the_app(page: Page) -> None:
    open_page(page, "/search?q=mixtral")
    settle(page)
    loads: list[str] = []
    page.on("load", lambda at: loads.append(at.url))
    page.locator("[data-testid=stMarkdown] a[href*='key=']").first.click()
    expect(page).to_have_url(re.compile(r"/(paper|model|design)\?key=[a-z0-9.-]+$"))
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/search\?q=mixtral$"))
    assert loads == []
    assert len(page.context.pages) == 1


def test_copied_links_hold_what_the_page_reads(page: Page, address: str) -> None:
    open_page(page, "/model?under=survey-a%3A&key=deepseek-v3&q=x")
    expect(page).to_have_url(f"{address}/model?key=deepseek-v3")
    expect(page).to_have_title("DeepSeek-V3 · moe-kb")
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.length > 0)")
    assert page.evaluate("navigator.clipboard.readText()") == f"{address}/model?key=deepseek-v3"


def test_an_address_of_no_page_says_so(page: Page) -> None:
    open_page(page, "/router/switch-transformer")
    expect(page.get_by_role("heading", name="No such page", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Search for")).to_have_value("router switch transformer")
    page.get_by_role("textbox", name="Search for").press("Enter")
    expect(page).to_have_url(re.compile(r"q=router"))


@pytest.mark.parametrize("path", ["/papers", "/size", "/lab?implementation=noisy-top-k", "/design?key=noisy-top-k"])
def test_every_focus_has_a_ring(page: Page, path: str) -> None:
    open_page(page, path)
    settle(page)
    reached, bare = set(), set()
    for _ in range(60):
        page.keyboard.press("Tab")
        if (found := page.evaluate(RING)) is None:
            continue
        if not found[1]:  # it may be fading in
            page.wait_for_timeout(400)
            found = page.evaluate(RING)
        name, ringed = found
        (reached if ringed or name == "stMain" else bare).add(name)
    assert bare == set()
    assert len(reached) > 3


def test_the_page_itself_has_no_frame(page: Page) -> None:
    open_page(page, "/papers")
    settle(page)
    page.get_by_test_id("stMain").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"
    assert page.evaluate("getComputedStyle(document.activeElement).boxShadow") == "none"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_menu_opens_by_keyboard(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, "/papers")
    settle(page)
    if width < 1000:
        page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("button", name="Data").press("Enter")
    expect(page.get_by_role("link", name="Trends", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Trends", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Data").press("Enter")
    page.get_by_role("link", name="Taxonomy", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"/taxonomy$"))
    expect(page.get_by_role("link", name="Trends", exact=True)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_style_of_the_theme_is_refused(page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
    open_page(page, "/papers")
    settle(page)
    assert [text for text in said if "Weight" in text or "theme" in text] == []
