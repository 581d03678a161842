"""A page, the method of the knowledge base and the command say the same numbers."""

import json

import pytest
from click.testing import CliRunner
from comparisons import result
from shown import tables

import moe_kb
from moe_kb.analysis.metrics import SIDES
from moe_kb.cli.root import app


def command(*arguments: str):
    """What a command prints as JSON, and as text."""
    runner = CliRunner()
    as_json, as_text = runner.invoke(app, [*arguments, "--json"]), runner.invoke(app, arguments)
    assert as_json.exit_code == as_text.exit_code == 0, as_json.output + as_text.output
    return json.loads(as_json.stdout), as_text.stdout


@pytest.mark.parametrize("asked", [
    {}, {"setting": "5-shot", "performance": "throughput", "cost": "device_time", "context": 1024, "batch": 4},
    {"cost": "weight_bytes", "weights": "mxfp4"},
])  # fmt: skip
@pytest.mark.usefixtures("sizable")
def test_trade_offs_agree(open_page, asked):
    shown = tables(open_page("trade_offs", **{name: str(value) for name, value in asked.items()}))[0].iloc[0]
    found = moe_kb.open().tradeoffs(**asked)
    (entry,) = found.having()
    values = {side: found.choice.shown(entry.values[side], side) for side in SIDES}
    assert {side: shown[side] for side in SIDES} == values
    options = [text for name, value in asked.items() for text in (f"--{name}", str(value))]
    (row,), text = command("tradeoffs", *options)
    assert row == found.table()[0]
    line = next(line for line in text.splitlines() if line.startswith("Alpha 1B"))
    assert f"{values['cost']:g}" in line
    assert "yes" in line


def test_leaderboards_agree(open_page, with_results):
    with_results(
        result("control-dense", [3.0, 3.1, 3.2], group="control"),
        result("switch-top1", [2.8, 2.91, 3.0]),
        result("mixtral-top2", [2.99, 3.12, 3.19]),
    )
    shown = tables(open_page("evidence"))[0]
    board = moe_kb.open().leaderboard("text-0")
    ranked = [standing for standing in board.standings if standing.group == "ranked"]
    data, text = command("leaderboard", "text-0")
    printed = [row for row in data["standings"] if row["group"] == "ranked"]
    for rank, standing in enumerate(ranked):
        row = shown.iloc[rank]
        assert row["name"] == standing.name == printed[rank]["name"]
        assert row["mean"] == standing.mean == printed[rank]["mean"]
        assert row["dense"] == standing.against_dense.mean == printed[rank]["against_dense"]["mean"]
        assert row["dense_error"] == standing.against_dense.error == printed[rank]["against_dense"]["error"]
        assert row["places"] == "–".join(map(str, dict.fromkeys(printed[rank]["places"])))
        assert row["rank"] == standing.rank == printed[rank]["rank"]
        assert list(row["verdict"]) == [standing.verdict] == [printed[rank]["verdict"]]
        assert f"{standing.mean:g}" in text


@pytest.mark.parametrize("measure", ["granularity", "chosen_share", "score"])
def test_trends_agree(open_page, measure):
    shown = tables(open_page("trends", measure=measure))[0]
    trend = moe_kb.open().trends(measure)
    data, text = command("trends", measure)
    for row, observation, printed in zip(shown.itertuples(), trend.observations, data["configurations"], strict=True):
        assert getattr(row, measure) == observation.value(measure) == printed["value"]
        assert row.source == observation.source_of(measure) == printed["source"]
        assert observation.label in text
    assert len(data["years"]) == len(trend.years) + len(trend.years_of_words)


def test_unknown_names_end_the_command(open_page):
    open_page("overview")
    for arguments in (["trends", "size"], ["tradeoffs", "--cost", "price"], ["leaderboard", "no-such"]):
        stopped = CliRunner().invoke(app, arguments)
        assert stopped.exit_code
        assert "Known: " in str(stopped.exception)
