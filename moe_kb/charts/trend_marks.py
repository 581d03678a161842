"""Marks of charts of measures: what they look like, what they say, and where they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from moe_kb.analysis.jitter import apart
from moe_kb.analysis.time_axis import in_words, known_to_the_month, positions
from moe_kb.analysis.trend_fields import TRENDS
from moe_kb.analysis.trends import Measured, Observation, shown
from moe_kb.charts.palette import GREY, Trace
from moe_kb.fields import in_sentence
from moe_kb.format import compact, escaped

#: Marks nearer than this many days and this part of the axis would hide one another.
_NEAR, _STEP = 24.0, 0.024


def marks(
    members: Sequence[Observation],
    places: Sequence[tuple[Any, float]],
    *,
    names: Sequence[str],
    group: str,
    look: tuple[str, str],
    by_date: bool = True,
    size: int = 10,
) -> Trace:
    """The marks of a group, hollow where they stand by date and no month is known."""
    colour, symbol = look
    hollow = [by_date and not known_to_the_month(observation.released or "") for observation in members]
    return {
        "type": "scatter",
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "mode": "markers",
        "name": group,
        "legendgroup": group,
        "showlegend": False,
        "text": [hover(observation, names) for observation in members],
        "customdata": [observation.record for observation in members],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": size,
            "opacity": 0.85,
            "color": colour,
            "symbol": [f"{symbol}-open" if is_hollow else symbol for is_hollow in hollow],
            "line": {
                "width": [2 if is_hollow or symbol.endswith("-thin") else 0.5 for is_hollow in hollow],
                "color": colour,
            },
        },
    }


def reference(ends: tuple[Any, Any], y: tuple[float, float], label: str, place: str) -> Trace:
    """A dotted line with its name at the right end, on the side that plotly's text position names."""
    return {
        "type": "scatter",
        "x": list(ends),
        "y": list(y),
        "mode": "lines+text",
        "text": ["", escaped(label)],
        "textposition": place,
        "textfont": {"size": 12},
        "line": {"color": GREY, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def hover(observation: Observation, names: Sequence[str]) -> str:
    """What a mark says: the configuration, its date, each measure, and where its values were read."""
    date = in_words(observation.released) if observation.released else "date not known"
    about = " · ".join(filter(None, (observation.organisation, date)))
    lines = [f"<b>{escaped(observation.label)}</b>", escaped(about)]
    for name in names:
        trend = TRENDS[name]
        value = escaped(shown(name, observation.value(name))) + (" ≠" if observation.differs(name) else "")
        lines.append(f"{escaped(trend.label)}: <b>{value}</b>")
        if len(trend.parts) > 1:
            parts = [
                f"{escaped(in_sentence(part))} {escaped(_plain(observation.value(part)))}"
                for part in trend.parts
                if observation.value(part) is not None
            ]
            lines += [", ".join(parts)] if parts else []
        lines += [f"<i>{escaped(place)}</i>" for place in observation.source_of(name).split("; ") if place]
        if observation.zero_experts and "experts_per_token" in trend.parts:
            lines.append(f"at most: {observation.zero_experts} experts without computation compete")
    return "<br>".join(lines)


def _plain(value: Measured) -> str:
    return value if isinstance(value, str) else compact(value)


def heights(drawn: Sequence[Observation], name: str, categories: Sequence[str] = ()) -> list[float]:
    """Heights of marks by date; those of equal value that would hide one another are set apart upwards and downwards.

    Args:
        drawn: Configurations that have the measure and a release date.
        name: The measure.
        categories: Its words from below, where its values are words.
    """
    trend = TRENDS[name]
    if trend.words:
        at, step = [float(categories.index(observation.words[name] or "")) for observation in drawn], 0.14
    else:
        numbers = [float(observation.measured(name)) for observation in drawn]
        at = [math.log10(number) for number in numbers] if trend.log else numbers
        step = _STEP * _extent(at)
    if trend.whole or trend.words:
        dates = positions([observation.released or "" for observation in drawn])
        points = list(zip((date.timestamp() / 86400 for date in dates), at, strict=True))
        at = [height for _, height in apart(points, (_NEAR, step), most=3 if trend.words else 6)]
    return [10**height for height in at] if trend.log else at


def against(drawn: Sequence[Observation], x: str, y: str) -> list[tuple[float, float]]:
    """Places of marks between two logarithmic axes; those that would hide one another stand around their place."""
    points = [(math.log10(observation.measured(x)), math.log10(observation.measured(y))) for observation in drawn]
    step = (0.009 * _extent([a for a, _ in points]), 0.6 * _STEP * _extent([b for _, b in points]))
    return [(10**a, 10**b) for a, b in apart(points, step, around=True)]


def _extent(values: Sequence[float]) -> float:
    return max(max(values) - min(values), 1e-6) if values else 1.0
