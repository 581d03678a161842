"""Benchmark scores against size or year."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from moe_kb.analysis.labels import places
from moe_kb.charts.models import SYMBOLS, axis
from moe_kb.charts.palette import COLOURS, quiet
from moe_kb.charts.safe import safe
from moe_kb.fields import MEASURES, NOT_REPORTED, label_of
from moe_kb.format import citation, compact
from moe_kb.queries.scores import ScoreRow

#: More names than this cannot be told apart in a picture, and finding a place for each takes seconds.
NAMED = 200


@safe
def score_chart(rows: Sequence[ScoreRow], benchmark: str, against: str = "params_active") -> go.Figure:
    """Scores of one benchmark against size or year; the setting (shots) is the colour and the shape of a point.

    Args:
        rows: From `moe_kb.queries.scores`.
        benchmark: One of `BENCHMARKS`.
        against: One of `moe_kb.queries.scores.AGAINST`.
    """
    points = [row for row in rows if row.benchmark == benchmark and row.against(against) is not None]
    named = points if len(points) <= NAMED else []
    found = places(
        [row.against(against) or 0 for row in named],
        [row.score for row in named],
        [row.label for row in named],
        log_x=MEASURES[against].log,
    )
    names = dict(zip(map(id, named), found, strict=True))
    figure = go.Figure()
    for number, setting in enumerate(sorted({row.setting for row in points})):
        members = [row for row in points if row.setting == setting]
        figure.add_scatter(
            x=[row.against(against) for row in members],
            y=[row.score for row in members],
            name=setting,
            mode="markers+text" if named else "markers",
            text=[row.label for row in members],
            cliponaxis=False,
            textposition=[names[id(row)] for row in members] if named else None,
            textfont={"size": 11},
            marker={"size": 11, "symbol": SYMBOLS[number % len(SYMBOLS)], "color": COLOURS[number]},
            customdata=[
                [
                    row.organisation or "",
                    row.released or "",
                    compact(row.params_active) or NOT_REPORTED,
                    compact(row.params_total) or NOT_REPORTED,
                    row.printed or row.score,
                    citation(row.source, row.locator),
                ]
                for row in members
            ],
            hovertemplate=(
                "<b>%{text}</b><br>%{customdata[0]}, %{customdata[1]}<br>"
                + label_of(benchmark)
                + ": %{customdata[4]}<br>active %{customdata[2]}, total %{customdata[3]}<br>"
                "<i>%{customdata[5]}</i><extra>" + setting + "</extra>"
            ),
        )
    return quiet(figure, 520, top=30, right=90).update_layout(
        legend={"title": {"text": "Setting"}, "y": 1.02},
        showlegend=True,
        xaxis=axis(MEASURES[against], MEASURES[against].log, [row.against(against) for row in points]),
        yaxis={"title": {"text": f"{label_of(benchmark)} (score, percent)"}, "automargin": True},
    )
