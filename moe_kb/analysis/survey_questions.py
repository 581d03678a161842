"""Questions that survey A's Table 2 lets one ask, each answered from the records, with the newer models beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, quiet
from moe_kb.figures import released, trend_charts, trend_marks, trends
from moe_kb.figures.trends import Row, having
from moe_kb.kb import KnowledgeBase
from moe_kb.records.dates import span
from moe_kb.records.sublayers import MATRICES

TABLE = "table:survey-a-table-2"
IN_TABLE, BESIDE, NEWER, UNDATED = "in Table 2", "other models of its time", "newer than the table", "date not known"
#: Colour and symbol of where a configuration stands to the table.
LOOKS = {
    IN_TABLE: (ORANGE, "square"),
    BESIDE: (GREEN, "diamond"),
    NEWER: (BLUE, "circle"),
    UNDATED: (GREY, "x-thin"),
}

#: How far lines of equal ratio go on beyond the last mark, in lengths of the logarithmic axis, for their names.
_BEYOND = 0.03


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the chart that answers it, and a yes or no that can be counted."""

    name: str
    title: str
    said: str
    """What the survey says of it, in our words, and where."""
    y: str
    """Measure of the vertical axis."""
    x: str | None
    """Measure of the horizontal axis; None for the release date."""
    counted: str
    """The yes, in words: so many of them ..."""
    holds: Callable[[Row], bool]
    lines: tuple[tuple[float, str], ...] = ()
    """By date: heights with their names. Against a measure: factors of it."""
    at: str = "§4.2.2"
    """Where the survey speaks of it."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Measures a row must have."""
        return (self.y,) if self.x is None else (self.x, self.y)


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "count",
            "How many experts does a layer hold?",
            "The first models had up to thousands; the survey sees later ones stay at 64 or below.",
            "n_routed_experts",
            None,
            "have at most 64 routed experts",
            lambda row: row["n_routed_experts"] <= 64,
            ((64, "64"),),
        ),
        Question(
            "chosen",
            "How many experts does a token use?",
            "One or two are the survey's common choices; splitting experts finely multiplies the number.",
            "experts_per_token",
            None,
            "use at most two routed experts per token",
            lambda row: row["experts_per_token"] <= 2,
            ((2, "2"),),
            "§2.2, §4.2.2",
        ),
        Question(
            "size",
            "How wide is an expert beside the dense network it replaces?",
            "Most experts of the table copy the dense network; DeepSeekMoE's fine-grained ones, and those cut out of a "
            "dense model, are a fraction of it.",
            "d_expert",
            "d_ffn",
            "have experts narrower than their dense network",
            lambda row: row["d_expert"] < row["d_ffn"],
            ((1, "as wide"), (1 / 4, "a quarter"), (1 / 8, "an eighth")),
        ),
        Question(
            "split",
            "Do narrower experts come with more of them per token?",
            "Cutting each expert into m pieces and using m times as many keeps the computation: the survey's example "
            "goes from 2 of 16 to 16 of 128 at an eighth of the width.",
            "experts_per_token",
            "segmentation",
            "have narrower experts, and use at least m of them per token",
            lambda row: row["experts_per_token"] >= row["segmentation"] > 1,
            ((1, "k = m"), (2, "k = 2 m")),
        ),
        Question(
            "frequency",
            "Which part of the layers holds experts?",
            "Every second layer used to be usual and every fourth occurs; since Mixtral every layer, or all but the "
            "first few.",
            "moe_share",
            None,
            "hold experts in more than half of their layers",
            lambda row: row["moe_share"] > 50,
            ((50, "every second"), (25, "every fourth")),
        ),
        Question(
            "shared",
            "Do layers keep experts that every token uses?",
            "DeepSpeed-MoE brought a fixed expert beside the chosen one; the survey calls shared experts mainstream by "
            "its time.",
            "n_shared_experts",
            None,
            "have shared experts",
            lambda row: row["n_shared_experts"] > 0,
            at="§4.2.4",
        ),
        Question(
            "activation",
            "Which activation do the experts use?",
            "From ReLU over GeLU and GeGLU to SwiGLU, as dense models went.",
            "activation",
            None,
            "use an activation with a gate",
            lambda row: {**MATRICES}.get(row["activation"], 0) > 2,
            at="§4.2.3",
        ),
        Question(
            "width",
            "How wide is the dense network for the width of the model?",
            "The table prints both widths, for some models only as four times that of the model.",
            "d_ffn",
            "d_model",
            "have a dense network less than four times as wide as the model",
            lambda row: row["d_ffn"] < 4 * row["d_model"],
            ((4, "4 d_model"), (8 / 3, "8/3 d_model")),
            "Table 2",
        ),
        Question(
            "heads",
            "Do the query heads together span the width of the model?",
            "The table prints the number of heads and the width of each.",
            "attention_width",
            "d_model",
            "have heads that together are exactly as wide as the model",
            lambda row: row["attention_width"] == row["d_model"],
            ((1, "as wide"), (2, "twice as wide")),
            "Table 2",
        ),
        Question(
            "active",
            "Which part of the parameters works on a token?",
            "The table tells its models apart by active and total size.",
            "params_active",
            "params_total",
            "use at most a tenth of their parameters per token",
            lambda row: 10 * row["params_active"] <= row["params_total"],
            ((1, "all"), (1 / 10, "a tenth"), (1 / 100, "a hundredth")),
            "Table 2",
        ),
    )
}


