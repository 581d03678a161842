"""Charts of measures by release date: a mark a configuration, the median of each year, several side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from moe_kb.charts.palette import COLOURS, GREY, RED, quiet
from moe_kb.fields import NOT_REPORTED
from moe_kb.figures import models, released
from moe_kb.figures.trend_marks import Trace, entry, heights, marks
from moe_kb.figures.trend_terms import COLOURS as COLOURINGS
from moe_kb.figures.trend_terms import SIDE_BY_SIDE, TRENDS
from moe_kb.figures.trends import Row, chosen, having, rows, shown, yearly
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase

HEIGHT = 520
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
    traces: list[Trace] = []
    axes: dict[str, Any] = {}
    for number, name in enumerate(names):
        drawn = having(dated, name)
        panel = _medians(found, name) + _marks(drawn, name, heights(drawn, name), groups, size=7)
        for trace in panel:
            trace["showlegend"] = bool(trace["showlegend"]) and number == 0
        if number == 0:
            panel += [entry(group, _look(group, groups)) for group in groups]
        end = number + 1 if number else ""
        traces += [trace | {"xaxis": f"x{end}", "yaxis": f"y{end}"} for trace in panel]
        axes |= {f"xaxis{end}": time(dated) | {"title": None}, f"yaxis{end}": axis(name, drawn) | {"title": None}}
    out.add_traces(traces)
    out.update_layout(axes)
    quiet(out, 290 * lines + 60, top=80, bottom=20)
    out.update_layout(hovermode="closest", legend={"y": 1.0 + 46 / (290 * lines)})
    out.update_annotations(font={"size": 13})
    return out


def side_by_side(kb: KnowledgeBase, colour: str, text: str = "", one_each: bool = False) -> go.Figure:
    """`at_a_glance` of a knowledge base, which is worth remembering: nine panels take a tenth of a second."""
    return at_a_glance(chosen(rows(kb), text, one_each=one_each), SIDE_BY_SIDE, colour)


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


def _medians(found: Sequence[Row], name: str) -> list[Trace]:
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
    band: Trace = {
        "type": "scatter",
        "x": x + x[::-1],
        "y": low + high[::-1],
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": "rgba(134,142,153,0.16)",
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [
        band,
        {
            "type": "scatter",
            "x": x,
            "y": middle,
            "mode": "lines+markers",
            "name": "median of the year",
            "showlegend": True,
            "line": {"color": RED, "width": 2.5},
            "marker": {"symbol": "line-ew", "size": 14, "line": {"width": 2.5, "color": RED}},
            "text": said,
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]


def _marks(
    drawn: Sequence[Row], name: str, at: Sequence[float], groups: dict[str, list[Row]], size: int
) -> list[Trace]:
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
    if group == NOT_REPORTED:
        return GREY, "x-thin"
    if group == models.OTHERS:
        return GREY, "circle"
    number = list(groups).index(group)
    return COLOURS[number], _SYMBOLS[number]


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
        settings |= {"tickvals": ticks, "ticktext": [compact(tick) for tick in ticks]}
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
