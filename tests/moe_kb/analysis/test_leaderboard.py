"""The leaderboard: paired differences, ties, groups, and charts that hold what the rows hold."""

from __future__ import annotations

import pytest
from moe_kb.figures.evidence import Difference, paired

from moe_kb.figures import evidence

RUN = {
    "task": "text", "protocol": "text-0", "why": None, "headline": "bits_per_byte", "higher_is_better": 0,
    "params_active_non_embedding": 100, "params_total": 300, "made_date": "2026-01-02", "made_cpu": "cpu",
    "made_torch": "2", "made_python": "3", "made_commit": "abc", "made_threads": 1,
    "loads": '{"layer 0": [0.25, 0.75]}',
}  # fmt: skip


class Fake:
    """Answers the four questions that the figures ask of the database."""

    def __init__(self, runs: list[dict], results: list[dict]) -> None:
        self.runs, self.results = runs, results

    def rows(self, sql: str, parameters: tuple = ()) -> list[dict]:
        if "SELECT loads" in sql:
            return [{"loads": run["loads"]} for run in self.runs if run["implementation"] == parameters[1]][:1]
        if "FROM results v" in sql:
            return self.results
        if "FROM implementations" in sql:
            return [{"key": "good", "name": "Good one"}]
        if "FROM designs" in sql:
            return [{"key": "good-router", "implementation": "good"}]
        return self.runs


def runs(key: str, scores: list[float | None], comparison: str = "matched", causal: str = "yes") -> list[dict]:
    return [
        RUN
        | {
            "implementation": key, "comparison": comparison, "causal": causal, "seed": seed, "score": score,
            "seconds": 10.0 + seed, "cpu_seconds": 9.0 + seed,
            "error": None if score is not None else "the loss is not finite",
        }
        for seed, score in enumerate(scores)
    ]  # fmt: skip


def test_pairs_are_compared_seed_by_seed():
    noisy = {0: 2.0, 1: 3.0, 2: 4.0}
    steady = {0: 1.9, 1: 2.9, 2: 3.9}
    difference = paired(steady, noisy)
    assert difference.mean == pytest.approx(-0.1)
    assert difference.error == pytest.approx(0, abs=1e-12)
    assert not difference.is_tie  # although the seeds themselves differ twenty times as much
    assert paired({0: 1.0}, {1: 1.0}) is None
    assert paired({0: 1.0}, {0: 2.0}).is_tie  # one seed tells nothing
    assert Difference(1.0, 0.6).is_tie
    assert not Difference(-1.3, 0.6).is_tie


@pytest.fixture
def board() -> dict[str, dict]:
    everything = [
        *runs("control-dense", [3.0, 3.1, 3.2], "control"),
        *runs("good", [2.8, 2.9, 3.0]),
        *runs("alike", [2.81, 2.89, 3.0]),
        *runs("bad", [3.5, 3.6, 3.72]),
        *runs("leaky", [1.0, 1.1, 1.2], causal="no"),
        *runs("large", [2.0, 2.1, 2.2], "unmatched"),
        *runs("broken", [None, None, None]),
    ]
    results = [
        {"implementation": "good", "metric": "load_cv", "step": None, "value": 0.2},
        {"implementation": "good", "metric": "load_cv", "step": None, "value": 0.4},
        {"implementation": "good", "metric": "curve", "step": 10, "value": 4.0},
        {"implementation": "good", "metric": "curve", "step": 10, "value": 5.0},
    ]
    return {row["implementation"]: row for row in evidence.board(Fake(everything, results), "text-0")}


def test_groups_and_verdicts(board):
    assert {key: row["group"] for key, row in board.items()} == {
        "good": "ranked", "alike": "ranked", "bad": "ranked", "large": "unmatched", "leaky": "leaks",
        "control-dense": "control", "broken": "failed",
    }  # fmt: skip
    assert [board[key]["verdict"] for key in ("good", "bad", "large", "control-dense")] == [
        "better",
        "worse",
        "better",
        "",
    ]
    assert board["good"]["against_dense"].mean == pytest.approx(-0.2)
    assert board["broken"]["error_text"] == "the loss is not finite"


