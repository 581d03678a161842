"""Steps that several journeys in a real browser take."""

from __future__ import annotations

from contextlib import suppress

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

#: Where the mark of a record stands in the window, in the first picture.
MARK = """(record) => {
  const chart = document.querySelector('.js-plotly-plot');
  const {xaxis, yaxis} = chart._fullLayout;
  for (const trace of chart.data) {
    const at = (trace.customdata || []).indexOf(record);
    if (at < 0) continue;
    const box = chart.getBoundingClientRect();
    return [box.x + xaxis._offset + xaxis.d2p(trace.x[at]), box.y + yaxis._offset + yaxis.d2p(trace.y[at])];
  }
}"""


def settle(page: Page, *, picture: bool = False) -> None:
    """Wait until the page's script has run to its end: what it still draws would undo a click."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    if picture:
        expect(page.locator(".js-plotly-plot .scatterlayer .point:visible").first).to_be_visible()


def choose(page: Page, label: str, words: str) -> None:
    """Choose from a list that opens; a picture that is drawn meanwhile may close it, and then it is opened again."""
    option = page.get_by_role("option", name=words, exact=True)
    for _ in range(5):
        page.get_by_role("combobox", name=label).click()
        with suppress(PlaywrightTimeoutError):
            option.click(timeout=5_000)
            return
    raise AssertionError(f"{label} never showed {words}")
