"""Commands that print what the app's pages of analyses show: trade-offs, leaderboard, trends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from moe_kb.cli import output
from moe_kb.cli.root import PATH, app, json_flag, open_here


@app.command()
@click.option("--benchmark", help="Such as mmlu. Default: the first with scores.")
@click.option("--setting", help="Setting of the scores, such as 5-shot. Default: the most frequent one.")
@click.option(
    "--performance", default="context_length", show_default=True, help="Performance metric, such as throughput."
)
@click.option("--cost", default="params_active", show_default=True, help="Cost metric, such as weight_bytes.")
@click.option(
    "--context", type=click.IntRange(1, 100_000_000), default=4096, show_default=True, help="Tokens of a sequence."
)
@click.option(
    "--batch", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Batch size of decoding."
)
@click.option(
    "--weights", default="as-released", show_default=True, help="Weight precision: as-released, bf16, mxfp4 ..."
)
@click.option("--accelerator", help="Key of an accelerator, for rates and times. Default: h100-sxm.")
@json_flag
def tradeoffs(*, as_json: bool, **choice: Any) -> None:
    """Compare models by quality, speed and cost, and mark the Pareto frontier.

    Example: moe-kb tradeoffs --performance throughput --cost device_time
    """
    from moe_kb.analysis.metrics import SIDES

    found = open_here().tradeoffs(**choice)
    if as_json:
        output.print_json(found.table())
        return
    made, best = found.choice, found.frontier()
    rows = []
    for entry in found.best_first():
        values = [made.shown(value, side) if (value := entry.values.get(side)) else None for side in SIDES]
        sources = ", ".join(dict.fromkeys(value.source for value in entry.values.values() if value.source))
        rows.append([entry.subject.label, *values, "yes" if entry.subject.where in best else "", sources])
    output.print_table(["model", *(made.title(side) for side in SIDES), "frontier", "sources"], rows)
    click.echo(f"{len(found.incomplete())} configurations lack a value; --json says which and why.", err=True)


@app.command()
@click.argument("protocol", required=False)
@click.option("--page", type=PATH, help="Write the findings between the marks of this Markdown page.")
@json_flag
def leaderboard(protocol: str | None, page: Path | None, as_json: bool) -> None:
    """Compare the runnable designs under one budget (default: the first protocol), each against a dense layer.

    Example: moe-kb leaderboard text-1
    """
    from moe_kb.analysis.evidence_page import written
    from moe_kb.analysis.findings import caveats, findings
    from moe_kb.analysis.run_metrics import metric_label

    board = open_here().leaderboard(protocol)
    if page is not None:
        page.write_text(written(page.read_text(encoding="utf-8"), board), encoding="utf-8")
        return
    if as_json:
        output.print_json(board)
        return
    rows = []
    for standing in board.standings:
        dense = standing.against_dense
        difference = (dense.mean, dense.error) if dense else (None, None)
        places = "–".join(map(str, standing.places)) if standing.places else None
        mean = (standing.mean, standing.error, *difference)
        rows.append([standing.group, standing.rank, places, standing.name, *mean, standing.verdict, standing.seeds])
    label = metric_label(board.protocol.headline)
    columns = ["group", "rank", "places", "design", label, "±", "vs dense", "± of it", "verdict", "seeds"]
    output.print_table(columns, rows)
    click.echo(
        f"{board.protocol.protocol}, {board.protocol.better} is better; of {board.ranked} ranked designs "
        f"{board.count('better')} better than dense, {board.count('tie')} tie, {board.count('worse')} worse.",
        err=True,
    )
    for sentence in caveats(board, findings(board)):
        click.echo(sentence, err=True)


@app.command()
@click.argument("measure")
@click.option("--text", default="", help="Only configurations that hold these words.")
@click.option("--largest", is_flag=True, help="Only the largest configuration of each model.")
@json_flag
def trends(measure: str, text: str, largest: bool, as_json: bool) -> None:
    """Follow a measure of released models through time; an unknown measure lists all.

    Example: moe-kb trends granularity
    """
    from moe_kb.analysis.trends import shown

    trend = open_here().trends(measure, text=text, largest_only=largest)
    field = trend.field
    if as_json:
        rows = [
            {
                "record": observation.record,
                "configuration": observation.configuration,
                "released": observation.released,
                "value": observation.value(measure),
                "differs": observation.differs(measure),
                "source": observation.source_of(measure),
            }
            for observation in trend.observations
        ]
        years = [*trend.years, *trend.years_of_words]
        output.print_json({"measure": measure, "unit": field.unit, "years": years, "configurations": rows})
        return
    table = []
    for observation in trend.observations:
        value = shown(measure, observation.value(measure)) + (" ≠" if observation.differs(measure) else "")
        table.append([observation.released, observation.label, value, observation.source_of(measure)])
    output.print_table(["released", "configuration", field.title, "source"], table)
    click.echo("")
    if field.words:
        output.print_table(
            ["year", "configurations"], [[str(year.year), year.in_words] for year in trend.years_of_words]
        )
    else:
        quartiles = []
        for year in trend.years:
            low, median, high = (shown(measure, value) for value in (year.low, year.median, year.high))
            quartiles.append([str(year.year), median, f"{low} to {high}", year.count])
        output.print_table(["year", "median", "middle half", "configurations"], quartiles)
