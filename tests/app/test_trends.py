"""The trends page."""

import re

import pytest
from shown import tables
from trees import remove_model

from moe_kb.analysis.survey_questions import QUESTIONS
from moe_kb.analysis.trend_fields import COLOUR_BY, FOLLOWED


def test_a_measure_has_formula_chart_and_table(open_page, texts):
    at = open_page("trends")
    assert (len(at.get("plotly_chart")), at.latex[0].value.strip("$\n ")) == (1, "s_E = k / E")
    assert "1 of 1 configurations have it and a release date" in texts(at)
    frame = tables(at)[0]
    assert (list(frame["name"]), list(frame["chosen_share"])) == (["Alpha 1B"], [12.5])
    assert (list(frame["source"]), list(frame["exact"])) == (["Alpha config, config.json"], ["March 2021"])


def test_a_measure_that_nothing_has_says_so(open_page, texts):
    at = open_page("trends", measure="active_share")
    assert "No configuration here has this measure" in texts(at)
    assert not at.get("plotly_chart")


def test_every_measure_and_colour_can_be_chosen(open_page):
    at = open_page("trends", measure=FOLLOWED[1], colour="score")
    assert (at.selectbox(key="in-measure").value, at.selectbox(key="in-colour").value) == (FOLLOWED[1], "score")
    for number, measure in enumerate(FOLLOWED):
        at.selectbox(key="in-colour").set_value(list(COLOUR_BY)[number % len(COLOUR_BY)])
        at.selectbox(key="in-measure").set_value(measure).run()
        assert at.query_params.get("measure", [FOLLOWED[0]]) in (measure, [measure])


def test_a_search_without_results_says_so(open_page, texts):
    at = open_page("trends")
    at.text_input(key="in-q").set_value("no such model").run()
    assert "Remove a filter" in texts(at)


def test_measures_stand_side_by_side(open_page):
    at = open_page("trends", view="glance")
    assert len(at.get("plotly_chart")) == 1
    assert {"chosen_share", "granularity"} <= set(tables(at)[0].columns)


def test_every_question_can_be_asked(open_page, texts):
    at = open_page("trends", view="table-2", question="heads")
    assert at.selectbox(key="in-question").value == "heads"
    for question in QUESTIONS:
        at.selectbox(key="in-question").set_value(question).run()
        assert any(words in texts(at) for words in ("newer than the table", "No configuration has the values"))


def test_unknown_words_in_the_address_are_ignored(open_page):
    at = open_page("trends", view="<b>", measure="nothing", colour="nothing")
    assert at.selectbox(key="in-measure").value == FOLLOWED[0]


def test_an_empty_knowledge_base_says_so(open_page, texts, tree):
    remove_model(tree)
    assert "No configurations yet" in texts(open_page("trends"))


@pytest.mark.integration
def test_findings_lead_with_a_chart_each(open_real_page, texts):
    at = open_real_page("trends")
    first = at.markdown[0].value
    assert re.match(r"- \d+ of \d+ models released since 20\d\d balance", first)
    assert first.count("](trends?measure=") == first.count("\n") + 1
    assert "- **2026**: " in texts(open_real_page("trends", measure="balancing"))


@pytest.mark.integration
def test_the_real_data_in_every_view(open_real_page, texts):
    at = open_real_page("trends", measure="granularity")
    assert "Medians: 2020: **0.5**" in texts(at)
    assert "Fine-grained experts" in [link.label for link in at.get("page_link")]
    everything = len(tables(at)[0])
    at.toggle(key="in-largest").set_value(True).run()
    assert len(tables(at)[0]) < everything
    at.segmented_control(key="in-view").set_value("glance").run()
    at.segmented_control(key="in-view").set_value("table-2").run()
    assert "in Table 2" in texts(at)
    assert "≠" in set(tables(at)[0]["differ"])
