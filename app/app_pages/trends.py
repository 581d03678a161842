"""Trends: how the designs of released models moved over time, and what survey A's Table 2 lets one ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.analysis.survey_questions import QUESTIONS
from moe_kb.analysis.time_axis import in_words
from moe_kb.analysis.trend_fields import COLOUR_BY, FOLLOWED, SIDE_BY_SIDE, TRENDS
from moe_kb.analysis.trends import ENOUGH, Observation, Trend, latest_first, shown
from moe_kb.charts import survey_questions, trends
from moe_kb.kb import KnowledgeBase

#: What a measure is called in the glossary, where that is not its label.
TERMS = {
    "segmentation": "fine-grained experts",
    "n_shared_experts": "shared expert",
    "n_routed_experts": "routed expert",
    "experts_per_token": "top-k routing",
    "params_active": "active parameters",
    "active_share": "active parameters",
    "moe_share": "MoE layer",
    "score": "router",
    "router": "router",
    "balancing": "load balancing",
}
VIEWS = {"measure": "One measure", "glance": "All measures", "table-2": "Questions of survey A's Table 2"}
APART = "Marks that would hide one another are spread a little."
HOLLOW = f"Hollow: only the year, or a span of months, is known; such marks are spread over it. {APART}"
BAND = f"Line: median of the calendar year; band: its middle half; excludes years of fewer than {ENOUGH}."


def table(
    observations: Sequence[Observation],
    names: Sequence[str],
    file: str,
    standing: Callable[[Observation], str] | None = None,
) -> None:
    """The configurations of a chart with their sources, to sort, to open and to download."""
    lines = [
        {
            "record": observation.record,
            "name": observation.label,
            "organisation": observation.organisation,
            "released": observation.released,
            "exact": in_words(observation.released),
            **{name: observation.value(name) for name in names},
            **({"standing": standing(observation)} if standing else {}),
            "differ": "≠" if any(map(observation.differs, names)) else "",
            "source": "; ".join(dict.fromkeys(filter(None, map(observation.source_of, names)))),
            "dated_by": observation.places["released"],
        }
        for observation in latest_first(observations)
    ]
    columns: dict[str, Any] = {"organisation": "Organisation", "exact": ui.Column("Release date", width=170)}
    for trend in (TRENDS[name] for name in names):
        digits = ".3g" if trend.formula or trend.percent else None
        columns[trend.name] = trend.label if trend.words else ui.Column(trend.title, "number", digits=digits)
    if standing:
        columns["standing"] = "Standing"
    columns |= {
        "differ": ui.Column("≠", help="Sources differ on a value behind it"),
        "source": ui.Column("Source", width=280, minor=True),
        "dated_by": ui.Column("Source of the date", width=180, minor=True),
    }
    ui.record_table(
        lines,
        columns,
        key=f"rows-{file}",
        alt="The configurations of the chart with their values and sources",
        name_label="Configuration",
    )
    hidden = ("exact", "differ")
    ui.csv_button([{name: line[name] for name in line if name not in hidden} for line in lines], file)


def answered() -> None:
    """A question of Table 2, its count and its chart."""
    asked = ui.select("Question", "question", {name: question.title for name, question in QUESTIONS.items()})
    question, answer = QUESTIONS[asked], ui.cached(type(kb).survey_answer, kb, asked)
    st.caption(f"Survey A, {question.at}: {question.said}")
    if not answer.observations:
        ui.empty("No configuration has the values that answer this.", "Choose another question.")
        return
    counted = ", ".join(f"**{yes} of {n}** {standing}" for standing, yes, n in answer.tally)
    st.markdown(f"{question.counted.capitalize()}: {counted}.")
    ui.chart(
        survey_questions.figure(answer),
        key=f"question-{asked}",
        alt=f"{question.title} {len(answer.observations)} configurations, those of the table apart from newer ones",
        opens=True,
    )
    st.caption(
        "Values are the preferred ones of the records, which may differ from what the table prints (≠). "
        + (HOLLOW if question.x is None else APART)
    )
    table(answer.observations, question.fields, f"table-2-{asked}", answer.standing)


def kept_by(kb: KnowledgeBase, text: str, largest_only: bool) -> list[Observation]:
    """The configurations that pass the filters."""
    return ui.cached(type(kb).observations, kb, text=text, largest_only=largest_only)


def glance(kb: KnowledgeBase, colour: str, text: str, largest_only: bool) -> go.Figure:
    """Every measure side by side; worth remembering, as nine charts take a tenth of a second."""
    return trends.side_by_side(kept_by(kb, text, largest_only), SIDE_BY_SIDE, colour)


def one_measure(found: Trend, colour: str) -> None:
    """A measure with its definition, its chart, each year's median and its table."""
    field = found.field
    if field.formula:
        st.latex(field.formula)
    st.caption(field.description, help=ui.term(kb, TERMS.get(field.name, field.label)))
    if defined := ui.cached(type(kb).definition, kb, field.name):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(
                "A dense width over an expert's is the number of pieces m into which an expert is split:",
                width="content",
            )
            ui.record_link(defined.record, defined.name)
            st.caption(ui.source_text(kb, defined.source, defined.locator), width="content")
    dated = found.dated
    if not dated:
        ui.empty("No configuration here has this measure and a release date.", "Choose another or remove a filter.")
        return
    ui.chart(
        trends.by_date(dated, field.name, colour),
        key=f"trend-{field.name}",
        alt=f"{field.label} of {len(dated)} configurations by release date",
        opens=True,
    )
    if years := found.years_of_words:
        st.markdown("\n".join(f"- **{year.year}**: {ui.plain(year.in_words)}" for year in reversed(years)))
    if medians := [f"{year.year}: **{shown(field.name, year.median)}**" for year in found.years]:
        st.markdown(f"Medians: {', '.join(medians)}.")
    undated = len(found.observations) - len(dated)
    st.caption(
        f"{len(dated)} of {found.considered} configurations have it and a release date"
        + (f"; {undated} more have it without a release date and stand in the table only. " if undated else ". ")
        + ("" if field.words else f"{BAND} ")
        + HOLLOW
    )
    table(found.observations, (field.name,), f"trend-{field.name}")


