"""The overview page."""

import re

import pytest
from shown import tables

import moe_kb
from moe_kb.queries.overview import QUERIES


def test_numbers_of_the_tree(open_page):
    at = open_page("overview")
    numbers = {metric.label: metric.value for metric in at.metric}
    assert (numbers["Papers"], numbers["Gating designs"], numbers["Other designs"]) == ("2", "2", "0")
    assert (numbers["Models"], numbers["Systems"], numbers["Taxonomy nodes"]) == ("1", "1", "7")


def test_gates_without_an_implementation_are_counted(open_page):
    links = {link.label: link.proto.query_string for link in open_page("overview").get("page_link")}
    assert links["1 of 2 gating designs can be run; 1 have no implementation yet"] == "runs=no"


def test_ways_lead_to_what_is_drawn_and_computed(open_page):
    labels = {link.label for link in open_page("overview").get("page_link")}
    assert {"Models by quality, speed and cost", "What models cost, part by part"} <= labels
    assert "What the runnable designs do under one budget" in labels


def test_searching_leads_to_the_papers(open_page):
    at = open_page("overview")
    at.text_input(key="find").set_value("alph").run()
    assert (at.title[0].value, at.text_input(key="in-q").value) == ("Papers", "alph")
    assert list(tables(at)[0]["title"]) == ["Alpha: Routing Invented Tokens"]


def test_a_tree_without_timelines_shows_none(open_page):
    at = open_page("overview")
    assert [header.value for header in at.header] == ["Papers by year"]


@pytest.mark.integration
def test_the_real_timelines_filter_by_affiliation(open_real_page):
    at = open_real_page("overview")
    assert "74 models" in " ".join(caption.value for caption in at.caption)
    at.multiselect(key="in-affiliation").select("Mistral AI").run()
    shown = tables(at)[0]
    assert len(shown) >= 2
    assert set(shown["organisation"]) == {"Mistral AI"}
    at.segmented_control(key="in-timeline").set_value("survey-a-figure-1").run()
    assert at.query_params["timeline"] == "survey-a-figure-1"


def queries(at) -> dict[str, str]:
    """Every number that the overview shows with the query that its tooltip names, as `number: query`."""
    said = {metric.help.strip("`"): metric.value for metric in at.metric}
    for caption in at.caption:
        for number, sql in re.findall(r"([\d,]+): `([^`]+)`", caption.help or ""):
            said[sql] = number
    return said


@pytest.mark.parametrize("tree_of", ["open_page", pytest.param("open_real_page", marks=pytest.mark.integration)])
def test_every_number_is_what_its_query_says(tree_of, request):
    at = request.getfixturevalue(tree_of)("overview")
    kb, said = moe_kb.open(), queries(at)
    assert set(said) == set(QUERIES.values())
    for sql, number in said.items():
        assert kb.query(sql).rows == [(int(number.replace(",", "")),)], sql
    (caption,) = [element.value for element in at.caption if element.value.startswith(said[QUERIES["configurations"]])]
    shown = [said[QUERIES[name]] for name in ("configurations", "described", "sources", "differ", "open")]
    assert re.findall(r"[\d,]*\d", caption) == shown


def test_the_link_under_a_number_asks_its_query(open_page):
    links = {link.label: link.proto.query_string for link in open_page("overview").get("page_link")}
    assert links["Query the claims"] == "sql=SELECT+count%28%2A%29+FROM+claims_counted"


def test_stats_and_the_overview_count_alike(open_page):
    open_page("overview")
    kb = moe_kb.open()
    counts, stats = kb.counts(), kb.stats()
    assert counts["claims"].number == stats.claims == sum(stats.claims_by_status.values())
    assert counts["configurations"].number == stats.configurations
    assert counts["differ"].number == sum(stats.disagreements.values())
    assert counts["open"].number == stats.disagreements["open"]
    assert counts["without"].number == len(stats.missing.gating_designs_without_implementation)
