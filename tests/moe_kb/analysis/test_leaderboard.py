"""The leaderboard: paired differences, ties, groups, and charts that hold what the standings hold."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_kb.analysis.leaderboard import Leaderboard, Standing, leaderboard
from moe_kb.analysis.significance import Difference, paired
from moe_kb.charts import leaderboard as charts
from moe_kb.queries.results import Implementation, Measured, Protocol, ResultRun

TEXT = Protocol("text-0", "text", "bits_per_byte", "lower", 7, 3, 100.0, "2026-01-02", "cpu", 1, "2", "3", "abc")
CLUSTERS = replace(TEXT, protocol="clusters-0", task="clusters", headline="accuracy", better="higher")
KNOWN = {"good": Implementation("good", "Good one", "design:good-router")}


def runs(key: str, scores: list[float | None], comparison: str = "matched", causal: str = "yes") -> list[ResultRun]:
    made = ("2026-01-02", "abc", "3", "2", "0", "cpu", 1)
    return [
        ResultRun(
            f"text-0/{key}/{seed}", key, "text", "text-0", comparison, None, causal, "bits_per_byte", 0, score, seed,
            10.0 + seed, 9.0 + seed, 300, 120, 100, "{}", "{}", None if score else "the loss is not finite", *made,
        )
        for seed, score in enumerate(scores)
    ]  # fmt: skip


def standings(*groups: list[ResultRun], measured=(), protocol: Protocol = TEXT) -> Leaderboard:
    return leaderboard(protocol, [run for group in groups for run in group], measured, KNOWN)


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    return standings(
        runs("control-dense", [3.0, 3.1, 3.2], "control"),
        runs("good", [2.8, 2.9, 3.0]),
        runs("alike", [2.81, 2.89, 3.0]),
        runs("bad", [3.5, 3.6, 3.72]),
        runs("leaky", [1.0, 1.1, 1.2], causal="no"),
        runs("large", [2.0, 2.1, 2.2], "unmatched"),
        runs("broken", [None, None, None]),
        measured=[
            Measured("good", "load_cv", None, 0.2),
            Measured("good", "load_cv", None, 0.4),
            Measured("good", "curve", 10, 4.0),
            Measured("good", "curve", 10, 5.0),
        ],
    )


@pytest.fixture
def rows(board) -> dict[str, Standing]:
    return {standing.implementation: standing for standing in board.standings}


def test_pairs_are_compared_seed_by_seed():
    noisy = {0: 2.0, 1: 3.0, 2: 4.0}
    steady = {0: 1.9, 1: 2.9, 2: 3.9}
    difference = paired(steady, noisy)
    assert (difference.mean, difference.error) == (pytest.approx(-0.1), pytest.approx(0, abs=1e-12))
    assert not difference.is_tie  # although the seeds themselves differ twenty times as much
    assert paired({0: 1.0}, {1: 1.0}) is None
    assert paired({0: 1.0}, {0: 2.0}).is_tie  # one seed says nothing
    assert Difference(1.0, 0.6, 3).is_tie
    assert not Difference(-1.3, 0.6, 3).is_tie


def test_groups_verdicts_and_ranks(board, rows):
    assert {key: (row.group, row.verdict, row.rank, row.places) for key, row in rows.items()} == {
        "good": ("ranked", "better", 1, (1, 2)), "alike": ("ranked", "better", 1, (1, 2)),
        "bad": ("ranked", "worse", 3, (3, 3)), "large": ("unmatched", "better", None, None),
        "leaky": ("not-causal", "better", None, None), "control-dense": ("control", None, None, None),
        "broken": ("failed", None, None, None),
    }  # fmt: skip
    assert list(rows) == ["good", "alike", "bad", "large", "leaky", "control-dense", "broken"]
    assert rows["good"].against_dense.mean == pytest.approx(-0.2)
    assert rows["broken"].error_text == "the loss is not finite"
    assert (board.ranked, board.with_rank, *map(board.count, ("better", "tie", "worse"))) == (3, 3, 2, 0, 1)


def test_rows_carry_names_metrics_and_curves(rows):
    good = rows["good"]
    assert (good.name, good.record, good.curve) == ("Good one", "design:good-router", ((10, 4.5),))
    assert (good.metrics, good.error) == ({"load_cv": pytest.approx(0.3)}, pytest.approx(0.1 / 3**0.5))
    assert (rows["control-dense"].name, rows["control-dense"].record) == ("Dense, equal active size", None)


def test_clusters_compare_with_the_own_baseline():
    baseline = [Measured("good", "accuracy_dense", None, value) for value in (0.5, 0.41)]
    clusters = [replace(run, task="clusters", causal="no") for run in runs("good", [0.9, 0.8])]
    board = standings(clusters, measured=baseline, protocol=CLUSTERS)
    (row,) = board.standings
    assert (row.verdict, row.rank, row.group) == ("better", 1, "ranked")
    assert row.against_dense.mean == pytest.approx(0.395)
    assert board.score_text(row) == "accuracy 85.0% ± 5.0"
    dense, own = charts.score_chart(board).data
    assert (dense.name, list(dense.x)) == ("dense baseline", [pytest.approx(45.5)])
    assert (list(own.x), list(own.y)) == ([pytest.approx(85)], ["Good one"])


def test_charts_hold_every_scored_row(board):
    chart = charts.score_chart(board)
    scored = sorted(row.name for row in board.standings if row.mean)
    assert sorted(name for trace in chart.data for name in trace.y) == scored
    assert len(chart.layout.shapes) == 1  # the dense control's line
    assert [trace.name for trace in charts.curve_chart(board, ["good", "bad"]).data] == ["Good one"]
    assert not charts.curve_chart(board, []).data
    assert [list(row) for row in charts.loads_chart({"layer 0": [0.25, 0.75]}).data[0].z] == [[0.5, 1.5]]


def test_one_seed_gives_an_order_without_ranks():
    board = standings(runs("good", [2.0]), runs("bad", [3.0]))
    assert [row.implementation for row in board.standings] == ["good", "bad"]
    assert {(row.rank, row.verdict) for row in board.standings} == {(None, None)}
    assert board.text("good") == "bits per byte 2.000, one seed"


def test_failed_runs_do_not_count():
    (row,) = standings(runs("good", [2.0, None])).standings
    assert (row.seconds, row.cpu_seconds, row.seeds, row.error_text) == (10.0, 9.0, 1, "the loss is not finite")


def test_standings_are_said_in_words(board):
    assert board.text("good") == "1st of 3 by mean, tied with 1 other, bits per byte 2.900 ± 0.058, better than dense"
    assert board.text("bad").startswith("3rd of 3 by mean, bits per byte")
    assert board.text("large").startswith("not ranked: unmatched, ")
    assert board.text("leaky").startswith("not ranked: not causal")
    assert board.text("broken") == "failed: the loss is not finite"
    assert "good" in board
    assert "else" not in board


def test_noise_is_not_rewarded_with_a_rank():
    board = standings(runs("good", [2.0, 2.1, 2.2]), runs("bad", [2.5, 2.6, 2.7]), runs("noisy", [1.0, 3.0, 5.0]))
    rows = {row.implementation: (row.rank, row.places, row.tied) for row in board.standings}
    assert rows == {"good": (1, (1, 2), 1), "bad": (2, (2, 3), 1), "noisy": (3, (1, 3), 2)}
    assert board.text("noisy").startswith("3rd of 3 by mean, tied with 2 others")


@given(st.lists(st.lists(st.none() | st.floats(1, 9, width=16), min_size=3, max_size=3), min_size=1, max_size=7))
@settings(max_examples=60)
def test_ranks_never_contradict_the_means(scores):
    board = standings(*(runs(f"design-{number}", seeds) for number, seeds in enumerate(scores)))
    placed = [row for row in board.standings if row.rank]
    assert [row.rank for row in placed] == [1 + sum(o.mean < row.mean for o in placed) for row in placed]
    for row in placed:
        assert 1 <= row.places[0] <= row.rank <= row.places[1] <= board.with_rank


def test_the_difference_carries_its_own_error(rows):
    good = rows["good"]
    assert good.against_dense.error != pytest.approx(good.error)
    steady = standings(runs("control-dense", [3.0, 3.1, 3.2], "control"), runs("good", [2.8, 2.91, 3.0]))
    row = steady.standings[0]
    assert row.against_dense.error == pytest.approx(0.01 / 3**0.5 / 3**0.5, rel=0.5)
    assert steady.corrected == {"good": pytest.approx(row.against_dense.p)}
