"""The overview page."""

import re

import pytest
from shown import tables
from trees import remove_model

import moe_kb
from moe_kb.queries.overview import QUERIES


def test_numbers_of_the_tree(open_page, texts):
    words = texts(open_page("overview"))
    for number in ("2 papers", "2 gating designs", "0 other designs", "1 models", "1 systems", "7 taxonomy nodes"):
        assert f"[{number}](" in words


def test_four_ways_lead_in(open_page, texts):
    at = open_page("overview")
    labels = [link.label for link in at.get("page_link")]
    assert labels[:4] == ["Choose a router", "Size a deployment", "Find and cite", "New here? A tour in four steps"]
    assert len(at.get("bidi_component")) >= 1
    assert "The router that most recent models use: [Alpha router](design?key=alpha-router)" in texts(at)


def test_the_newest_of_each_kind(open_page, texts):
    words = texts(open_page("overview"))
    assert "- [Alpha](model?key=alpha)  \n  :gray[March 2021, Example Lab]" in words
    assert "[Alpha router](design?key=alpha-router)  \n  :gray[March 2021, Alpha]" in words


@pytest.mark.integration
def test_a_trend_stands_in_a_sentence(open_real_page):
    at = open_real_page("overview")
    first = moe_kb.open().trend_findings()[0]
    assert first.words in at.info[0].value
    assert f"trends?measure={first.measure}" in at.info[0].value


def test_searching_leads_to_results(open_page):
    at = open_page("overview")
    at.text_input(key="find").set_value("alph").run()
    assert (at.query_params["q"], at.title[0].value) == ("alph", "“alph”")


def test_pictures_stand_below(open_page):
    at = open_page("overview")
    assert len(at.get("plotly_chart")) == 2
    headings = [header.value for header in at.header]
    assert headings[-3:] == ["The lineage of gating, from 1991 to today", "Models through time", "Papers by year"]


def test_a_tree_without_dates_has_no_timeline(open_page, tree):
    remove_model(tree)
    headings = [header.value for header in open_page("overview").header]
    assert "Models through time" not in headings
    assert headings[-1] == "Papers by year"


@pytest.mark.integration
def test_the_real_timelines_filter_by_organisation(open_real_page):
    at = open_real_page("overview")
    assert re.search(r"\d+ models by their preferred release dates", " ".join(caption.value for caption in at.caption))
    at.multiselect(key="in-affiliation").select("Mistral AI").run()
    shown = tables(at)[-1]
    assert len(shown) >= 2
    assert set(shown["organisation"]) == {"Mistral AI"}
    at.segmented_control(key="in-timeline").set_value("survey-a-figure-1").run()
    assert at.query_params["timeline"] == "survey-a-figure-1"


def queries(at) -> dict[str, str]:
    """Every number that the overview shows with the query that its tooltip names, as `query: number`."""
    (line,) = [element for element in at.markdown if "claims, each with its source" in element.value]
    said = {sql: number for number, sql in re.findall(r"([\d,]+): `([^`]+)`", line.help)}
    assert list(said.values()) == re.findall(r"\[([\d,]+) ", line.value), "the tooltip names each number of the line"
    return said


@pytest.mark.parametrize("tree_of", ["open_page", pytest.param("open_real_page", marks=pytest.mark.integration)])
def test_every_number_is_what_its_query_says(tree_of, request):
    at = request.getfixturevalue(tree_of)("overview")
    kb, said = moe_kb.open(), queries(at)
    assert set(said) == set(QUERIES.values())
    for sql, number in said.items():
        assert kb.query(sql).rows == [(int(number.replace(",", "")),)], sql


def test_the_number_of_claims_leads_to_its_query(open_page, texts):
    assert "(query?sql=SELECT+count%28%2A%29+FROM+claims_counted)" in texts(open_page("overview"))


def test_stats_and_the_overview_count_alike(open_page):
    open_page("overview")
    kb = moe_kb.open()
    counts, stats = kb.counts(), kb.stats()
    assert counts["claims"].number == stats.claims == sum(stats.claims_by_status.values())
    assert counts["configurations"].number == stats.configurations
    assert counts["differ"].number == sum(stats.disagreements.values())
    assert counts["open"].number == stats.disagreements["open"]
    assert counts["without"].number == len(stats.missing.gating_designs_without_implementation)
