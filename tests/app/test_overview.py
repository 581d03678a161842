"""The overview page."""

import pytest


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
    assert list(at.dataframe[0].value["name"]) == ["Alpha"]


def test_a_tree_without_timelines_shows_none(open_page):
    at = open_page("overview")
    assert [header.value for header in at.header] == ["Papers by year"]


@pytest.mark.integration
def test_the_real_timelines_filter_by_affiliation(open_real_page):
    at = open_real_page("overview")
    assert "74 models" in " ".join(caption.value for caption in at.caption)
    at.multiselect(key="in-affiliation").select("Mistral AI").run()
    shown = at.dataframe[0].value
    assert len(shown) >= 2
    assert set(shown["organisation"]) == {"Mistral AI"}
    at.segmented_control(key="in-timeline").set_value("survey-a-figure-1").run()
    assert at.query_params["timeline"] == "survey-a-figure-1"
