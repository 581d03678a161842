"""Any measure of configurations charted against any other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.groups import OTHERS, SHOWN_GROUPS, most_frequent
from moe_kb.charts.palette import COLOURS, GREY, quiet
from moe_kb.charts.safe import safe
from moe_kb.fields import COLOUR_BY, MEASURES, NOT_REPORTED, Field
from moe_kb.format import compact, escaped, joined
from moe_kb.queries.models import ConfigurationRow, Row

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x")


@safe
def scatter(
    rows: Sequence[ConfigurationRow],
    x: str,
    y: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    colour: str | None = None,
    size: str | None = None,
    behind: Sequence[ConfigurationRow] = (),
    named: Collection[str] = (),
) -> go.Figure:
    """Any measure against any other, a point a configuration; rows without both are left out.

    Args:
        rows: From `moe_kb.queries.models`.
        x: Name of a measure.
        y: Name of a measure.
        log_x: Whether the axis is logarithmic (zero and below are left out then).
        log_y: The same for the other axis.
        colour: One of `moe_kb.fields.COLOUR_BY`, or None.
        size: Name of a measure that gives the area of the points, or None.
        behind: Rows that a search does not find: faint, in no group, without a name.
        named: Rows that have their name beside them in any case, by `id`.
    """
    points = plottable(rows, x, y, log_x=log_x, log_y=log_y)
    groups = grouped(points, colour)
    largest = max((row.number(size) or 0 for row in points), default=0) if size else 0
    others = plottable(behind, x, y, log_x=log_x, log_y=log_y)
    across, up = (_placed([*points, *others], field, log) for field, log in ((x, log_x), (y, log_y)))
    named_here = _named(points, named, across, up)
    figure = go.Figure()
    if others:
        figure.add_scatter(
            x=[row.number(x) for row in others],
            y=[row.number(y) for row in others],
            name="not found",
            mode="markers",
            marker={"size": 7, "color": GREY, "opacity": 0.3},
            text=[_hover(row, x, y, None, None) for row in others],
            customdata=[row.record for row in others],
            hovertemplate="%{text}<extra></extra>",
        )
    for number, (name, members) in enumerate(groups.items()):
        figure.add_scatter(
            x=[row.number(x) for row in members],
            y=[row.number(y) for row in members],
            name=name,
            mode="markers+text",
            text=[escaped(row.label) if row.id in named_here else "" for row in members],
            textposition=[named_here.get(row.id, "top center") for row in members],
            textfont={"size": 12},
            cliponaxis=False,
            marker={
                "size": [_diameter(row.number(size), largest) for row in members] if size else 10,
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "opacity": 0.7 if size else 0.9,
                "color": GREY if name in (OTHERS, NOT_REPORTED) else COLOURS[number % len(COLOURS)],
                "line": {"width": 0.5, "color": "rgba(128,128,128,0.9)"},
            },
            hovertext=[_hover(row, x, y, colour, size) for row in members],
            customdata=[row.record for row in members],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    return quiet(figure, 560, top=30).update_layout(
        showlegend=len(groups) > 1 or bool(others),
        legend={"title": {"text": COLOUR_BY.get(colour or "", "")}, "y": 1.02},
        xaxis=axis(MEASURES[x], log_x, [row.number(x) for row in points]),
        yaxis=axis(MEASURES[y], log_y, [row.number(y) for row in points]),
    )


#: Points that all have their names; of more, only the newest so many have.
ALL_NAMED, NEWEST_NAMED = 15, 8
#: Width and height of a letter of a name, as parts of the chart's width and height.
_LETTER = (0.0085, 0.05)


def _named(
    points: Sequence[ConfigurationRow], named: Collection[str], across: Mapping[str, float], up: Mapping[str, float]
) -> dict[str, str]:
    """Where the names of points stand, by `id`: those asked for, then the newest, as far as none covers another."""
    newest = sorted(points, key=lambda row: row.released or "", reverse=True)
    if len(points) > ALL_NAMED:
        newest = newest[:NEWEST_NAMED]
    wanted = [row for row in points if row.id in named] + [row for row in newest if row.id not in named]
    taken: list[tuple[float, float, float, float]] = []
    places = {}
    for row in wanted:
        half, high = _LETTER[0] * len(row.label) / 2, _LETTER[1]
        for place, right, over in (
            ("top center", 0.0, high),
            ("bottom center", 0.0, -high),
            ("middle left", -half - 0.01, 0.0),
            ("middle right", half + 0.01, 0.0),
        ):
            middle = across[row.id] + right
            box = (middle - half, middle + half, up[row.id] + over - high / 2, up[row.id] + over + high / 2)
            inside = box[0] >= -0.08 and box[1] <= 1.08
            if inside and not any(
                box[0] < other[1] and other[0] < box[1] and box[2] < other[3] and other[2] < box[3] for other in taken
            ):
                taken.append(box)
                places[row.id] = place
                break
    return places


def _placed(points: Sequence[ConfigurationRow], name: str, log: bool) -> dict[str, float]:
    """Where each point stands along an axis, from 0 to 1, by `id`."""
    values = {row.id: math.log(value) if log else value for row in points if (value := row.number(name)) is not None}
    low, high = min(values.values(), default=0.0), max(values.values(), default=0.0)
    return {key: (value - low) / (high - low) if high > low else 0.5 for key, value in values.items()}


def axis(measure: Field, log: bool, values: Iterable[float | None] = ()) -> dict[str, Any]:
    """A plotly axis for a measure: title with unit, billions as B, years without a comma.

    Args:
        measure: What the axis shows.
        log: Whether it is logarithmic.
        values: What stands on it, to choose the ticks of a logarithmic axis.
    """
    settings: dict[str, Any] = {"title": {"text": measure.title}, "automargin": True, "showgrid": True}
    if log:
        ticks = _log_ticks([value for value in values if value and value > 0])
        return settings | {"type": "log", "tickvals": ticks, "ticktext": [compact(tick) for tick in ticks]}
    if measure.name == "year":
        return settings | {"tickformat": "d", "dtick": 1}
    return settings | {"exponentformat": "B"} | ({} if measure.log else {"rangemode": "tozero"})


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten over the values, with 2 and 5 between them where there is room."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = (1, 2, 5) if math.log10(max(values) / min(values)) <= 2.5 else (1,)
    return [step * 10.0**power for power in range(low - 1, high + 2) for step in steps]


def plottable(
    rows: Sequence[ConfigurationRow], x: str, y: str, *, log_x: bool = False, log_y: bool = False
) -> list[ConfigurationRow]:
    """The rows that can stand in a chart of two measures."""
    return [
        row
        for row in rows
        if all(
            (value := row.number(name)) is not None and not (log and value <= 0)
            for name, log in ((x, log_x), (y, log_y))
        )
    ]


def grouped(rows: Sequence[Row], colour: str | None) -> dict[str, list[Row]]:
    """Rows by group: the most frequent ones (the latest, of years), then the others, then those not reported."""
    if colour is None:
        return {"configurations": list(rows)} if rows else {}
    names = [row.group(colour) for row in rows]
    if colour != "year":
        return most_frequent(rows, names)
    latest = sorted({name for name in names if name})[-SHOWN_GROUPS:]
    groups: dict[str, list[Row]] = {}
    for row, name in sorted(zip(rows, names, strict=True), key=lambda pair: pair[1] or "9999"):
        group = NOT_REPORTED if name is None else name if name in latest else f"before {latest[0]}"
        groups.setdefault(group, []).append(row)
    return groups


def _diameter(value: float | None, largest: float) -> float:
    """Area in proportion to the value; a small ring where there is none."""
    return 5 + 30 * (max(value, 0) / largest) ** 0.5 if value and largest > 0 else 5


def _hover(row: ConfigurationRow, x: str, y: str, colour: str | None, size: str | None) -> str:
    lines = [f"<b>{escaped(row.label)}</b>"]
    lines.append(escaped(joined(row.organisation, row.released)))
    for name in dict.fromkeys(filter(None, (x, y, size))):
        value = row.number(name)
        if value is None:
            continue
        place = row.places.get(name) or {"active_share": "computed from the two counts"}.get(name)
        unit = MEASURES[name].unit
        number = f"{value:.0f}" if name == "year" else compact(value)
        lines.append(f"{MEASURES[name].label}: {number} {unit}" + (" ≠" if name in row.disputed else ""))
        if place:
            lines.append(f"<i>{escaped(place)}</i>")
    if colour and colour not in ("year", "organisation") and row.group(colour):
        lines.append(f"{COLOUR_BY[colour]}: {escaped(row.group(colour))}")
    return "<br>".join(line for line in lines if line)
