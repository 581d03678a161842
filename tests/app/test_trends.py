"""The trends page."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import remove_model

from moe_kb.analysis.survey_questions import QUESTIONS
from moe_kb.analysis.trend_fields import FOLLOWED

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_measure_is_charted_with_its_formula_and_its_table(open_page, texts):
    at = open_page("trends")
    assert len(at.get("plotly_chart")) == 1
    assert at.latex[0].value.strip("$\n ") == "s_E = k / E"
    assert "1 of 1 configurations have it and a release date" in texts(at)
    frame = at.dataframe[0].value
    assert list(frame["name"]) == ["Alpha 1B"]
    assert list(frame["chosen_share"]) == [12.5]
    assert list(frame["source"]) == ["Alpha config, config.json"]
    assert list(frame["exact"]) == ["March 2021"]


def test_a_measure_that_nothing_has_says_so(open_page, texts):
    at = open_page("trends", measure="active_share")
    assert "No configuration here has this measure" in texts(at)
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("measure", FOLLOWED)
def test_every_measure_opens_from_the_address(open_page, measure):
    at = open_page("trends", measure=measure, colour="score")
    assert at.selectbox(key="in-measure").value == measure
    assert at.selectbox(key="in-colour").value == "score"
    assert at.query_params["measure"] == measure or measure == FOLLOWED[0]


def test_a_search_that_finds_nothing_says_what_to_do(open_page, texts):
    at = open_page("trends")
    at.text_input(key="in-q").set_value("no such model").run()
    assert not at.exception
    assert "Remove a filter" in texts(at)


def test_side_by_side(open_page):
    at = open_page("trends", view="glance")
    assert len(at.get("plotly_chart")) == 1
    assert {"chosen_share", "granularity"} <= set(at.dataframe[0].value.columns)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_opens_from_the_address(open_page, texts, question):
    at = open_page("trends", view="table-2", question=question)
    assert at.selectbox(key="in-question").value == question
    said = texts(at)
    assert "newer than the table" in said or "No configuration has the values" in said


def test_unknown_words_in_the_address_are_left_out(open_page):
    at = open_page("trends", view="<b>", measure="nothing", colour="nothing")
    assert at.selectbox(key="in-measure").value == FOLLOWED[0]


def test_an_empty_knowledge_base_says_so(open_page, texts, tree):
    remove_model(tree)
    assert "No configurations yet" in texts(open_page("trends"))


def test_the_overview_leads_here(open_page):
    labels = [link.label for link in open_page("overview").get("page_link")]
    assert "How the designs of released models moved over time" in labels


@pytest.mark.integration
def test_the_real_data_in_every_view(open_page, texts, monkeypatch):
    monkeypatch.setenv("MOE_KB_ROOT", str(REPOSITORY))
    at = open_page("trends", measure="granularity")
    assert "Medians: 2020: **0.5**" in texts(at)
    assert "Fine-grained experts" in [link.label for link in at.get("page_link")]
    everything = len(at.dataframe[0].value)
    at.toggle(key="in-largest").set_value(True).run()
    assert not at.exception
    assert len(at.dataframe[0].value) < everything
    at.segmented_control(key="in-view").set_value("glance").run()
    assert not at.exception
    at.segmented_control(key="in-view").set_value("table-2").run()
    assert not at.exception
    assert "in Table 2" in texts(at)
    assert "≠" in set(at.dataframe[0].value["differ"])