def findings() -> None:
    """What the records show, each sentence with its chart."""
    found = ui.cached(type(kb).trend_findings, kb)
    lines = []
    for finding in found:
        chart = ui.address("trends", {"measure": finding.measure, "largest": "yes"})
        lines.append(f"- {ui.plain(finding.words)} [Chart]({chart})")
    half = (len(lines) + 1) // 2
    for column, part in zip(st.columns(2, gap="medium"), (lines[:half], lines[half:]), strict=True):
        column.markdown("\n".join(part))
    if found:
        st.caption("Of every model its largest configuration, where a source gives its date and the measure.")


def filters(view: str) -> tuple[str, str, str, bool]:
    """Widgets for the measure, the colour, words and the largest of each model."""
    name = FOLLOWED[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if view == "measure":
            name = ui.select("Measure", "measure", {name: TRENDS[name].label for name in FOLLOWED}, width=230)
        colour = ui.select("Colour", "colour", COLOUR_BY, width=190)
        text = ui.search("Name, organisation, router …", width=230)
        largest_only = st.toggle(
            "Largest of each model",
            help="One configuration a model, so that large families do not count more",
            **ui.in_address("largest", False),
        )
    return name, colour, text, largest_only


kb = ui.knowledge_base()
ui.header("Trends", "How the designs of released models moved over time. Every mark leads to its model.")
if not kept_by(kb, "", False):
    ui.empty("No configurations yet.", "Add a model as data/models/<key>.yaml.")
    st.stop()
findings()
view = ui.segmented("View", "view", VIEWS, bare=True)
if view == "table-2":
    answered()
    st.stop()
name, colour, text, largest_only = filters(view)
kept = kept_by(kb, text, largest_only)
if not kept:
    ui.empty("No results.", "Remove a filter.")
elif view == "glance":
    ui.chart(
        ui.cached(glance, kb, colour, text, largest_only),
        key="glance",
        alt=f"{len(SIDE_BY_SIDE)} measures of {len(kept)} configurations by release date",
        opens=True,
    )
    st.caption(f"{BAND} {HOLLOW}")
    table([observation for observation in kept if observation.released], SIDE_BY_SIDE, "trends")
else:
    one_measure(ui.cached(type(kb).trends, kb, name, text=text, largest_only=largest_only), colour)
