"""A journey through the trends: from a measure over its chart to a model, and to a question of the survey's table."""

import re

from browsing import choose, downloaded, open_mark, settle
from playwright.sync_api import Page, expect


def test_a_measure_leads_to_a_model(page: Page) -> None:
    page.goto("/trends")
    expect(page.get_by_role("heading", name="Trends", level=1)).to_be_visible()
    choose(page, "Measure", "Granularity")
    expect(page).to_have_url(re.compile(r"measure=granularity"))
    expect(page.locator(".katex").first).to_be_visible()
    expect(page.get_by_text(re.compile("Medians: 2020"))).to_be_visible()
    settle(page, picture=True)

    rows = downloaded(page)
    assert {"record", "granularity", "source", "released"} <= set(rows[0])
    assert all(row["source"] for row in rows)

    open_mark(page, "model:deepseek-v3", "DeepSeek-V3 671B")
    expect(page).to_have_url(re.compile(r"/model\?.*key=deepseek-v3"))
    expect(page.get_by_role("heading", name="DeepSeek-V3", level=1)).to_be_visible()

    page.go_back()
    expect(page).to_have_url(re.compile(r"/trends\?.*measure=granularity"))
    page.get_by_text("Questions of survey A's Table 2", exact=True).click()
    choose(page, "Question", "Do layers keep experts that every token uses?")
    expect(page).to_have_url(re.compile(r"question=shared"))
    expect(page.get_by_text(re.compile(r"Have shared experts: .* in Table 2, .* newer than the table"))).to_be_visible()
    settle(page, picture=True)
