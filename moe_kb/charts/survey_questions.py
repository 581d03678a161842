"""The chart that answers a question of survey A's Table 2: where configurations stand to the table by colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.survey_questions import BESIDE, IN_TABLE, NEWER, UNDATED, Answer, Question
from moe_kb.analysis.time_axis import positions
from moe_kb.analysis.trends import Observation
from moe_kb.charts import trend_marks, trends
from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, Trace, entry, quiet
from moe_kb.charts.safe import safe

#: Colour and symbol of where a configuration stands to the table.
LOOKS = {IN_TABLE: (ORANGE, "square"), BESIDE: (GREEN, "diamond"), NEWER: (BLUE, "circle"), UNDATED: (GREY, "x-thin")}
#: How far lines of equal ratio go on beyond the last mark, in lengths of the logarithmic axis, for their names.
_BEYOND = 0.03


@safe
def figure(answer: Answer) -> go.Figure:
    """Every configuration that a question is answered from; customdata is the model."""
    question = answer.question
    drawn = trends.in_order(answer.observations)
    categories = trends.ordered(drawn, question.y)
    if question.x is None:
        dates = positions([observation.released or "" for observation in drawn])
        heights = trend_marks.heights(drawn, question.y, categories)
        places: list[tuple[Any, float]] = list(zip(dates, heights, strict=True))
    else:
        places = trend_marks.against(drawn, question.x, question.y)
    out = go.Figure(_lines(question, drawn))
    for standing, look in LOOKS.items():
        members = [i for i, observation in enumerate(drawn) if answer.standing(observation) == standing]
        if members:
            out.add_trace(entry(standing, *look))
            out.add_trace(
                trend_marks.marks(
                    [drawn[i] for i in members],
                    [places[i] for i in members],
                    names=question.fields,
                    group=standing,
                    look=look,
                    by_date=question.x is None,
                )
            )
    quiet(out, trends.height_for(categories), top=44, bottom=40)
    out.update_layout(hovermode="closest")
    if question.x is None:
        out.update_xaxes(trends.time(drawn))
    else:
        room = _room([observation.measured(question.x) for observation in drawn])
        out.update_xaxes(trends.axis(question.x, drawn) | room)
    out.update_yaxes(trends.axis(question.y, drawn, categories))
    return out


def _room(values: Sequence[float]) -> dict[str, Any]:
    """The range of a logarithmic axis, with room at its right end for the names of the lines."""
    if not values:
        return {}
    low, high = math.log10(min(values)), math.log10(max(values))
    length = max(high - low, 0.1)
    return {"range": [low - 0.04 * length, high + (_BEYOND + 0.12) * length]}


def _lines(question: Question, drawn: Sequence[Observation]) -> list[Trace]:
    """What the answers are held against: heights over time, or equal ratios over the range of the marks."""
    if not drawn:
        return []
    if question.x is None:
        years = [observation.year for observation in drawn if observation.year is not None]
        ends = (f"{min(years)}-01-01", f"{max(years)}-12-31")
        return [trend_marks.reference(ends, (height, height), label, "top left") for height, label in question.lines]
    low, high = (end(observation.measured(question.x) for observation in drawn) for end in (min, max))
    right = high * (high / low) ** _BEYOND
    return [
        trend_marks.reference((low, right), (factor * low, factor * right), label, "middle right")
        for factor, label in question.lines
    ]
