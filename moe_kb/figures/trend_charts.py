"""Charts of measures by release date: a mark a configuration, the median of each year, several side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from moe_kb.figures import models, released
from moe_kb.figures.apart import apart
from moe_kb.figures.palette import COLOURS, GREY, RED, quiet
from moe_kb.figures.trend_terms import COLOURS as COLOURINGS
from moe_kb.figures.trend_terms import TRENDS
from moe_kb.figures.trends import Row, disputed, having, shown, source_of, yearly

HEIGHT = 520
#: Marks nearer than this many days and this part of the axis would hide one another.
_NEAR, _STEP = 24.0, 0.024
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "triangle-down")
_POWERS = ("experts_per_token", "n_routed_experts")


def by_date(found: Sequence[Row], name: str, colour: str, *, medians: bool = True) -> go.Figure:
    """A measure by release date: a mark a configuration, hollow where no month is known; customdata is the model.

    Args:
        found: From `trends.rows`; those without the measure or a date are left out.
        name: One of `TRENDS`.
        colour: A field of the rows.
        medians: Whether to draw the median and the middle half of each calendar year.
    """
    drawn = in_order(having(found, name))
    categories = ordered(drawn, name)
    groups = models.grouped(drawn, colour)
    out = go.Figure()
    if medians and not categories:
        out.add_traces(_medians(found, name))
    out.add_traces([entry(group, _look(group, groups)) for group in groups])
    out.add_traces(_marks(drawn, name, heights(drawn, name, categories), groups, size=10))
    quiet(out, height_for(categories), top=44, bottom=40)
    out.update_layout(hovermode="closest", legend={"title": {"text": COLOURINGS.get(colour, "")}})
    out.update_xaxes(time(drawn))
    out.update_yaxes(axis(name, drawn, categories))
    return out


def at_a_glance(found: Sequence[Row], names: Sequence[str], colour: str, columns: int = 3) -> go.Figure:
    """Several measures by release date, small, side by side; time and colours are common to all."""
    lines = math.ceil(len(names) / columns)
    titles = [f"{TRENDS[name].label}{_unit(name)}" for name in names]
    out = make_subplots(lines, columns, subplot_titles=titles, horizontal_spacing=0.06, vertical_spacing=0.1)
    dated = in_order([row for row in found if row["released"]])
    groups = models.grouped(dated, colour)
    for number, name in enumerate(names):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        drawn = having(dated, name)
        for trace in _medians(found, name):
            trace.showlegend = bool(trace.showlegend) and number == 0
            out.add_trace(trace, **place)
        if number == 0:
            for group in groups:
                out.add_trace(entry(group, _look(group, groups)), **place)
        for trace in _marks(drawn, name, heights(drawn, name), groups, size=7):
            out.add_trace(trace, **place)
        out.update_xaxes(time(dated) | {"title": None}, **place)
        out.update_yaxes(axis(name, drawn) | {"title": None}, **place)
    quiet(out, 290 * lines + 60, top=80, bottom=20)
    out.update_layout(hovermode="closest", legend={"y": 1.0 + 46 / (290 * lines)})
    out.update_annotations(font={"size": 13})
    return out


def height_for(categories: Sequence[str]) -> int:
    """Pixels of a chart: rows of words have theirs, closer where there are many."""
    return max(300, 120 + (62 if len(categories) < 8 else 42) * len(categories)) if categories else HEIGHT


def in_order(found: Sequence[Row]) -> list[Row]:
    """Rows by name and size, so that marks of one date always stand in the same order."""
    return sorted(found, key=lambda row: (row["name"].casefold(), row["params_total"] or 0, row["configuration"]))


def ordered(drawn: Sequence[Row], name: str) -> list[str]:
    """The words of a measure, the most frequent last, which is on top; none for numbers."""
    if not TRENDS[name].words:
        return []
    counted = Counter(row[name] for row in drawn)
    return [word for word, _ in sorted(counted.items(), key=lambda item: (item[1], item[0]))]


def _medians(found: Sequence[Row], name: str) -> list[go.Scatter]:
    """The middle half of each calendar year as a band, and its median as a line."""
    points = yearly(found, name)
    if len(points) < 2:
        return []
    x = [released.middle_of(year) for year, *_ in points]
    wide = TRENDS[name].wide
    low, middle, high = ([max(point[i], 1e-9) if wide else point[i] for point in points] for i in (1, 2, 3))
    said = [
        f"<b>{year}</b>: median {shown(name, mid)}<br>middle half {shown(name, first)} to {shown(name, last)}"
        f"<br>{n} configurations"
        for year, first, mid, last, n in points
    ]
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    return [
        go.Scatter(x=x, y=low, **band),
        go.Scatter(x=x, y=high, **band, fill="tonexty", fillcolor="rgba(134,142,153,0.16)"),
        go.Scatter(
            x=x,
            y=middle,
            mode="lines+markers",
            name="median of the year",
            showlegend=True,
            line={"color": RED, "width": 2.5},
            marker={"symbol": "line-ew", "size": 14, "line": {"width": 2.5, "color": RED}},
            text=said,
            hovertemplate="%{text}<extra></extra>",
        ),
    ]


def _marks(
    drawn: Sequence[Row], name: str, at: Sequence[float], groups: dict[str, list[Row]], size: int
) -> list[go.Scatter]:
    """A trace a group that has any of the marks."""
    of = {id(row): group for group, members in groups.items() for row in members}
    x = released.places(drawn)
    out = []
    for group in groups:
        members = [i for i, row in enumerate(drawn) if of[id(row)] == group]
        if members:
            out.append(
                marks(
                    [drawn[i] for i in members],
                    [x[i] for i in members],
                    [at[i] for i in members],
                    (name,),
                    group,
                    _look(group, groups),
                    size=size,
                )
            )
    return out


def _look(group: str, groups: Mapping[str, object]) -> tuple[str, str]:
    """Colour and symbol of a group: grey for what is left over, and for what nobody states."""
    if group == models.UNKNOWN:
        return GREY, "x-thin"
    if group == models.OTHERS:
        return GREY, "circle"
    number = list(groups).index(group)
    return COLOURS[number], _SYMBOLS[number]


def entry(group: str, look: tuple[str, str]) -> go.Scatter:
    """A group's entry in the legend, which is full whether or not its marks are hollow."""
    colour, symbol = look
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=group,
        legendgroup=group,
        marker={
            "size": 10,
            "symbol": symbol,
            "color": colour,
            "line": {"width": 2 if symbol.endswith("-thin") else 0, "color": colour},
        },
    )


