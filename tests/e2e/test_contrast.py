"""Every visible text of every page, in both themes, stands out from what is behind it (WCAG 2, level AA)."""

from pathlib import Path

import pytest
from browsing import open_page, settle
from playwright.sync_api import Page, expect

POOR = (Path(__file__).parents[1] / "contrast.js").read_text(encoding="utf-8").partition("\n")[2]
PAGES = (
    "/", "/papers?q=load", "/papers?tick=gshard", "/designs", "/designs?show=gallery", "/designs?show=lineage",
    "/models", "/trends", "/trends?view=glance", "/trends?view=table-2", "/trade-offs", "/size", "/systems",
    "/systems?view=systems", "/systems?view=tables", "/evidence", "/query", "/lab", "/taxonomy", "/search?q=load",
    "/lab?implementation=switch-top1-router", "/guide", "/tour", "/author?name=Noam+Shazeer",
    "/paper?key=switch-transformer", "/design?key=noisy-top-k", "/news", "/reading", "/glossary",
    "/model?key=deepseek-v3", "/compare?keys=noisy-top-k,switch-top1-router", "/paper?key=none-such", "/none-such",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 1280, "height": 4000})  # what is far down is drawn when it comes near
    poor = {}
    for path in PAGES:
        open_page(page, path)
        settle(page)
        if found := page.evaluate(POOR):
            poor[path] = found
    assert poor == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hover_boxes_can_be_read(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    open_page(page, "/models")
    settle(page, picture=True)
    page.locator(".js-plotly-plot .point").first.hover(force=True)
    expect(page.locator(".hoverlayer .hovertext")).to_be_visible()
    assert page.evaluate(POOR) == []
