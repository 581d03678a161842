"""Trade-offs as a chart: two sides against each other with the Pareto frontier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.labels import places
from moe_kb.analysis.metrics import Side
from moe_kb.analysis.trade_offs import Choice, Entry, TradeOffs
from moe_kb.charts.models import axis
from moe_kb.charts.palette import BLUE, GREY, ORANGE, quiet
from moe_kb.charts.safe import safe
from moe_kb.fields import Field
from moe_kb.format import compact, escaped

#: With more points than this only those on the frontier are named.
NAMED = 24
GROUPS = {
    "best": ("on the frontier", "circle", BLUE),
    "behind": ("dominated", "circle-open", GREY),
    "unranked": ("not ranked: rounded, and counted as its source counts", "diamond-open", ORANGE),
}
#: How a source's place reads, given its key and the place in it.
Named = Callable[[str | None, str | None], str]


@safe
def against(trade_offs: TradeOffs, x: Side, y: Side, named: Named) -> go.Figure:
    """One side against another; filled marks and the line between them are the Pareto frontier.

    Args:
        trade_offs: The configurations; those without both values are left out.
        x: The side that lies across; logarithmic unless it is accuracy.
        y: The side that stands up; the same.
        named: How the hover names a source.
    """
    choice, points = trade_offs.choice, trade_offs.having((x, y))
    best = trade_offs.frontier((x, y))
    xs = [choice.shown(entry.values[x], x) for entry in points]
    ys = [choice.shown(entry.values[y], y) for entry in points]
    on = [entry.subject.where in best for entry in points]
    log_x, log_y = _log(x, xs), _log(y, ys)
    few = len(points) <= NAMED
    names = [entry.subject.label if few or kept else "" for entry, kept in zip(points, on, strict=True)]
    steps = [(a, b) for a, b, kept in sorted(zip(xs, ys, on, strict=True)) if kept]
    # Between two marks one has at least what the worse of them gives.
    corners = [(b[0], a[1]) if choice.sign(x) < 0 else (a[0], b[1]) for a, b in pairwise(steps)]
    line = [step for pair in zip_longest(steps, corners) for step in pair if step]
    labels = places(xs, ys, names, line, log_x=log_x, log_y=log_y)
    groups = [
        "best" if kept else "behind" if trade_offs.ranked(entry, (x, y)) else "unranked"
        for entry, kept in zip(points, on, strict=True)
    ]
    figure = go.Figure()
    figure.add_scatter(
        x=[a for a, _ in line],
        y=[b for _, b in line],
        mode="lines",
        name="Pareto frontier",
        line={"color": BLUE, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    for group, (words, symbol, colour) in GROUPS.items():
        some = [number for number in range(len(points)) if groups[number] == group]
        if not some:
            continue
        figure.add_scatter(
            x=[xs[number] for number in some],
            y=[ys[number] for number in some],
            mode="markers+text",
            name=words,
            text=[names[number] for number in some],
            textposition=[labels[number] for number in some],
            textfont={"size": 11},
            cliponaxis=False,
            marker={
                "size": 11 if group == "best" else 9,
                "symbol": symbol,
                "color": colour,
                "line": {"width": 0 if group == "best" else 2},
            },
            customdata=[points[number].subject.record for number in some],
            hovertext=[_hover(points[number], choice, (y, x), named) for number in some],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    return quiet(figure, 520, top=40, right=90).update_layout(
        legend={"y": 1.02},
        showlegend=True,
        xaxis=_axis(choice, x, xs, log_x),
        yaxis=_axis(choice, y, ys, log_y) | ({"rangemode": "normal"} if not log_y else {}),
    )


def _log(side: Side, values: Sequence[float]) -> bool:
    return side != "accuracy" and bool(values) and min(values) > 0


def _axis(choice: Choice, side: Side, values: Sequence[float], log: bool) -> dict[str, Any]:
    """Its title says where better lies."""
    way = "better →" if choice.sign(side) > 0 else "← better"
    return axis(Field(side, f"{choice.title(side)}, {way}", axis="log" if log else "linear"), log, values)


def _hover(entry: Entry, choice: Choice, sides: Sequence[Side], named: Named) -> str:
    subject = entry.subject
    about = ", ".join(filter(None, (subject.organisation, subject.released, subject.domain)))
    lines = [f"<b>{escaped(subject.label)}</b>", escaped(about)]
    for side in sides:
        value = entry.values[side]
        number = compact(float(f"{choice.shown(value, side):.4g}"))
        lines.append(f"{escaped(choice.title(side))}: {number}{' ≠' if value.differs else ''}")
        if value.row and value.row != subject.label:
            lines.append(f"printed as {escaped(value.row)}")
        computed = "computed from " if value.kind == "computed" else ""
        notes = [computed + named(value.source, value.locator), value.note]
        notes += [f"also {other.shown}: {named(other.source, other.locator)}" for other in value.others]
        lines += [f"<i>{escaped(note)}</i>" for note in notes if note]
    return "<br>".join(line for line in lines if line)
