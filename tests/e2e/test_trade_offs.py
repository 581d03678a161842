"""A journey over the trade-offs: from a choice of measures over the picture to a model, and to the file."""

import re

from browsing import choose, downloaded, open_mark, settle
from playwright.sync_api import Page, expect


def test_a_mark_leads_to_its_model(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Data").click()
    page.get_by_role("link", name="Trade-offs").first.click()
    expect(page.get_by_role("heading", name="Trade-offs", level=1)).to_be_visible()
    settle(page, picture=True)
    choose(page, "Deployment cost", "Memory of the weights (GB)")
    expect(page).to_have_url(re.compile(r"cost=weight_bytes"))
    choose(page, "Weight format", "mxfp4")
    expect(page).to_have_url(re.compile(r"weights=mxfp4"))
    page.get_by_text("GSM8K", exact=True).click()
    expect(page).to_have_url(re.compile(r"benchmark=gsm8k"))
    page.get_by_text(re.compile(r"^5-shot \(\d+\)$")).click()
    expect(page).to_have_url(re.compile(r"setting=5-shot"))
    expect(page.get_by_text(re.compile(r"Excludes scores under \d+ other settings"))).to_be_visible()
    settle(page, picture=True)

    rows = {row["label"]: row for row in downloaded(page)}
    grok = rows["Grok-1 314B"]
    assert (float(grok["accuracy"]), grok["accuracy_of"]) == (62.9, "gsm8k, 5-shot")
    assert grok["accuracy_source"] == "survey-a"
    assert (grok["cost_of"], grok["cost_formula"]) == ("weight_bytes; weights mxfp4", r"\beta N")
    assert "3-shot" in rows["Jamba v0.1"]["accuracy_missing"]

    open_mark(page, "model:grok-1", "Grok-1 314B", "Survey A")
    expect(page).to_have_url(re.compile(r"/model\?.*key=grok-1"))
    expect(page.get_by_role("heading", name="Grok-1", level=1)).to_be_visible()

    page.go_back()
    expect(page).to_have_url(re.compile(r"/trade-offs\?.*weights=mxfp4"))
    page.get_by_text("Formulas, symbols and datasheet values of the accelerator").click()
    expect(page.locator(".katex").first).to_be_visible()
