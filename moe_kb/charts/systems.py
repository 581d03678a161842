"""Systems: what each optimises, and the stars of their repositories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, ORANGE, quiet
from moe_kb.charts.safe import safe
from moe_kb.queries.systems import OPTIMISES, SystemRow


@safe
def optimises_chart(rows: Sequence[SystemRow]) -> go.Figure:
    """Which system optimises what: a filled point where the mark is printed, a ring where it follows.

    Systems of which nothing is known are not drawn.
    """
    figure = go.Figure()
    rows = [row for row in rows if row.optimises]
    names = [row.name for row in rows]
    for status, symbol, colour, label in (
        ("reported", "circle", BLUE, "marked by a source"),
        ("derived", "circle-open", ORANGE, "derived from what its documentation says"),
    ):
        found = [(aspect, row.name) for row in rows for aspect in OPTIMISES if row.optimises.get(aspect) == status]
        figure.add_scatter(
            x=[OPTIMISES[aspect] for aspect, _ in found],
            y=[name for _, name in found],
            mode="markers",
            name=label,
            marker={"symbol": symbol, "size": 16, "color": colour, "line": {"width": 2, "color": colour}},
            hovertemplate="<b>%{y}</b><br>%{x}: " + label + "<extra></extra>",
        )
    return quiet(figure, 90 + 34 * max(len(names), 1)).update_layout(
        xaxis=_categories(list(OPTIMISES.values()), 0.5) | {"side": "top"},
        yaxis=_categories(names[::-1], 0.6) | {"automargin": True},
        legend={"y": -0.02, "yanchor": "top"},
    )


def _categories(names: Sequence[str], room: float) -> dict[str, Any]:
    """An axis of names in this order, with room at both ends."""
    return {"categoryorder": "array", "categoryarray": names, "range": [-room, len(names) - 1 + room]}


@safe
def stars_chart(rows: Sequence[SystemRow]) -> go.Figure:
    """Stars of each repository, largest at the top, on a logarithmic axis."""
    with_stars = [(row.name, row.stars) for row in rows if row.stars and row.stars.number]
    known = sorted(with_stars, key=lambda row: row[1].number)
    dates = sorted({stars.as_of for _, stars in known if stars.as_of})
    figure = go.Figure(
        go.Scatter(
            x=[stars.number for _, stars in known],
            y=[name for name, _ in known],
            mode="markers+text",
            text=[stars.printed for _, stars in known],
            textposition="middle right",
            cliponaxis=False,
            marker={"size": 11, "color": BLUE},
            hovertemplate="<b>%{y}</b><br>%{text} stars<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0] * len(known),
                "arrayminus": [stars.number - 50 for _, stars in known],
                "width": 0,
                "thickness": 2,
                "color": BLUE,
            },
        )
    )
    when = f", as of {' and '.join(dates)}" if dates else ""
    return quiet(figure, 90 + 34 * max(len(known), 1), right=60).update_layout(
        xaxis={
            "title": {"text": f"Stars on GitHub{when}"},
            "type": "log",
            "dtick": 1,
            "exponentformat": "none",
            "separatethousands": True,
            "range": [1.7, 5],
            "automargin": True,
        },
        yaxis={"automargin": True},
    )
