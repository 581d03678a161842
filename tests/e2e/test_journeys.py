"""Journeys through the app in a real browser, from the question to the answer."""

import re
import time
from contextlib import suppress
from urllib.parse import urlencode

import bibtexparser
import psutil
import pybtex.database
from browsing import choose, downloaded, open_page, settle, table
from playwright.sync_api import Locator, Page, expect


def cell(found: Locator, text: str) -> Locator:
    """The first cell with exactly this text, as the table tells it to screen readers beside its canvas."""
    return found.locator("[role=gridcell]").filter(has_text=re.compile(f"^{re.escape(text)}$")).first


def type_number(page: Page, label: str, value: int) -> None:
    box = page.get_by_role("spinbutton", name=label, exact=True)
    box.fill(str(value))
    box.press("Enter")


def test_find_a_paper_by_a_part_of_its_name_and_copy_its_bibtex(page: Page) -> None:
    open_page(page, "/")
    page.get_by_role("link", name="Papers").first.click()
    search = page.get_by_role("textbox", name="Search")
    search.fill("seekmoe")
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"q=seekmoe"))
    table(page, "Papers that pass").get_by_role("link", name=re.compile("^DeepSeekMoE")).click()
    expect(page).to_have_url(re.compile(r"/paper\?.*key=deepseekmoe"))
    expect(page.get_by_role("heading", name="DeepSeekMoE", level=1)).to_be_visible()
    entry = page.get_by_test_id("stCode").first
    entry.hover()
    entry.get_by_role("button", name="Copy to clipboard").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("@")
    assert "2401.06066" in copied
    assert copied.count("{") == copied.count("}")


def test_find_papers_and_save_their_bibtex(page: Page) -> None:
    open_page(page, "/papers")
    settle(page)
    choose(page, "Classified as", "Survey A: Algorithm")
    settle(page)
    button = page.get_by_role("button", name=re.compile(r"\.bib of these [0-9]+ papers"))
    expect(button).to_be_visible()
    with page.expect_download() as started:
        button.click()
    number = int(re.search(r"[0-9]+", button.inner_text())[0])
    saved = started.value.path().read_text(encoding="utf-8")
    assert number >= 50
    assert len(pybtex.database.parse_string(saved, "bibtex").entries) == number
    library = bibtexparser.parse_string(saved)
    assert (len(library.entries), library.failed_blocks) == (number, [])


def click_box(page: Page, label: str) -> None:
    """Click a box of the taxonomy's picture."""
    text = page.locator(".js-plotly-plot .slice .slicetext").filter(has_text=re.compile(f"^{label} ")).first
    expect(text).to_be_visible()
    box = text.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_drill_the_taxonomy_to_a_design_and_compare_it_with_another(page: Page) -> None:
    open_page(page, "/taxonomy")
    for label in ("Algorithm", "Gating function", "Sparse", "Expert-choice"):
        click_box(page, label)
        expect(page.get_by_role("heading", name=label, level=2)).to_be_visible()
        settle(page)
    expect(page).to_have_url(re.compile(r"node=survey-a%3Aalgorithm%2Fgating-function%2Fsparse%2Fexpert-choice"))
    page.get_by_role("tab", name=re.compile("^Designs")).click()
    table(page, "Designs at this node").get_by_role("link", name="Expert choice", exact=True).click()
    expect(page.get_by_role("heading", name="Expert choice", level=1)).to_be_visible()
    expect(page.locator(".katex").first).to_be_visible()
    page.get_by_role("button", name="Compare", exact=True).click()
    choice = page.get_by_role("combobox", name="Designs")
    choice.fill("Switch top-1 router")
    page.get_by_role("option", name=re.compile("Switch top-1")).first.click()
    expect(page).to_have_url(re.compile(r"keys=expert-choice.*switch-top1-router"))
    compared = page.get_by_test_id("stTable")
    expect(compared).to_be_visible()
    for name in ("Expert choice", "Switch top-1 router"):
        expect(compared.locator("thead")).to_contain_text(name)
    expect(compared).to_contain_text("≠")


def test_run_a_query_and_download_it(page: Page) -> None:
    open_page(page, "/query")
    editor = page.get_by_role("textbox", name="SQL")
    sql = "SELECT key, year FROM papers WHERE year = 2017 ORDER BY key"
    editor.fill(sql)
    editor.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"sql=SELECT"))
    expect(cell(table(page, "Result of the query"), "2017")).to_be_attached()
    rows = downloaded(page)
    assert list(rows[0]) == ["key", "year"]
    assert {row["year"] for row in rows} == {"2017"}

    page.reload()
    expect(page.get_by_role("textbox", name="SQL")).to_have_value(sql)
    editor.fill("DROP TABLE papers")
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("refused")
    page.get_by_role("button", name="Which models use which router?").click()
    expect(page.get_by_role("textbox", name="SQL")).to_have_value(re.compile("models_by_router"))
    page.get_by_text("Chart", exact=True).click()
    expect(page.locator(".js-plotly-plot")).to_be_visible()


