"""Scores and systems."""

from __future__ import annotations

import pytest
from moe_kb.figures.evaluations import mark, optimises_chart, score_chart, scores, stars_chart, systems


def score(label: str, value: float, active: float | None, setting: str = "5-shot") -> dict[str, object]:
    return {
        **{"label": label, "benchmark": "mmlu", "score": value, "setting": setting, "params_active": active},
        **{"params_total": active, "year": 2024, "organisation": "Lab", "released": "2024-01", "printed": str(value)},
        **{"source": "s", "locator": None},
    }


def test_scores_carry_their_setting_and_size(kb):
    rows = scores(kb)
    assert [(row["label"], row["score"], row["setting"]) for row in rows] == [
        ("Alpha 1B", 46.5, "0-shot"),
        ("Alpha 1B", 45.0, "5-shot"),
    ]
    assert rows[0]["params_total"] == 1_200_000_000
    assert rows[0]["params_active"] is None, "no source gives it"


def test_settings_are_drawn_apart_and_scores_without_size_left_out():
    rows = [score("a", 70, 1e9), score("b", 60, 2e9, "8-shot"), score("c", 50, None)]
    figure = score_chart(rows, "mmlu")
    assert [(trace.name, list(trace.y)) for trace in figure.data] == [("5-shot", [70]), ("8-shot", [60])]
    assert figure.layout.yaxis.title.text == "MMLU (score, percent)"


def test_names_of_close_points_do_not_cover_each_other():
    rows = [score("first of a pair", 70, 20e9), score("second of a pair", 70.2, 20.1e9), score("far", 40, 1e9)]
    first, second, _ = score_chart(rows, "mmlu").data[0].textposition
    assert first != second


def test_a_benchmark_without_scores_gives_an_empty_chart():
    assert len(score_chart([], "gsm8k").data) == 0


SYSTEM = {"optimises": {"computation": "reported", "storage": "derived"}, "stars": 38000, "stars_printed": "38K"}


def test_an_inferred_mark_is_a_ring_and_says_so():
    rows = [{"name": "One", **SYSTEM}, {"name": "Two", "optimises": {}, "stars": None}]
    printed, derived = optimises_chart(rows).data
    assert (printed.marker.symbol, list(printed.x), list(printed.y)) == ("circle", ["Computation"], ["One"])
    assert (derived.marker.symbol, list(derived.x)) == ("circle-open", ["Storage"])
    assert [mark(status) for status in ("reported", "derived", None)] == ["● printed", "◐ derived", "–"]


def test_stars_say_as_of_when():
    figure = stars_chart([{"name": "One", "stars_as_of": "2024-06", **SYSTEM}])
    assert figure.layout.xaxis.title.text == "Stars on GitHub, as of 2024-06"


def test_a_system_without_marks_or_stars(kb):
    (gamma,) = systems(kb)
    assert (gamma["name"], gamma["optimises"], gamma["stars"], gamma["papers"]) == ("Gamma", {}, None, ["beta"])


@pytest.mark.integration
def test_table_4_is_whole(real_kb):
    rows = {row["key"]: row for row in systems(real_kb)}
    assert len(rows) == 10
    assert rows["se-moe"]["optimises"] == dict.fromkeys(("computation", "communication", "storage"), "reported")
    assert set(rows["tutel"]["optimises"].values()) == {"derived"}
    assert all(row["stars_as_of"] == "2024-06" for row in rows.values())


@pytest.mark.integration
def test_table_3_is_whole(real_kb):
    rows = scores(real_kb)
    assert len({row["label"] for row in rows}) == 14
    assert {"5-shot", "8-shot", "3-shot"} <= {row["setting"] for row in rows if row["benchmark"] == "gsm8k"}