def test_what_cannot_be_told_apart_shares_a_rank_and_leaks_have_none(board):
    assert {key: row["rank"] for key, row in board.items()} == {
        "good": 1, "alike": 1, "bad": 3, "large": None, "leaky": None, "control-dense": None, "broken": None,
    }  # fmt: skip


def test_rows_carry_names_links_metrics_and_curves(board):
    good = board["good"]
    assert (good["name"], good["record"]) == ("Good one", "design:good-router")
    assert good["load_cv"] == pytest.approx(0.3)
    assert good["curve"] == [(10, 4.5)]
    assert good["error"] == pytest.approx(0.1 / 3**0.5)
    assert board["control-dense"]["name"] == "Dense, equal active size"


def test_on_the_clusters_a_design_is_set_against_its_own_twin():
    told = [r | {"task": "clusters", "headline": "accuracy", "higher_is_better": 1} for r in runs("good", [0.9, 0.8])]
    twins = [{"implementation": "good", "metric": "accuracy_dense", "step": None, "value": v} for v in (0.5, 0.41)]
    (row,) = rows = evidence.board(Fake(told, twins), "clusters-0")
    twin, own = evidence.score_chart(rows, "accuracy").data
    assert (twin.name, list(twin.x)) == ("its dense twin", [pytest.approx(45.5)])
    assert (list(own.x), list(own.y)) == ([pytest.approx(85)], ["Good one"])
    assert evidence.score_text(row, "accuracy") == "accuracy 85.0% ± 5.0"
    assert row["against_dense"].mean == pytest.approx(0.395)
    assert (row["verdict"], row["rank"], row["group"]) == ("better", 1, "ranked")


def test_charts_hold_every_scored_row(board):
    rows = list(board.values())
    chart = evidence.score_chart(rows, "bits_per_byte")
    assert sorted(name for trace in chart.data for name in trace.y) == sorted(r["name"] for r in rows if r["mean"])
    assert len(chart.layout.shapes) == 1  # the dense control's line
    assert [trace.name for trace in evidence.curve_chart(rows, "bits_per_byte").data] == ["Good one"]
    loads = evidence.loads_chart(Fake(runs("good", [1.0]), []), "text-0", "good")
    assert [list(row) for row in loads.data[0].z] == [[0.5, 1.5]]
    assert evidence.loads_chart(Fake([], []), "text-0", "good") is None


def test_one_seed_gives_an_order_and_no_rank():
    rows = evidence.board(Fake([*runs("good", [2.0]), *runs("bad", [3.0])], []), "text-0")
    assert [(row["implementation"], row["rank"]) for row in rows] == [("good", None), ("bad", None)]
    assert evidence.score_text(rows[0], "bits_per_byte") == "bits per byte 2.000"


def test_ranked_designs_are_counted_by_verdict(board):
    assert evidence.summary(list(board.values())) == {"ranked": 3, "better": 2, "tie": 0, "worse": 1}


def test_a_failed_run_does_not_pull_down_the_mean_time():
    (row,) = evidence.board(Fake(runs("good", [2.0, None]), []), "text-0")
    assert (row["seconds"], row["cpu_seconds"]) == (10.0, 9.0)
    assert (row["seeds"], row["error_text"]) == (1, "the loss is not finite")


def test_where_a_design_stands_is_said_in_words(board):
    def text(key: str) -> str:
        return evidence.standing_text(board[key] | {"of": 3, "headline": "bits_per_byte"})

    assert text("good") == "rank 1 of 3, bits per byte 2.900 ± 0.058, better than dense"
    assert text("bad").startswith("rank 3 of 3")
    assert text("large").startswith("no rank: of another cost, ")
    assert text("leaky").startswith("no rank: later tokens")
    assert text("broken") == "failed: the loss is not finite"
