"""Pictures in a real browser: their words are text, clicks open records, files are saved, labels are apart."""

import itertools
import re
from xml.etree import ElementTree

from browsing import settle
from playwright.sync_api import Page, expect

BOXES = """(svg) => [...svg.querySelectorAll('text')].map((text) => {
  const {x, y, width, height} = text.getBBox();
  return [text.textContent, x, y + 0.2 * height, x + width, y + 0.85 * height];
})"""


def test_words_of_a_picture_are_text(page: Page):
    page.goto("/design?key=deepseek-v3-router")
    picture = page.locator(".wide svg")
    expect(picture).to_be_visible()
    expect(picture.locator("text", has_text="experts in 8 groups")).to_be_visible()
    assert picture.get_attribute("aria-label").startswith("DeepSeek-V3 router. Tokens choose")
    picture.locator("text", has_text=re.compile("^sigmoid$")).first.dblclick()
    assert page.evaluate("window.getSelection().toString()").strip() == "sigmoid"
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".narrow svg")).to_be_visible()
    expect(picture).to_be_hidden()


def test_pictures_are_saved(page: Page):
    page.goto("/design?key=expert-choice")
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    assert saved.value.suggested_filename == "expert-choice.svg"
    assert ElementTree.parse(saved.value.path()).getroot().get("width") == "960"
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename == "expert-choice.png"
    content = saved.value.path().read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1920
    assert len(content) > 30_000, "something is drawn"


def test_a_name_in_the_gallery_opens_its_design(page: Page):
    page.goto("/designs?show=gallery")
    link = page.get_by_role("link", name="Noisy top-k gating (2017)", exact=True)
    assert link.get_attribute("href") == "design?key=noisy-top-k"
    link.click()
    expect(page.get_by_role("heading", name="Noisy top-k gating")).to_be_visible()
    assert "key=noisy-top-k" in page.url
    page.go_back()
    expect(page.get_by_role("link", name="Noisy top-k gating (2017)", exact=True)).to_be_visible()


def test_a_name_in_the_lineage_opens_by_keyboard(page: Page):
    page.goto("/designs?show=lineage")
    settle(page)
    link = page.locator("a[data-record='model:mixtral']").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/model\?.*key=mixtral"))


def test_a_design_in_the_lineage_shows_its_relations(page: Page):
    page.goto("/designs?show=lineage")
    settle(page)
    page.locator("a[data-record='design:noisy-top-k']").hover()
    other = page.locator("g[data-part='design:hierarchical-mixture design:dense-softmax-mixture']")
    own = page.locator("g[data-part='design:noisy-top-k design:dense-softmax-mixture']")
    assert (other.evaluate("g => g.style.opacity"), own.evaluate("g => g.style.opacity")) == ("0.08", "")


def test_labels_of_the_poster_are_apart(page: Page, real_kb):
    page.set_content(real_kb.picture("lineage").svg)
    boxes = page.locator("svg").evaluate(BOXES)
    assert len(boxes) > 200
    for (one, *a), (other, *b) in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
