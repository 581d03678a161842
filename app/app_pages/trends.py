"""Trends: how the designs of released models moved over time, and what survey A's Table 2 lets one ask."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
import ui

from moe_kb.figures import released, table2, trend_charts, trends
from moe_kb.figures.trend_terms import COLOURS, FOLLOWED, SIDE_BY_SIDE, TRENDS

kb = ui.knowledge_base()
ui.header(
    "Trends",
    "How the designs of released models moved over time. Every mark is a configuration and leads to its model.",
)
everything = ui.cached(trends.rows, kb)
if not everything:
    ui.empty("No configurations yet.", "Add a model as data/models/<key>.yaml.")
    st.stop()

VIEWS = {"measure": "One measure", "glance": "Side by side", "table-2": "Questions of survey A's Table 2"}
view = st.segmented_control(
    "View",
    list(VIEWS),
    format_func=VIEWS.get,
    required=True,
    label_visibility="collapsed",
    **ui.in_address("view", "measure", VIEWS),
)


def chart(figure, key: str, alt: str) -> None:
    """A chart whose marks open their records."""
    ui.chart(figure, key=key, alt=alt, on_select=partial(ui.point_clicked, key))


def table(rows: list[dict], names: tuple[str, ...], file: str, more: dict[str, str] | None = None) -> None:
    """The rows of a chart with their sources, to sort, to open and to download."""
    lines = [
        {
            "record": row["record"],
            "name": row["label"],
            "organisation": row["organisation"],
            "released": row["released"],
            "exact": released.in_words(row["released"]) if row["released"] else "not known",
            **{name: row[name] for name in names},
            **{name: row[name] for name in more or {}},
            "differ": "≠" if any(trends.disputed(row, name) for name in names) else "",
            "source": "; ".join(dict.fromkeys(filter(None, (trends.source_of(row, name) for name in names)))),
            "dated_by": row["places"]["released"],
        }
        for row in sorted(rows, key=lambda row: (row["released"] or "", row["label"]), reverse=True)
    ]
    columns = {
        "organisation": "Organisation",
        "exact": st.column_config.TextColumn("Released", width=200),
        **{
            name: TRENDS[name].label
            if TRENDS[name].words
            else st.column_config.NumberColumn(
                TRENDS[name].title,
                format="%.3g" if TRENDS[name].formula or TRENDS[name].unit.startswith("percent") else "localized",
            )
            for name in names
        },
        **(more or {}),
        "differ": st.column_config.TextColumn("≠", width=40, help="Sources differ on a value behind it"),
        "source": st.column_config.TextColumn("Where it was read", width=420),
        "dated_by": st.column_config.TextColumn("Date from", width=200),
    }
    ui.record_table(
        lines,
        columns,
        key=f"rows-{file}",
        alt="The configurations of the picture with their values and sources",
        name_label="Configuration",
        name_width=220,
        height=38 + 35 * min(len(lines), 14),
    )
    st.download_button(
        "Download CSV",
        pd.DataFrame(lines).drop(columns=["exact", "differ"]).to_csv(index=False),
        f"{file}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


HOLLOW = (
    "Hollow: only the year, or a span of months, is known; such marks are spread over it. Marks that would hide one "
    "another are set apart a little."
)

# --- questions of Table 2 ----------------------------------------------------------------------------------------

if view == "table-2":
    asked = st.selectbox(
        "Question",
        list(table2.QUESTIONS),
        format_func=lambda name: table2.QUESTIONS[name].title,
        **ui.in_address("question", next(iter(table2.QUESTIONS)), table2.QUESTIONS),
    )
    question = table2.QUESTIONS[asked]
    placed = ui.cached(table2.rows, kb)
    rows = table2.answering(placed, question)
    st.caption(f"Survey A, {question.at}: {question.said}")
    if not rows:
        ui.empty("No configuration has the values that answer this.", "Choose another question.")
        st.stop()
    st.markdown(
        f"{question.counted.capitalize()}: "
        + ", ".join(f"**{yes} of {n}** {standing}" for standing, yes, n in table2.tally(rows, question))
        + "."
    )
    chart(
        table2.figure(placed, asked),
        f"question-{asked}",
        f"{question.title} {len(rows)} configurations, those of the table told apart from newer ones",
    )
    st.caption(
        "Values are those shown first in the records, which may differ from what the table prints (≠). "
        + (HOLLOW if question.x is None else "Marks that would hide one another are set apart a little.")
    )
    table(rows, question.fields, f"table-2-{asked}", {"standing": "Standing"})
    st.stop()

# --- filters -----------------------------------------------------------------------------------------------------

with st.container(horizontal=True, vertical_alignment="bottom"):
    if view == "measure":
        name = st.selectbox(
            "Measure",
            FOLLOWED,
            format_func=lambda one: TRENDS[one].label,
            width=230,
            **ui.in_address("measure", FOLLOWED[0], FOLLOWED),
        )
    colour = st.selectbox(
        "Colour",
        list(COLOURS),
        format_func=COLOURS.get,
        width=190,
        **ui.in_address("colour", "organisation", COLOURS),
    )
    text = st.text_input(
        "Search",
        icon=":material/search:",
        width=230,
        placeholder="Name, organisation, router …",
        **ui.in_address("q", ""),
    )
    one_each = st.toggle(
        "Largest of each model",
        help="One configuration a model, so that large families do not count more",
        **ui.in_address("largest", False),
    )
found = trends.chosen(everything, text or "", one_each=one_each)
if not found:
    ui.empty("No configuration passes these filters.", "Remove one of them.")
    st.stop()

BAND = f"Line: median of the calendar year; band: its middle half; years of fewer than {trends.ENOUGH} are left out."

if view == "glance":
    chart(
        ui.cached(trend_charts.side_by_side, kb, colour, text or "", one_each),
        "glance",
        f"{len(SIDE_BY_SIDE)} measures of {len(found)} configurations by release date",
    )
    st.caption(f"{BAND} {HOLLOW}")
    table([row for row in found if row["released"]], SIDE_BY_SIDE, "trends")
    st.stop()

# --- one measure -------------------------------------------------------------------------------------------------

trend = TRENDS[name]
drawn, undated = trends.having(found, name), trends.having(found, name, dated=False)
if trend.formula:
    st.latex(trend.formula)
st.caption(trend.meaning)
defined = ui.cached(trends.definition, kb, name) if trend.design else None
if defined:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(
            "A dense width over an expert's is the number of pieces m into which an expert is split:", width="content"
        )
        ui.record_link(defined["record"], defined["name"])
        st.caption(ui.source_text(kb, defined["source"], defined["locator"]), width="content")
if not drawn:
    ui.empty("No configuration here has this measure and a release date.", "Choose another measure or remove a filter.")
    st.stop()
chart(
    trend_charts.by_date(found, name, colour),
    f"trend-{name}",
    f"{trend.label} of {len(drawn)} configurations by release date",
)
if trend.words:
    often = [f"{year} **{ui.plain(word)}** ({n} of {of})" for year, word, n, of in trends.commonest(found, name)]
    st.markdown(f"Commonest: {', '.join(often)}.")
else:
    medians = [f"{year}: **{trends.shown(name, middle)}**" for year, _, middle, _, _ in trends.yearly(found, name)]
    if medians:
        st.markdown(f"Medians: {', '.join(medians)}.")
beside = len(undated) - len(drawn)
st.caption(
    f"{len(drawn)} of {len(found)} configurations have it and a release date"
    + (f"; {beside} more have it but no known date and stand in the table only. " if beside else ". ")
    + ("" if trend.words else f"{BAND} ")
    + HOLLOW
)
table(undated, (name,), f"trend-{name}")
