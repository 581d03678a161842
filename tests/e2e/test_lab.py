"""The laboratory in a browser: several designs under one budget, ticks, names."""

import re

from playwright.sync_api import Page, expect

TINY = {
    "steps": 8, "batch_size": 2, "sequence_length": 32, "d_model": 16, "n_layers": 2, "n_heads": 2, "d_expert": 16,
    "domain_bytes": 20_000, "validation_every": 4, "validation_sequences": 4, "threads": 1,
}  # fmt: skip


def test_designs_run_under_one_budget_and_are_compared(page: Page) -> None:
    tiny = "&".join(f"set={name}:{value}" for name, value in TINY.items())
    page.goto(f"/lab?compare=mixtral-top2-router,gshard-top2&preset=&{tiny}")
    expect(page.get_by_text("One budget.")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Launch all 3").click()
    expect(page.get_by_text("Compare runs")).to_be_visible()
    three = re.compile(r"tick=\w+-\w+-\w+%2C\w+-\w+-\w+%2C\w+-\w+-\w+")
    expect(page).to_have_url(three)
    expect(page.get_by_text("Faint: training. Strong: validation.")).to_be_visible(timeout=120_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)

    page.goto("/lab?view=runs")
    expect(page.get_by_text("Tick runs in the table")).to_be_visible()
    rows = page.get_by_role("table", name="Runs, newest first").get_by_role("row")
    for row in range(1, 4):
        rows.nth(row).get_by_role("checkbox").check()
    expect(page).to_have_url(three)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)

    rows.nth(3).get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"run=\w+-\w+-\w+$"))
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("My <b>first</b> run")
    page.get_by_role("textbox", name="Name").press("Enter")
    expect(page.get_by_role("heading", name="My <b>first</b> run")).to_be_visible()
