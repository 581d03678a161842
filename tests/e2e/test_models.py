"""Pictures of models in a real browser: text stays where it was measured, and ticked models are compared."""

import re

import pytest
from browsing import open_page, settle, table
from playwright.sync_api import Page, expect

#: Lines of text that stand over another one or outside their picture, by more than half a pixel.
MISPLACED = """() => {
  const within = root => [...root.querySelectorAll('*')].flatMap(each => each.shadowRoot ? within(each.shadowRoot) : [])
    .concat(...root.querySelectorAll('svg.moe-kb'));
  return within(document).flatMap(svg => {
  if (!svg.checkVisibility()) return [];
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([words, box], number) => {
    const outside = box.left < frame.left - .5 || box.right > frame.right + .5 || box.bottom > frame.bottom + .5;
    const over = boxes.slice(number + 1).filter(([, other]) =>
      box.left < other.right - .5 && other.left < box.right - .5 &&
      box.top < other.bottom - 3 && other.top < box.bottom - 3);
    return [...(outside ? [words + ' outside'] : []), ...over.map(([other]) => words + ' over ' + other)];
  });
}); }"""


def test_text_of_every_picture_stays_in_its_place(page: Page, real_kb) -> None:
    names = [name for name, found in real_kb.sizable().items() if found.architecture]
    records = [f"model:{name.replace('|', '#')}" for name in names]
    drawn = [real_kb.picture(record, size=size).svg for record in records for size in ("page", "card")]
    page.set_content("<body>" + "".join(drawn) + "</body>")
    assert page.locator("svg.moe-kb").count() == 2 * len(names)
    assert page.evaluate(MISPLACED) == []


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_a_model_is_drawn_on_any_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, "/model?key=deepseek-v3")
    settle(page)
    shown = page.locator("svg.moe-kb:visible")
    expect(shown).to_have_count(1)
    expect(shown.locator("text", has_text="Multi-head latent attention").first).to_be_visible()
    assert page.evaluate(MISPLACED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = shown.bounding_box()
    assert box
    assert box["x"] + box["width"] <= width


def tick(page: Page, rows: range) -> None:
    """Tick so many rows of the table of models."""
    boxes = table(page, "Hyperparameters").get_by_role("checkbox", name=re.compile("^Tick (?!all)"))
    for row in rows:
        boxes.nth(row).check()
    settle(page)


def test_ticked_models_are_compared_and_sized(page: Page) -> None:
    open_page(page, "/models?q=qwen3.5")
    tick(page, range(2))
    page.get_by_role("button", name="Compare 2").click()
    expect(page).to_have_url(re.compile(r"/compare\?.*kind=model"))
    expect(page.get_by_role("heading", name="Compare models", level=1)).to_be_visible()
    settle(page)
    shown = page.locator("svg.moe-kb:visible")
    expect(shown).to_have_count(2)
    expect(shown.first.locator("text", has_text="Gated DeltaNet")).to_be_visible()
    lit = shown.first.locator("tspan.lit")
    expect(lit.filter(has_text="query heads").first).to_be_visible()
    expect(page.get_by_test_id("stTable")).to_contain_text("KV cache per token")
    page.get_by_role("link", name="Size these").click()
    expect(page.get_by_role("heading", name="Size", level=1)).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stMultiSelect").first).to_contain_text("Qwen3.5")


def test_more_than_six_ticks_say_so(page: Page) -> None:
    open_page(page, "/models")
    tick(page, range(7))
    button = page.get_by_role("button", name="7 ticked: at most six can be compared")
    expect(button).to_be_visible()
    expect(button).to_be_disabled()
