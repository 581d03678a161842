"""Questions of survey A's Table 2: what is counted, and the chart of each."""

import pytest
from configurations import body, observed

from moe_kb.analysis.survey_questions import BESIDE, IN_TABLE, NEWER, QUESTIONS, UNDATED, Answer, answer, standings
from moe_kb.charts.survey_questions import figure

FOUND = [
    observed("a", released="2021", n_routed_experts=2048, d_ffn=4096, d_expert=4096),
    observed("b", n_routed_experts=8, d_ffn=8192, d_expert=8192),
    observed("c", released="2026-02", n_routed_experts=256, d_ffn=8192, d_expert=1024),
    observed("d", released=None, n_routed_experts=64, d_ffn=8192, d_expert=1024),
    observed("e"),
]
STANDINGS = standings(FOUND, {("model:a", "1B"), ("model:b", "1B")})


def asked(name: str, found=FOUND) -> Answer:
    return answer(found, QUESTIONS[name], STANDINGS)


def test_standings_follow_the_newest_row():
    assert [STANDINGS[observation.where] for observation in FOUND] == [IN_TABLE, IN_TABLE, NEWER, UNDATED, BESIDE]


def test_a_question_counts_by_standing():
    assert asked("count").tally == [(IN_TABLE, 1, 2), (NEWER, 0, 1)]
    # Undated ones count where the horizontal axis is no date.
    assert asked("size").tally == [(IN_TABLE, 0, 2), (NEWER, 1, 1), (UNDATED, 1, 1)]


@pytest.mark.parametrize(
    ("question", "values", "holds"),
    [
        ("count", {"n_routed_experts": 64}, 1), ("count", {"n_routed_experts": 65}, 0),
        ("chosen", {"experts_per_token": 2}, 1), ("chosen", {"experts_per_token": 3}, 0),
        ("size", {"d_expert": 8, "d_ffn": 8}, 0), ("size", {"d_expert": 7, "d_ffn": 8}, 1),
        ("split", {"experts_per_token": 2, "segmentation": 2.0}, 1),
        ("split", {"experts_per_token": 1, "segmentation": 2.0}, 0),
        ("split", {"experts_per_token": 2, "segmentation": 1.0}, 0),
        ("frequency", {"moe_share": 50.0}, 0), ("frequency", {"moe_share": 50.1}, 1),
        ("shared", {"n_shared_experts": 0}, 0), ("shared", {"n_shared_experts": 1}, 1),
        ("activation", {"activation": "swiglu"}, 1), ("activation", {"activation": "relu"}, 0),
        ("activation", {"activation": "unheard-of"}, 0),
        ("width", {"d_ffn": 16, "d_model": 4}, 0), ("width", {"d_ffn": 15, "d_model": 4}, 1),
        ("heads", {"attention_width": 8, "d_model": 8}, 1), ("heads", {"attention_width": 9, "d_model": 8}, 0),
        ("active", {"params_active": 1, "params_total": 10}, 1),
        ("active", {"params_active": 2, "params_total": 19}, 0),
    ],
)  # fmt: skip
def test_answers_turn_at_their_borders(question, values, holds):
    assert asked(question, [observed("e", **values)]).tally == [(BESIDE, holds, 1)]


def test_marks_lead_to_records_by_standing():
    chart = figure(asked("size"))
    traces = {trace.name: trace for trace in body(chart)}
    assert {name: trace.customdata for name, trace in traces.items()} == {
        IN_TABLE: ("model:a", "model:b"),
        NEWER: ("model:c",),
        UNDATED: ("model:d",),
    }
    assert len({(trace.marker.color, trace.marker.symbol[0]) for trace in traces.values()}) == 3
    assert "Dense FFN width" in traces[NEWER].text[0]
    lines = {trace.text[1] for trace in chart.data if trace.mode == "lines+text"}
    assert lines == {label for _, label in QUESTIONS["size"].lines}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_without_answers_have_empty_charts(name):
    assert not body(figure(asked(name, [])))
    assert asked(name, []).tally == []


def test_without_the_table_everything_is_newer(kb):
    assert kb.survey_answer("count").tally == [(NEWER, 1, 1)], "every date is newer than a table without rows"


@pytest.mark.integration
def test_real_records_answer_every_question(real_kb):
    rows = len(real_kb.table("survey-a-table-2").rows)
    for name, question in QUESTIONS.items():
        found = real_kb.survey_answer(name)
        counted = {standing: n for standing, _, n in found.tally}
        assert sum(standing == IN_TABLE for standing in found.standings.values()) == rows
        assert counted[IN_TABLE] >= 25, name
        assert counted[NEWER] >= 10, name
        assert sum(len(trace.x) for trace in body(figure(found))) == len(found.observations)
        assert question.said
        assert question.counted