def rows(kb: KnowledgeBase) -> list[Row]:
    """The rows of `trends.rows` with `standing`: in the table, beside it, or newer than its newest row."""
    found = trends.rows(kb)
    inside = {
        (row["subject"], row["configuration"])
        for row in kb.rows("SELECT subject, configuration FROM table_rows WHERE record = ?", (TABLE,))
    }
    ends = [
        span(row["released"])[1] for row in found if row["released"] and (row["record"], row["configuration"]) in inside
    ]
    last = max(ends, default="")

    def standing(row: Row) -> str:
        if (row["record"], row["configuration"]) in inside:
            return IN_TABLE
        if not row["released"]:
            return UNDATED
        return NEWER if span(row["released"])[0] > last else BESIDE

    return [row | {"standing": standing(row)} for row in found]


def answering(found: Sequence[Row], question: Question) -> list[Row]:
    """The rows that have what a question asks for, with a release date where the chart needs one."""
    for field in question.fields:
        found = having(found, field, dated=question.x is None)
    return list(found)


def tally(found: Sequence[Row], question: Question) -> list[tuple[str, int, int]]:
    """Of each standing with any rows: its name, of how many the question's yes holds, how many there are."""
    out = []
    for standing in LOOKS:
        members = [row for row in found if row["standing"] == standing]
        if members:
            out.append((standing, sum(question.holds(row) for row in members), len(members)))
    return out


def figure(found: Sequence[Row], name: str) -> go.Figure:
    """The chart that answers a question, where it stands to the table by colour; customdata is the model."""
    question = QUESTIONS[name]
    drawn = trend_charts.in_order(answering(found, question))
    categories = trend_charts.ordered(drawn, question.y)
    if question.x is None:
        places: list[tuple[Any, float]] = list(
            zip(released.places(drawn), trend_marks.heights(drawn, question.y, categories), strict=True)
        )
    else:
        places = trend_marks.against(drawn, question.x, question.y)
    out = go.Figure(_lines(question, drawn))
    for standing, look in LOOKS.items():
        members = [i for i, row in enumerate(drawn) if row["standing"] == standing]
        if members:
            out.add_trace(trend_marks.entry(standing, look))
            out.add_trace(
                trend_marks.marks(
                    [drawn[i] for i in members],
                    [places[i][0] for i in members],
                    [places[i][1] for i in members],
                    question.fields,
                    standing,
                    look,
                    by_date=question.x is None,
                )
            )
    quiet(out, trend_charts.height_for(categories), top=44, bottom=40)
    out.update_layout(hovermode="closest")
    if question.x is None:
        out.update_xaxes(trend_charts.time(drawn))
    else:
        out.update_xaxes(trend_charts.axis(question.x, drawn) | _room([row[question.x] for row in drawn]))
    out.update_yaxes(trend_charts.axis(question.y, drawn, categories))
    return out


def _room(values: Sequence[float]) -> dict[str, Any]:
    """The range of a logarithmic axis, with room at its right end for the names of the lines."""
    if not values:
        return {}
    low, high = math.log10(min(values)), math.log10(max(values))
    length = max(high - low, 0.1)
    return {"range": [low - 0.04 * length, high + (_BEYOND + 0.12) * length]}


def _lines(question: Question, drawn: Sequence[Row]) -> list[trend_marks.Trace]:
    """What the answers are held against: heights over time, or equal ratios over the range of the marks."""
    if not drawn:
        return []
    if question.x is None:
        years = [row["year"] for row in drawn]
        ends = (f"{min(years)}-01-01", f"{max(years)}-12-31")
        return [trend_marks.reference(ends, (height, height), label, "top left") for height, label in question.lines]
    low, high = (end(row[question.x] for row in drawn) for end in (min, max))
    right = high * (high / low) ** _BEYOND
    return [
        trend_marks.reference((low, right), (factor * low, factor * right), label, "middle right")
        for factor, label in question.lines
    ]