def sandboxes() -> list[psutil.Process]:
    """Processes of the server in which queries run."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(part.endswith("sandbox.py") for part in process.cmdline()):
                found.append(process)
    return found


def wait_for_sandboxes(count: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while len(sandboxes()) != count:
        assert time.monotonic() < end, f"{len(sandboxes())} queries run, not {count}"
        time.sleep(0.05)


def test_a_query_waits_for_a_click_and_ends_with_its_reader(page: Page) -> None:
    # SQLite cannot stop it: only killing its process does, after seven seconds at the earliest.
    text = "'aaaaaaaaaa'"
    for _ in range(5):
        text = f"replace({text}, 'a', 'aaaaaaaaa')"
    sql = f"SELECT instr({text}, substr({text}, 1, 250000) || 'b') AS place"
    open_page(page, "/query?" + urlencode({"sql": sql}))
    expect(page.get_by_role("textbox", name="SQL")).to_have_value(sql)
    expect(page.get_by_text("has not run")).to_be_visible()
    settle(page)
    assert sandboxes() == []
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    wait_for_sandboxes(1, 10)
    page.goto("about:blank")
    wait_for_sandboxes(0, 4)


def test_no_name_in_a_chart_becomes_a_link(page: Page) -> None:
    link = '<a href="https://evil.example">x</a>'
    sql = f"SELECT '{link}' AS '{link} ' , 5 AS y UNION SELECT 'b', 7"
    open_page(page, "/query?" + urlencode({"sql": sql, "show": "chart", "kind": "bar", "colour": f"{link} "}))
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    chart = page.locator(".js-plotly-plot")
    expect(chart).to_contain_text("<a href=")
    assert chart.locator("a[*|href*=evil]").count() == 0


TINY = {
    "Batch size (sequences)": 2, "Sequence length (tokens)": 32, "Model width": 16, "Layers": 2, "Heads": 2,
    "Experts": 4, "Expert width": 16, "Domain bytes": 20000, "Validation every (steps)": 5, "Validation sequences": 4,
    "Threads": 1,
}  # fmt: skip


def test_launch_an_implementation_watch_it_and_cancel_another(page: Page) -> None:
    open_page(page, "/design?key=switch-top1-router")
    page.get_by_role("button", name="Run it").click()
    expect(page).to_have_url(re.compile(r"/lab\?.*implementation=switch-top1-router"))
    # The catalogue leads to the same form: search, then follow the link.
    page.get_by_role("button", name="All implementations").click()
    search = page.get_by_role("textbox", name="Search")
    search.fill("switch top-1")
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"q=switch"))
    settle(page)
    page.get_by_role("link", name="Switch top-1 router", exact=True).click()
    expect(page).to_have_url(re.compile(r"implementation=switch-top1-router"))
    expect(page.get_by_role("combobox", name="Implementation")).to_be_visible()
    settle(page)
    for label, value in TINY.items():
        type_number(page, label, value)
    type_number(page, "Steps", 300)
    launch = page.get_by_role("button", name="Launch").first
    expect(launch).to_be_enabled()
    launch.click()
    expect(page).to_have_url(re.compile(r"run=\d{8}-\d{6}-[0-9a-f]{4}"))
    first = page.url
    # It shows progress by itself, without a click or a reload.
    expect(page.get_by_text(re.compile(r"Step \d+ of 300"))).to_be_visible()
    expect(page.locator(".js-plotly-plot").nth(3)).to_be_attached(timeout=60_000)

    page.get_by_role("button", name="Set up another with these settings").click()
    expect(page.get_by_role("spinbutton", name="Experts", exact=True)).to_have_value("4")
    type_number(page, "Steps", 100_000)
    expect(launch).to_be_enabled()
    launch.click()
    expect(page).to_have_url(re.compile(r"run="))
    page.reload()
    expect(page.get_by_text(re.compile(r"Step \d+ of 100,000"))).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)

    page.goto(first)
    expect(page.get_by_text("completed", exact=True)).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="All runs").click()
    listed = table(page, "Runs, newest first")
    expect(listed.get_by_role("cell", name="cancelled").first).to_be_attached()
    expect(listed.get_by_role("cell", name="completed").first).to_be_attached()
