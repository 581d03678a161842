"""A journey over the trade-offs: from a choice of measures over the picture to a model, and to the file."""

from __future__ import annotations

import csv
import re

from browsing import MARK, choose, settle
from playwright.sync_api import Page, expect


def test_a_mark_leads_to_its_model(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Trade-offs").first.click()
    expect(page.get_by_role("heading", name="Trade-offs", level=1)).to_be_visible()
    settle(page, picture=True)
    choose(page, "Deployment cost", "Memory of the weights (GB)")
    expect(page).to_have_url(re.compile(r"cost=weight_bytes"))
    choose(page, "Weight precision", "mxfp4")
    expect(page).to_have_url(re.compile(r"weights=mxfp4"))
    page.get_by_text("GSM8K", exact=True).click()
    expect(page).to_have_url(re.compile(r"benchmark=gsm8k"))
    page.get_by_text("5-shot (6)", exact=True).click()
    expect(page).to_have_url(re.compile(r"setting=5-shot"))
    expect(page.get_by_text("Excludes scores under 2 other settings")).to_be_visible()
    settle(page, picture=True)

    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    with started.value.path().open(newline="", encoding="utf-8") as file:
        rows = {row["label"]: row for row in csv.DictReader(file)}
    grok = rows["Grok-1 314B"]
    assert (float(grok["accuracy"]), grok["accuracy_of"], grok["accuracy_source"]) == (
        62.9,
        "gsm8k, 5-shot",
        "survey-a",
    )
    assert (grok["cost_of"], grok["cost_formula"]) == ("weight_bytes; weights mxfp4", r"\beta N")
    assert "3-shot" in rows["Jamba v0.1"]["accuracy_missing"]

    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    x, y = page.evaluate(MARK, "model:grok-1")
    page.mouse.move(x, y)
    hover = page.locator(".hoverlayer .hovertext")
    expect(hover).to_contain_text("Grok-1 314B")
    expect(hover).to_contain_text("Survey A")
    page.mouse.click(x, y)
    expect(page).to_have_url(re.compile(r"/model\?.*key=grok-1"))
    expect(page.get_by_role("heading", name="Grok-1", level=1)).to_be_visible()

    page.go_back()
    expect(page).to_have_url(re.compile(r"/trade-offs\?.*weights=mxfp4"))
    page.get_by_text("Formulas, symbols and datasheet values of the accelerator").click()
    expect(page.locator(".katex").first).to_be_visible()
