"""Charts of measures by release date: a mark a configuration, the median of each year, several side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from moe_kb.analysis.groups import OTHERS
from moe_kb.analysis.time_axis import middle_of, positions
from moe_kb.analysis.trend_fields import COLOUR_BY, TRENDS
from moe_kb.analysis.trends import Observation, shown, yearly
from moe_kb.charts import models
from moe_kb.charts.models import grouped
from moe_kb.charts.palette import COLOURS, GREY, RED, Trace, entry, quiet
from moe_kb.charts.safe import safe
from moe_kb.charts.trend_marks import heights, marks
from moe_kb.fields import NOT_REPORTED
from moe_kb.format import compact, escaped

HEIGHT = 520
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "triangle-down")
_POWERS = ("experts_per_token", "n_routed_experts")
Groups = Mapping[str, Sequence[Observation]]


@safe
def by_date(observations: Sequence[Observation], name: str, colour: str, *, medians: bool = True) -> go.Figure:
    """A measure by release date: a mark a configuration, hollow where no month is known; customdata is the model.

    Args:
        observations: Those without the measure or a date are left out.
        name: One of `TRENDS`.
        colour: One of `COLOUR_BY`.
        medians: Whether to draw the median and the middle half of each calendar year.
    """
    drawn = _having(observations, name)
    categories = ordered(drawn, name)
    groups = grouped(drawn, colour)
    out = go.Figure()
    if medians and not categories:
        out.add_traces(_medians(observations, name))
    out.add_traces([entry(group, *_look(group, groups)) for group in groups])
    out.add_traces(_marks(drawn, name, groups, categories, size=10))
    quiet(out, height_for(categories), top=44, bottom=40)
    out.update_layout(hovermode="closest", legend={"title": {"text": COLOUR_BY.get(colour, "")}})
    out.update_xaxes(time(drawn))
    out.update_yaxes(axis(name, drawn, categories))
    return out


@safe
def side_by_side(observations: Sequence[Observation], names: Sequence[str], colour: str, columns: int = 3) -> go.Figure:
    """Several measures by release date, small, side by side; time and colours are common to all."""
    lines = math.ceil(len(names) / columns)
    titles = [f"{TRENDS[name].label}{_unit(name)}" for name in names]
    out = make_subplots(lines, columns, subplot_titles=titles, horizontal_spacing=0.06, vertical_spacing=0.1)
    dated = in_order([observation for observation in observations if observation.released])
    groups = grouped(dated, colour)
    traces: list[Trace] = []
    axes: dict[str, Any] = {}
    for number, name in enumerate(names):
        drawn = _having(dated, name)
        panel = _medians(observations, name) + _marks(drawn, name, groups, size=7)
        for trace in panel:
            trace["showlegend"] = bool(trace["showlegend"]) and number == 0
        if number == 0:
            panel += [entry(group, *_look(group, groups)) for group in groups]
        end = number + 1 if number else ""
        traces += [trace | {"xaxis": f"x{end}", "yaxis": f"y{end}"} for trace in panel]
        axes |= {f"xaxis{end}": time(dated) | {"title": None}, f"yaxis{end}": axis(name, drawn) | {"title": None}}
    out.add_traces(traces)
    out.update_layout(axes)
    quiet(out, 290 * lines + 60, top=80, bottom=20)
    out.update_layout(hovermode="closest", legend={"y": 1.0 + 46 / (290 * lines)})
    out.update_annotations(font={"size": 13})
    return out


def height_for(categories: Sequence[str]) -> int:
    """Pixels of a chart: rows of words have theirs, closer where there are many."""
    return max(300, 120 + (62 if len(categories) < 8 else 42) * len(categories)) if categories else HEIGHT


def in_order(observations: Sequence[Observation]) -> list[Observation]:
    """By name and size, so that marks of one date always stand in the same order."""

    def place(observation: Observation) -> tuple[str, float, str]:
        return observation.name.casefold(), observation.number("params_total") or 0, observation.configuration

    return sorted(observations, key=place)


def ordered(drawn: Sequence[Observation], name: str) -> list[str]:
    """The words of a measure, the most frequent last, which is on top; none for numbers."""
    if not TRENDS[name].words:
        return []
    counted = Counter(observation.words[name] or "" for observation in drawn)
    return [word for word, _ in sorted(counted.items(), key=lambda item: (item[1], item[0]))]


def _having(observations: Sequence[Observation], name: str) -> list[Observation]:
    return in_order([observation for observation in observations if observation.has(name)])


def _medians(observations: Sequence[Observation], name: str) -> list[Trace]:
    """The middle half of each calendar year as a band, and its median as a line."""
    years = yearly(observations, name)
    if len(years) < 2:
        return []
    least = 1e-9 if TRENDS[name].log else -math.inf
    x = [middle_of(year.year) for year in years]
    low, high = [max(year.low, least) for year in years], [max(year.high, least) for year in years]
    text = [
        f"<b>{year.year}</b>: median {shown(name, year.median)}<br>middle half {shown(name, year.low)} to "
        f"{shown(name, year.high)}<br>{year.count} configurations"
        for year in years
    ]
    band = {"mode": "lines", "line": {"width": 0}, "fill": "toself", "fillcolor": "rgba(134,142,153,0.16)"}
    quietly = {"type": "scatter", "hoverinfo": "skip", "showlegend": False}
    return [
        {"x": x + x[::-1], "y": low + high[::-1], **band, **quietly},
        {
            "type": "scatter",
            "x": x,
            "y": [max(year.median, least) for year in years],
            "mode": "lines+markers",
            "name": "median of the year",
            "showlegend": True,
            "line": {"color": RED, "width": 2.5},
            "marker": {"symbol": "line-ew", "size": 14, "line": {"width": 2.5, "color": RED}},
            "text": text,
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]


def _marks(
    drawn: Sequence[Observation], name: str, groups: Groups, categories: Sequence[str] = (), *, size: int
) -> list[Trace]:
    """A trace a group that has any of the marks."""
    group_of = {observation.where: group for group, members in groups.items() for observation in members}
    dates = positions([observation.released or "" for observation in drawn])
    places = list(zip(dates, heights(drawn, name, categories), strict=True))
    out = []
    for group in groups:
        members = [i for i, observation in enumerate(drawn) if group_of[observation.where] == group]
        if members:
            out.append(
                marks(
                    [drawn[i] for i in members],
                    [places[i] for i in members],
                    names=(name,),
                    group=group,
                    look=_look(group, groups),
                    size=size,
                )
            )
    return out


def _look(group: str, groups: Groups) -> tuple[str, str]:
    """Colour and symbol of a group: grey for what is left over, and for what nobody states."""
    if group == NOT_REPORTED:
        return GREY, "x-thin"
    if group == OTHERS:
        return GREY, "circle"
    number = list(groups).index(group)
    return COLOURS[number], _SYMBOLS[number]


def _unit(name: str) -> str:
    unit = "%" if TRENDS[name].percent else TRENDS[name].unit
    return f" ({unit})" if unit else ""


def time(drawn: Sequence[Observation]) -> dict[str, Any]:
    """The axis of release dates: whole years around what is drawn."""
    years = [observation.year for observation in drawn if observation.year is not None]
    edges = {"range": [f"{min(years)}-01-01", f"{max(years) + 1}-01-01"]} if years else {}
    return {"title": "Release date", "type": "date", "tickformat": "%Y", "dtick": "M12", "automargin": True, **edges}


def axis(name: str, drawn: Sequence[Observation], categories: Sequence[str] = ()) -> dict[str, Any]:
    """The vertical axis: words in rows, numbers with their unit, percentages with their sign."""
    trend = TRENDS[name]
    if trend.words:
        return {
            "tickvals": list(range(len(categories))),
            "ticktext": [escaped(word) for word in categories],
            "range": [-0.6, len(categories) - 0.4],
            "automargin": True,
            "zeroline": False,
        }
    values = [observation.measured(name) for observation in drawn]
    settings = models.axis(trend, trend.log, values)
    if name in _POWERS and values:
        top = math.ceil(math.log2(max(values)))
        ticks = [2**power for power in range(0, top + 1, 1 if top <= 6 else 2)]
        settings |= {"tickvals": ticks, "ticktext": [compact(tick) for tick in ticks]}
    if trend.unit.startswith("experts") and not trend.log:
        settings |= {"dtick": 1, "tickformat": "d"}
    if trend.percent and "ticktext" in settings:
        settings["ticktext"] = [f"{text} %" for text in settings["ticktext"]]
    elif trend.percent:
        settings["ticksuffix"] = " %"
    if not trend.log:
        settings["rangemode"] = "normal"
        settings["zeroline"] = False
    return settings
