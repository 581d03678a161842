"""The table of records: what its component is told, and what stands in the address."""

import pytest
from shown import parts, tables
from ui.record_table import COLOURS, HEIGHT, TICKS, Column, Marked, _cell, colours


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (Column("", "number"), 1234567, ["1,234,567", 1234567]),
        (Column("", "number"), 0.123456, ["0.1235", 0.123456]),
        (Column("", "number", digits=".1f"), 2.25, ["2.2", 2.25]),
        (Column("", "number", digits="d"), 2021, ["2021", 2021]),
        (Column("", "number"), Marked(5.0, "5 ≠", "open"), ["5 ≠", 5.0, "open"]),
        (Column("", "number"), float("nan"), None),
        (Column("", "number"), 0, ["0", 0]),
        (Column("", "tags", colours={"yes": "green"}), ["yes", "no"], [["yes", "green"], ["no", "gray"]]),
        (Column("", "tags"), "alone", [["alone", "gray"]]),
        (Column("", "check"), False, False),
        (Column("", "link", shown="read"), "https://example.org/a", ["read", "https://example.org/a"]),
        (Column("", "link"), "javascript:alert(1)", None),
        (Column("", "link"), "data:text/html,x", None),
        (Column("", "found"), (("Loads", True), (" of it", False)), [["Loads", True], [" of it", False]]),
        (Column("", "found"), (), None),
        (Column("", "curve"), [3, 2.5], [3.0, 2.5]),
        (Column(""), "<b>bold</b>", "<b>bold</b>"),
        (Column(""), "", None),
    ],
)
def test_cells_of_each_kind(column, value, told):
    assert _cell(column, value) == told


def test_colours_come_round_again():
    names = [str(number) for number in range(9)]
    assert list(colours(names).values()) == [*COLOURS[:-1], *COLOURS[:3]]


def test_names_lead_to_relative_addresses(open_page):
    (papers,) = parts(open_page("papers"))
    assert [row["cells"][0]["href"] for row in papers["rows"]] == ["paper?key=alpha", "paper?key=beta"]
    assert papers["rows"][0]["cells"][0]["record"] == "paper:alpha"


def test_names_without_a_page_are_no_links(open_page):
    (printed,) = parts(open_page("systems", key="first-table"))
    assert [row["cells"][0]["href"] for row in printed["rows"]] == ["model?key=alpha", ""]


def test_ticks_and_sort_stand_in_the_address(open_page):
    at = open_page("designs", tick="beta-router,no-such,alpha-router,beta-router", sort="-year")
    (table,) = parts(at)
    assert (table["ticked"], table["sort"]) == (["beta-router", "alpha-router"], "-year")
    assert "Compare 2" in [button.label for button in at.button]


def test_ticks_outlive_a_filter(open_page):
    at = open_page("designs", tick="alpha-router", chooser="expert")
    (table,) = parts(at)
    assert ([row["id"] for row in table["rows"]], table["ticked"]) == (["beta-router"], ["alpha-router"])


@pytest.mark.parametrize("sort", ["", "-", "no-such", "--year", "-no-such", "<script>", "1"])
def test_addresses_that_sort_by_nothing_are_ignored(open_page, sort):
    (table,) = parts(open_page("designs", sort=sort))
    assert table["sort"] == ""


def test_bib_holds_what_is_ticked(open_page):
    labels = [button.label for button in open_page("papers", tick="beta").download_button]
    assert ".bib of this paper" in labels


def test_models_are_ticked_by_configuration(open_page):
    (table,) = parts(open_page("models", tick="alpha|1B"))
    assert table["ticked"] == ["alpha|1B"]


def test_a_paper_has_two_lines(open_page):
    (papers,) = parts(open_page("papers"))
    name = papers["rows"][0]["cells"][0]
    assert name["text"] == "Alpha: Routing Invented Tokens"
    assert name["under"].startswith("Ada Author, Bo Writer")
    assert name["about"].startswith("Invents a router")


def test_words_of_a_search_are_marked(open_page):
    (papers,) = parts(open_page("papers", q="routing"))
    at = [column["name"] for column in papers["columns"]].index("found")
    assert any(marked for _, marked in papers["rows"][0]["cells"][at])


def test_designs_in_use_come_first(open_page):
    table = tables(open_page("designs"))[0]
    assert list(table["recent"]) == sorted(table["recent"], reverse=True)
    assert list(table)[:4] == ["name", "users", "recent", "runs"]


@pytest.mark.integration
def test_long_lists_scroll(open_real_page):
    (table,) = parts(open_real_page("designs"))
    assert (table["height"], table["most"]) == (HEIGHT, TICKS)