def marks(
    members: Sequence[Row],
    x: Sequence[Any],
    y: Sequence[float],
    names: Sequence[str],
    group: str,
    look: tuple[str, str],
    *,
    by_date: bool = True,
    size: int = 10,
) -> go.Scatter:
    """The marks of a group, hollow where they stand by date and no month is known."""
    colour, symbol = look
    hollow = [by_date and not released.known_to_the_month(row["released"]) for row in members]
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        name=group,
        legendgroup=group,
        showlegend=False,
        text=[hover(row, names) for row in members],
        customdata=[row["record"] for row in members],
        hovertemplate="%{text}<extra></extra>",
        marker={
            "size": size,
            "opacity": 0.85,
            "color": colour,
            "symbol": [f"{symbol}-open" if one else symbol for one in hollow],
            "line": {"width": [2 if one or symbol.endswith("-thin") else 0.5 for one in hollow], "color": colour},
        },
    )


def reference(ends: tuple[Any, Any], y: tuple[float, float], label: str, place: str) -> go.Scatter:
    """A dotted line with its name at the right end, on the side that plotly's text position names."""
    return go.Scatter(
        x=list(ends),
        y=list(y),
        mode="lines+text",
        text=["", escape(label)],
        textposition=place,
        textfont={"size": 12, "color": GREY},
        line={"color": GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def hover(row: Row, names: Sequence[str]) -> str:
    """What a mark says: the configuration, its date, each measure, and where its values were read."""
    lines = [f"<b>{escape(row['label'])}</b>"]
    date = released.in_words(row["released"]) if row["released"] else "date not known"
    lines.append(escape(" · ".join(filter(None, (row["organisation"], date)))))
    for name in names:
        value = escape(shown(name, row[name])) + (" ≠" if disputed(row, name) else "")
        lines.append(f"{escape(TRENDS[name].label)}: <b>{value}</b>")
        parts = [
            f"{escape(models.label_of(field).lower())} {escape(_plain(row[field]))}"
            for field in TRENDS[name].fields
            if len(TRENDS[name].fields) > 1 and row.get(field) is not None
        ]
        if parts:
            lines.append(", ".join(parts))
        place = source_of(row, name)
        if place:
            lines += [f"<i>{escape(part)}</i>" for part in place.split("; ")]
        if row["zero"] and "experts_per_token" in TRENDS[name].fields:
            lines.append(f"at most: {row['zero']} experts without computation compete")
    return "<br>".join(lines)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else models.compact(value)


def heights(drawn: Sequence[Row], name: str, categories: Sequence[str] = ()) -> list[float]:
    """Heights of marks by date; those of equal value that would hide one another are set apart upwards and downwards.

    Args:
        drawn: Rows that have the measure and a release date.
        name: The measure.
        categories: Its words from below, where its values are words.
    """
    trend = TRENDS[name]
    if trend.words:
        at, step = [float(categories.index(row[name])) for row in drawn], 0.14
    else:
        at = [math.log10(row[name]) if trend.wide else float(row[name]) for row in drawn]
        step = _STEP * _extent(at)
    if trend.whole or trend.words:
        days = [place.timestamp() / 86400 for place in released.places(drawn)]
        points = apart(list(zip(days, at, strict=True)), (_NEAR, step), most=3 if trend.words else 6)
        at = [height for _, height in points]
    return [10**height for height in at] if trend.wide and not trend.words else at


def against(drawn: Sequence[Row], x: str, y: str) -> list[tuple[float, float]]:
    """Places of marks between two logarithmic axes; those that would hide one another stand around their place."""
    points = [(math.log10(row[x]), math.log10(row[y])) for row in drawn]
    step = (0.009 * _extent([a for a, _ in points]), 0.6 * _STEP * _extent([b for _, b in points]))
    return [(10**a, 10**b) for a, b in apart(points, step, around=True)]


def _extent(values: Sequence[float]) -> float:
    return max(max(values) - min(values), 1e-6) if values else 1.0


def _unit(name: str) -> str:
    unit = TRENDS[name].unit
    return f" ({'%' if unit.startswith('percent') else unit})" if unit else ""


def time(drawn: Sequence[Row]) -> dict[str, Any]:
    """The axis of release dates: whole years around what is drawn."""
    years = [row["year"] for row in drawn]
    edges = {"range": [f"{min(years)}-01-01", f"{max(years) + 1}-01-01"]} if years else {}
    return {"title": "Release date", "type": "date", "tickformat": "%Y", "dtick": "M12", "automargin": True, **edges}


def axis(name: str, drawn: Sequence[Row], categories: Sequence[str] = ()) -> dict[str, Any]:
    """The vertical axis: words in rows, numbers with their unit, percentages with their sign."""
    trend = TRENDS[name]
    if trend.words:
        return {
            "tickvals": list(range(len(categories))),
            "ticktext": [escape(word) for word in categories],
            "range": [-0.6, len(categories) - 0.4],
            "automargin": True,
            "zeroline": False,
        }
    values = [row[name] for row in drawn]
    settings = models.axis(trend, trend.wide, values)
    if name in _POWERS and values:
        top = math.ceil(math.log2(max(values)))
        ticks = [2**power for power in range(0, top + 1, 1 if top <= 6 else 2)]
        settings |= {"tickvals": ticks, "ticktext": [models.compact(tick) for tick in ticks]}
    if trend.unit.startswith("experts") and not trend.wide:
        settings |= {"dtick": 1, "tickformat": "d"}
    if trend.unit.startswith("percent") and "ticktext" in settings:
        settings["ticktext"] = [f"{text} %" for text in settings["ticktext"]]
    elif trend.unit.startswith("percent"):
        settings["ticksuffix"] = " %"
    if not trend.wide:
        settings["rangemode"] = "normal"
        settings["zeroline"] = False
    return settings
