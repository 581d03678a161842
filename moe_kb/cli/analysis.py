"""Commands that print what the app's pages of analyses show: trade-offs, leaderboard, trends."""

from __future__ import annotations

from typing import Annotated

import typer

from moe_kb.cli.root import JsonFlag, app, open_here


@app.command()
def tradeoffs(
    benchmark: Annotated[str | None, typer.Option(help="Such as mmlu.", show_default="the first with scores")] = None,
    setting: Annotated[
        str | None, typer.Option(help="Setting of the scores, such as 5-shot.", show_default="the most frequent one")
    ] = None,
    performance: Annotated[str, typer.Option(help="Performance metric, such as throughput.")] = "context_length",
    cost: Annotated[str, typer.Option(help="Cost metric, such as weight_bytes or device_time.")] = "params_active",
    context: Annotated[int, typer.Option(min=1, max=100_000_000, help="Tokens of a sequence.")] = 4096,
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Batch size: sequences decoded together.")] = 1,
    weights: Annotated[str, typer.Option(help="Weight precision, such as bf16 or mxfp4.")] = "bf16",
    accelerator: Annotated[
        str | None, typer.Option(help="Key of an accelerator, for rates and times.", show_default="h100-sxm")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Compare models by quality, speed and cost, the Pareto frontier marked: moe-kb tradeoffs --cost weight_bytes."""
    from moe_kb.analysis.metrics import SIDES
    from moe_kb.cli import output

    found = open_here().tradeoffs(
        benchmark,
        setting=setting,
        performance=performance,
        cost=cost,
        context=context,
        batch=batch,
        weights=weights,
        accelerator=accelerator,
    )
    if json:
        output.print_json(found.table())
        return
    choice, best = found.choice, found.frontier()
    output.print_table(
        ["model", *(choice.title(side) for side in SIDES), "frontier", "sources"],
        [
            [
                entry.subject.label,
                *(choice.shown(value, side) if (value := entry.values.get(side)) else None for side in SIDES),
                "yes" if entry.subject.where in best else "",
                ", ".join(dict.fromkeys(value.source for value in entry.values.values() if value.source)),
            ]
            for entry in found.best_first()
        ],
    )
    typer.echo(f"{len(found.incomplete())} configurations lack a value; --json says which and why.", err=True)


@app.command()
def leaderboard(
    protocol: Annotated[str | None, typer.Argument(help="Such as text-1.", show_default="the first one")] = None,
    json: JsonFlag = False,
) -> None:
    """Compare the runnable designs under one budget, each against a dense layer: moe-kb leaderboard text-1."""
    from dataclasses import asdict

    from moe_kb.analysis.run_metrics import metric_label
    from moe_kb.cli import output

    board = open_here().leaderboard(protocol)
    if json:
        output.print_json(asdict(board))
        return
    output.print_table(
        ["group", "rank", "design", metric_label(board.protocol.headline), "±", "− dense", "verdict", "seeds"],
        [
            [
                standing.group,
                standing.rank,
                standing.name,
                standing.mean,
                standing.error,
                standing.against_dense.mean if standing.against_dense else None,
                standing.verdict,
                standing.seeds,
            ]
            for standing in board.standings
        ],
    )
    typer.echo(
        f"{board.protocol.protocol}, {board.protocol.better} is better; of {board.ranked} ranked designs "
        f"{board.count('better')} better than dense, {board.count('tie')} tie, {board.count('worse')} worse.",
        err=True,
    )


@app.command()
def trends(
    measure: Annotated[str, typer.Argument(help="Such as granularity; an unknown one lists all.")],
    text: Annotated[str, typer.Option(help="Only configurations that hold these words.")] = "",
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest configuration of each model.")] = False,
    json: JsonFlag = False,
) -> None:
    """Follow a measure of released models through time: moe-kb trends granularity."""
    from dataclasses import asdict

    from moe_kb.analysis.trends import shown
    from moe_kb.cli import output

    trend = open_here().trends(measure, text=text, largest_only=largest)
    field = trend.field
    if json:
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
        years = [*map(asdict, trend.years), *map(asdict, trend.commonest)]
        output.print_json({"measure": measure, "unit": field.unit, "years": years, "configurations": rows})
        return
    output.print_table(
        ["released", "configuration", field.title, "source"],
        [
            [
                observation.released,
                observation.label,
                shown(measure, observation.value(measure)) + (" ≠" if observation.differs(measure) else ""),
                observation.source_of(measure),
            ]
            for observation in trend.observations
        ],
    )
    typer.echo("")
    if field.words:
        output.print_table(
            ["year", "most frequent", "configurations", "of"],
            [[str(year.year), year.word, year.count, year.of] for year in trend.commonest],
        )
    else:
        output.print_table(
            ["year", "median", "middle half", "configurations"],
            [
                [
                    str(year.year),
                    shown(measure, year.median),
                    f"{shown(measure, year.low)} to {shown(measure, year.high)}",
                    year.count,
                ]
                for year in trend.years
            ],
        )
