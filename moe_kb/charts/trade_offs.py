"""Trade-offs as charts: two sides against each other with the Pareto frontier, and all three as parallel axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.labels import places
from moe_kb.analysis.metrics import SIDES, Side
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
#: Where a parallel axis ends, and how a number beyond its end is anchored: at the worst and at the best.
AXIS_ENDS = ((-0.03, "top"), (1.03, "bottom"))
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


@safe
def parallel(trade_offs: TradeOffs, named: Named) -> go.Figure:
    """All three sides as parallel axes, better always up; a line a configuration that has all three values."""
    choice, sides = trade_offs.choice, tuple(SIDES)
    points, best = trade_offs.having(sides), trade_offs.frontier(sides)
    heights: dict[Side, list[float]] = {}
    lines: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for number, side in enumerate(sides):
        values = [choice.shown(entry.values[side], side) for entry in points]
        log = _log(side, values)
        heights[side] = _heights(values, choice.sign(side), log)
        (low, _), (high, _) = AXIS_ENDS
        lines.append({"x0": number, "x1": number, "y0": low, "y1": high, "line": {"color": GREY, "width": 1.5}})
        title = f"<b>{SIDES[side]}</b><br>{choice.title(side)}"
        words.append({"x": number, "y": high, "yshift": 18, "text": title, "yanchor": "bottom"})
        # Only the ends have numbers, where no line passes; the table below has the others.
        words += [
            {"x": number, "y": y, "text": text, "yanchor": anchor, "font": {"size": 11}}
            for (y, anchor), text in zip(AXIS_ENDS, _ends(values, choice.sign(side)), strict=True)
        ]
    ends = _spread(heights[sides[-1]], 0.045)
    kept = [entry.subject.where in best for entry in points]
    traces = [
        go.Scatter(
            x=[*range(len(sides)), len(sides) - 1 + 0.08],
            y=[*(heights[side][at] for side in sides), ends[at]],
            mode="lines+markers+text",
            text=["", "", "", points[at].subject.label],
            textposition="middle right",
            textfont={"size": 11},
            cliponaxis=False,
            line={"color": BLUE if kept[at] else GREY, "width": 2 if kept[at] else 1.2},
            marker={"size": [9, 9, 9, 0.01], "color": BLUE if kept[at] else GREY},
            customdata=[points[at].subject.record] * 4,
            hovertext=_hover(points[at], choice, sides, named),
            hovertemplate="%{hovertext}<extra></extra>",
        )
        for at in sorted(range(len(points)), key=lambda at: kept[at])  # those on the frontier over the others
    ]
    return quiet(go.Figure(traces), 530, top=70, bottom=20).update_layout(
        showlegend=False,
        shapes=[{"type": "line", **line} for line in lines],
        annotations=[{"showarrow": False, **word} for word in words],
        xaxis={"visible": False, "range": [-0.25, len(sides) - 1 + 0.45]},
        yaxis={"visible": False, "range": [-0.06, 1.06]},
    )


def _log(side: Side, values: Sequence[float]) -> bool:
    return side != "accuracy" and bool(values) and min(values) > 0


def _axis(choice: Choice, side: Side, values: Sequence[float], log: bool) -> dict[str, Any]:
    """Its title says where better lies."""
    way = "better →" if choice.sign(side) > 0 else "← better"
    return axis(Field(side, f"{choice.title(side)}, {way}", axis="log" if log else "linear"), log, values)


def _heights(values: Sequence[float], way: int, log: bool) -> list[float]:
    """Places between 0 (worst) and 1 (best)."""
    places_ = [math.log(value) if log else value for value in values]
    low, high = (min(places_), max(places_)) if places_ else (0.0, 0.0)
    if low == high:
        return [0.5] * len(places_)
    return [(value - low) / (high - low) if way > 0 else (high - value) / (high - low) for value in places_]


def _ends(values: Sequence[float], way: int) -> tuple[str, str]:
    """The worst and the best of the values, as text."""
    if not values:
        return "", ""
    worst, best = (min(values), max(values)) if way > 0 else (max(values), min(values))
    return compact(worst), compact(best)


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved as little as a gap between them asks for, in their order; they may run below 0 a little."""
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    out = list(heights)
    for before, at in pairwise(order):
        out[at] = max(out[at], out[before] + gap)
    over = max(out) - 1.0 if out else 0.0
    if over > 0:
        # Push back from the top, as far as the ones below give way.
        above = 1.0 + gap
        for at in reversed(order):
            out[at] = min(out[at], above - gap)
            above = out[at]
    return out


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
