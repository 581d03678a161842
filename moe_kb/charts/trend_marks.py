"""Marks of charts of measures: what they look like, what they say, and where they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from moe_kb.charts.jitter import apart
from moe_kb.charts.palette import GREY
from moe_kb.fields import label_of
from moe_kb.figures import released
from moe_kb.figures.trend_terms import TRENDS
from moe_kb.figures.trends import Row, disputed, shown, source_of
from moe_kb.format import compact

#: A plotly trace as plain values: plotly checks them once, when they go into a figure, and not twice.
Trace = dict[str, Any]
#: Marks nearer than this many days and this part of the axis would hide one another.
_NEAR, _STEP = 24.0, 0.024


def entry(group: str, look: tuple[str, str]) -> Trace:
    """A group's entry in the legend, which is full whether or not its marks are hollow."""
    colour, symbol = look
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": group,
        "legendgroup": group,
        "marker": {
            "size": 10,
            "symbol": symbol,
            "color": colour,
            "line": {"width": 2 if symbol.endswith("-thin") else 0, "color": colour},
        },
    }


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
) -> Trace:
    """The marks of a group, hollow where they stand by date and no month is known."""
    colour, symbol = look
    hollow = [by_date and not released.known_to_the_month(row["released"]) for row in members]
    return {
        "type": "scatter",
        "x": list(x),
        "y": list(y),
        "mode": "markers",
        "name": group,
        "legendgroup": group,
        "showlegend": False,
        "text": [hover(row, names) for row in members],
        "customdata": [row["record"] for row in members],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": size,
            "opacity": 0.85,
            "color": colour,
            "symbol": [f"{symbol}-open" if one else symbol for one in hollow],
            "line": {"width": [2 if one or symbol.endswith("-thin") else 0.5 for one in hollow], "color": colour},
        },
    }


def reference(ends: tuple[Any, Any], y: tuple[float, float], label: str, place: str) -> Trace:
    """A dotted line with its name at the right end, on the side that plotly's text position names."""
    return {
        "type": "scatter",
        "x": list(ends),
        "y": list(y),
        "mode": "lines+text",
        "text": ["", escape(label)],
        "textposition": place,
        "textfont": {"size": 12, "color": GREY},
        "line": {"color": GREY, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def hover(row: Row, names: Sequence[str]) -> str:
    """What a mark says: the configuration, its date, each measure, and where its values were read."""
    lines = [f"<b>{escape(row['label'])}</b>"]
    date = released.in_words(row["released"]) if row["released"] else "date not known"
    lines.append(escape(" · ".join(filter(None, (row["organisation"], date)))))
    for name in names:
        value = escape(shown(name, row[name])) + (" ≠" if disputed(row, name) else "")
        lines.append(f"{escape(TRENDS[name].label)}: <b>{value}</b>")
        parts = [
            f"{escape(label_of(field).lower())} {escape(_plain(row[field]))}"
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
    return value if isinstance(value, str) else compact(value)


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
