"""A chart of two columns of a query's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.charts.palette import COLOURS, quiet
from moe_kb.charts.safe import safe
from moe_kb.db.console import QueryResult
from moe_kb.format import escaped
from moe_kb.queries.console import numeric_columns

KINDS = {"scatter": "Points", "line": "Line", "bar": "Bars", "histogram": "Histogram"}
MAX_GROUPS = 12
#: A second round through the colours has another marker.
MARKERS = ("circle", "diamond")


@safe
def result_chart(
    result: QueryResult,
    kind: str,
    x: str,
    y: str | None = None,
    *,
    group: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> go.Figure:
    """A chart of two columns of a result.

    Args:
        result: Of a query.
        kind: One of `KINDS`.
        x: A column.
        y: A column of numbers; a histogram needs none.
        group: Column whose values become colours, at most twelve, the rest together.
        log_x: Logarithmic axis for numbers.
        log_y: The same for the other axis.
    """
    place = {name: position for position, name in enumerate(result.columns)}
    names = _names(result)
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for row in result.rows:
        label = str(row[place[group]]) if group else ""
        if label not in groups and len(groups) >= MAX_GROUPS:
            label = "other"
        groups.setdefault(label, []).append(row)
    figure = go.Figure()
    for number, (label, rows) in enumerate(groups.items()):
        colour = COLOURS[number % len(COLOURS)]
        horizontal = [row[place[x]] for row in rows]
        if kind == "histogram":
            figure.add_histogram(x=horizontal, name=label, marker_color=colour)
            continue
        assert y is not None
        vertical = [row[place[y]] for row in rows]
        hover = "%{customdata}<br>" + f"{x}: %{{x}}<br>{y}: %{{y}}<extra></extra>"
        if kind == "bar":
            about = {"customdata": [names(row) for row in rows], "hovertemplate": hover}
            figure.add_bar(x=horizontal, y=vertical, name=label, marker_color=colour, **about)
            continue
        figure.add_scatter(
            x=horizontal,
            y=vertical,
            name=label,
            mode="lines+markers" if kind == "line" else "markers",
            marker={"size": 9, "opacity": 0.85, "color": colour, "symbol": MARKERS[number // len(COLOURS)]},
            customdata=[names(row) for row in rows],
            hovertemplate=hover,
        )
    numbers = set(numeric_columns(result))
    return quiet(figure, 480, top=30).update_layout(
        showlegend=group is not None,
        barmode="stack",
        legend={"title": {"text": group or ""}},
        xaxis={"title": {"text": x}, "automargin": True} | _scale(x, x in numbers, log_x),
        yaxis={"title": {"text": "rows" if kind == "histogram" else y}, "automargin": True}
        | _scale(y or "", True, log_y),
    )


def _scale(name: str, number: bool, log: bool) -> dict[str, Any]:
    if not number:
        return {"type": "category"}
    if log:
        return {"type": "log", "dtick": "D2", "exponentformat": "B"}
    return {"tickformat": "d"} if name == "year" else {"exponentformat": "B"}


def _names(result: QueryResult) -> Callable[[Sequence[Any]], str]:
    """What a point is called: the first column that holds text."""
    numbers = set(numeric_columns(result))
    position = next((i for i, name in enumerate(result.columns) if name not in numbers), None)
    return lambda row: "" if position is None or row[position] is None else escaped(str(row[position])[:80])
