"""Questions of survey A's Table 2."""

from __future__ import annotations

import pytest
from configurations import body, row
from moe_kb.figures.table2 import BESIDE, IN_TABLE, NEWER, QUESTIONS, UNDATED

from moe_kb.figures import table2


def standing(name: str, where: str, **values: object) -> dict[str, object]:
    return row(name, standing=where, **values)


FOUND = [
    standing("a", IN_TABLE, released="2021", year=2021, n_routed_experts=2048, d_ffn=4096, d_expert=4096),
    standing("b", IN_TABLE, n_routed_experts=8, d_ffn=8192, d_expert=8192),
    standing("c", NEWER, released="2026-02", year=2026, n_routed_experts=256, d_ffn=8192, d_expert=1024),
    standing("d", UNDATED, released=None, year=None, n_routed_experts=64, d_ffn=8192, d_expert=1024),
    standing("e", BESIDE),
]


def test_a_question_counts_its_yes_by_standing():
    rows = table2.answering(FOUND, QUESTIONS["count"])
    assert table2.tally(rows, QUESTIONS["count"]) == [(IN_TABLE, 1, 2), (NEWER, 0, 1)]


def test_against_a_measure_undated_rows_count_too():
    rows = table2.answering(FOUND, QUESTIONS["size"])
    assert table2.tally(rows, QUESTIONS["size"]) == [(IN_TABLE, 0, 2), (NEWER, 1, 1), (UNDATED, 1, 1)]


def test_every_mark_leads_to_its_record_and_standings_are_told_apart():
    figure = table2.figure(FOUND, "size")
    traces = {trace.name: trace for trace in body(figure)}
    assert {name: trace.customdata for name, trace in traces.items()} == {
        IN_TABLE: ("model:a", "model:b"),
        NEWER: ("model:c",),
        UNDATED: ("model:d",),
    }
    assert len({(trace.marker.color, trace.marker.symbol[0]) for trace in traces.values()}) == 3
    assert "Dense FFN width" in traces[NEWER].text[0]
    assert {trace.text[1] for trace in figure.data if trace.mode == "lines+text"} == {
        label for _, label in QUESTIONS["size"].lines
    }


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_without_answers_has_an_empty_chart(name):
    assert not body(table2.figure([], name))
    assert table2.tally([], QUESTIONS[name]) == []


def test_without_the_table_nothing_stands_in_it(kb):
    (alpha,) = table2.rows(kb)
    assert alpha["standing"] == NEWER, "every date is newer than a table without rows"


@pytest.mark.integration
def test_every_question_is_answered_from_the_real_records(real_kb):
    found = table2.rows(real_kb)
    inside = [one for one in found if one["standing"] == IN_TABLE]
    assert len(inside) == len(real_kb.table("survey-a-table-2").rows)
    for name, question in QUESTIONS.items():
        rows = table2.answering(found, question)
        counted = {where: n for where, _, n in table2.tally(rows, question)}
        assert counted[IN_TABLE] >= 25, name
        assert counted[NEWER] >= 10, name
        assert sum(len(trace.x) for trace in body(table2.figure(found, name))) == len(rows)
        assert question.said
        assert question.counted
