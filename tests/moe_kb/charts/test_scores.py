"""Scores and systems, as rows and charts."""

import pytest

from moe_kb.charts.scores import score_chart
from moe_kb.charts.systems import optimises_chart, stars_chart
from moe_kb.queries.scores import ScoreRow
from moe_kb.queries.systems import SUPPORTS, Stars, SystemRow, mark


def score(label: str, value: float, active: float | None, setting: str = "5-shot") -> ScoreRow:
    about = ("Lab", "2024-01", "mmlu", value, str(value), setting, True, active, active, "s", None)
    return ScoreRow("model:m", label, *about)


def system(name: str, stars: Stars | None = None, **optimises: str) -> SystemRow:
    return SystemRow("system:s", "s", name, None, None, (), (), optimises, {}, stars, {})


def test_scores_carry_their_setting_and_size(kb):
    rows = kb.scores()
    assert {row.label for row in rows} == {"Alpha 1B"}
    assert [(row.score, row.setting) for row in rows] == [(46.5, "0-shot"), (45.0, "5-shot")]
    assert (rows[0].params_total, rows[0].params_active) == (1_200_000_000, None)


def test_settings_are_told_apart():
    rows = [score("a", 70, 1e9), score("b", 60, 2e9, "8-shot"), score("c", 50, None)]
    figure = score_chart(rows, "mmlu")
    assert [(trace.name, list(trace.y)) for trace in figure.data] == [("5-shot", [70]), ("8-shot", [60])]
    assert figure.layout.yaxis.title.text == "MMLU (score, percent)"
    assert len(score_chart(rows, "gsm8k").data) == 0


def test_names_of_close_points_differ_in_place():
    rows = [score("first of a pair", 70, 20e9), score("second of a pair", 70.2, 20.1e9), score("far", 40, 1e9)]
    first, second, _ = score_chart(rows, "mmlu").data[0].textposition
    assert first != second


def test_an_inferred_mark_is_a_ring():
    rows = [system("One", computation="reported", storage="derived"), system("Two")]
    printed, derived = optimises_chart(rows).data
    assert (printed.marker.symbol, list(printed.x), list(printed.y)) == ("circle", ["Computation"], ["One"])
    assert (derived.marker.symbol, list(derived.x)) == ("circle-open", ["Storage"])
    assert [mark(status) for status in ("reported", "derived", None)] == ["● printed", "◐ derived", "unknown"]


def test_a_system_of_which_nothing_is_known_is_not_drawn():
    rows = [system("One", computation="reported"), system("Two")]
    assert list(optimises_chart(rows).layout.yaxis.categoryarray) == ["One"]


def test_stars_have_a_date():
    figure = stars_chart([system("One", Stars(38000, "38K", "2024-06")), system("Two")])
    assert figure.layout.xaxis.title.text == "Stars on GitHub, as of 2024-06"
    assert list(figure.data[0].text) == ["38K"]


def test_a_system_without_marks_or_stars(kb):
    (gamma,) = kb.systems()
    assert (gamma.name, gamma.optimises, gamma.stars, gamma.papers) == ("Gamma", {}, None, ("beta",))


@pytest.mark.integration
def test_engines_of_today_say_what_they_support(real_kb):
    systems = {row.key: row.supports for row in real_kb.systems()}
    for engine in ("vllm", "sglang", "tensorrt-llm", "megatron-core", "deepspeed", "llama.cpp", "transformers"):
        assert "expert_parallelism" in systems[engine]
        assert all(support.text and support.source for support in systems[engine].values())
    held = {claim.field for key in systems for claim in real_kb.claims(f"system:{key}") if isinstance(claim.value, str)}
    plain = {"organisation", "repository", "parallelism", "name", "licence", "link", "papers", "stars"}
    assert {field for field in held - plain if not field.startswith("optimises_")} <= set(SUPPORTS)


@pytest.mark.integration
def test_tables_3_and_4_are_whole(real_kb):
    systems = {row.key: row for row in real_kb.systems()}
    printed = [systems[row.subject.partition(":")[2]] for row in real_kb.table_rows("survey-a-table-4")]
    assert len(printed) == 10
    assert systems["se-moe"].optimises == dict.fromkeys(("computation", "communication", "storage"), "reported")
    assert systems["tutel"].optimises == {}, "of two marks the text does not say in which columns they stand"
    assert all(row.stars and row.stars.as_of == "2024-06" for row in printed)
    scores = real_kb.scores()
    assert len({row.label for row in scores}) >= 14
    assert {"5-shot", "8-shot", "3-shot"} <= {row.setting for row in scores if row.benchmark == "gsm8k"}
