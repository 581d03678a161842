"""Query: a read-only SQL console over the database, with its schema, saved questions, chart and CSV.

A question runs when it is asked here. One that comes with the address waits for a click, since anybody can write an
address; of our own examples the first runs at once. What is shown is bounded, whatever the question returns: many
people's results together stay small, and the whole result is made when it is downloaded.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import pandas as pd
import streamlit as st
import ui

from moe_kb.charts.query_result import KINDS, result_chart
from moe_kb.db.console import MAX_ROWS, QueryResult
from moe_kb.db.sandbox import MAX_RESULT_BYTES
from moe_kb.errors import BusyError, QueryError
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.console import (
    Named,
    all_links,
    examples,
    first_rows,
    named,
    numeric_columns,
    record_columns,
    sensible_axes,
    sensible_kind,
    to_csv,
    to_json,
)

#: Of one result; the bytes are those of its texts and numbers.
SHOWN_ROWS = 1_000
SHOWN_BYTES = 2_000_000

kb = ui.knowledge_base()
# Of what comes with the address, some is read only when its question has run.
ui.reads("show", "kind", "x", "y", "colour", "log-x", "log-y", "table")


@st.cache_data(max_size="32mb", show_spinner="Running …")
def ask(database: str, content: str, sql: str) -> QueryResult | str:
    """The first rows, or what is wrong; remembered, so that a filter of the chart does not run the query again.

    Looking into the session's state lets Streamlit end the script there if its reader has left or asked for something
    else, and the query ends with it.
    """
    try:
        return kb.query(sql, max_bytes=SHOWN_BYTES, waiting=lambda: "sql" in st.session_state)
    except BusyError:
        raise
    except QueryError as error:
        return str(error)


def show_answer(sql: str) -> None:
    """What a question returns. A function, so that the session keeps nothing of it when the page stands."""
    try:
        answer = ask(str(kb.database), kb.content_hash, sql)
    except BusyError as busy:
        answer = str(busy)
    if isinstance(answer, str):
        st.error(ui.plain(answer), icon=":material/error:", title="The query was not run to its end")
        return
    if answer.truncated:
        st.warning(cut_off(answer), icon=":material/content_cut:")
    taken = f"{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'} in {answer.seconds * 1000:.0f} ms"
    if len(answer.rows) > SHOWN_ROWS:
        taken += f"; the table shows the first {SHOWN_ROWS:,}, the download has all"
    with st.container(horizontal=True, vertical_alignment="center"):
        view = ui.segmented("Show", "show", {"table": "Table", "chart": "Chart"}, bare=True)
        st.caption(taken)
        ui.csv_button(partial(whole_csv, sql), "query", disabled=not answer.columns)
        st.download_button(
            "Download JSON",
            partial(whole_json, sql),
            file_name="query.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            disabled=not answer.columns,
        )
    if answer.rows:
        {"table": table, "chart": chart}[view](answer, sql)
    elif not answer.truncated:
        ui.empty("No rows.", "The query is right, and nothing in the database answers it.")


def cut_off(answer: QueryResult) -> str:
    """What is missing from a result, and where it is."""
    if len(answer.rows) >= MAX_ROWS:
        return f"Cut off after {len(answer.rows):,} rows: there are more. Add a LIMIT or a WHERE."
    most = f"{MAX_ROWS:,} rows and {MAX_RESULT_BYTES // 10**6} MB"
    return f"Only the first {SHOWN_BYTES // 10**6} MB are shown: there are more rows. The download has up to {most}."


def whole_csv(sql: str) -> bytes:
    """All that a question returns, asked anew: what is shown may be a part of it."""
    return to_csv(kb.query(sql))


def whole_json(sql: str) -> str:
    """The same as JSON."""
    return to_json(kb.query(sql))


def _known(kb: KnowledgeBase) -> Named:
    records = [(brief.record, brief.name) for brief in kb.briefs() if ui.record_address(brief.record)]
    return named([*records, *((f"node:{node}", label) for node, label in kb.node_labels().items())])


def table(answer: QueryResult, sql: str) -> None:
    """The first rows; what names records leads to them."""
    words = [name for name in answer.columns if name not in numeric_columns(answer)]
    frame = pd.DataFrame(answer.rows[:SHOWN_ROWS], columns=answer.columns)
    settings = {name: st.column_config.LinkColumn(name) for name in words if all_links(answer, name)}
    for name, records in record_columns(answer, sql, ui.cached(_known, kb)).items():
        # What a cell shows is the end of its address.
        places = {text: f"{ui.record_address(record)}#{quote(text)}" for text, record in records.items()}
        frame[name] = frame[name].map(places)
        settings[name] = st.column_config.LinkColumn(name, display_text="#(.+)$")
    ui.data_table(
        frame,
        settings,
        key="result",
        alt="Result of the query",
        placeholder="NULL",  # as SQL calls it; the table would say None
        height="auto" if len(answer.rows) <= 12 else 560,
    )


def chart(answer: QueryResult, sql: str) -> None:
    """All rows that are kept, in a chart of the person's choice."""
    numbers = numeric_columns(answer)
    if not numbers:
        ui.empty("No column holds numbers.", "Select one, for instance count(*), to draw a chart.")
        return
    start_x, start_y = sensible_axes(answer, sql)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = ui.select("Horizontal", "x", answer.columns, start_x or numbers[0], width=220)
        start_y = start_y if start_y in numbers else numbers[0]
        kind = ui.segmented("Kind", "kind", KINDS, sensible_kind(answer, x))
        y = ui.select("Vertical", "y", numbers, start_y, width=220, disabled=kind == "histogram")
        group = ui.select("Colour", "colour", ["none", *answer.columns], width=180)
        log_x = st.toggle("Log horizontal", disabled=x not in numbers, **ui.in_address("log-x", False))
        log_y = st.toggle("Log vertical", disabled=kind == "histogram", **ui.in_address("log-y", False))
    group = None if group == "none" else group
    logs = {"log_x": log_x and x in numbers, "log_y": log_y and kind != "histogram"}
    figure = result_chart(answer, kind, x, y, group=group, **logs)
    ui.chart(figure, key="result-chart", alt=f"{KINDS[kind]}: {y} against {x}")


def take(sql: str | None = None) -> None:
    """Ask this question, or the one in the editor: the address holds the question that is answered."""
    st.session_state["sql-taken"] = st.query_params["sql"] = st.session_state["sql"] if sql is None else sql


# The editor takes over what the address says when that changes, and is otherwise left as the person is typing it.
asked = st.query_params.get("sql", examples()[0].sql)
if st.session_state.get("sql-asked") != asked or "sql" not in st.session_state:
    st.session_state["sql"] = st.session_state["sql-asked"] = asked

ui.header("SQL console", "Read-only: nothing typed here can change a record.")
aside, main = st.columns([2, 5], gap="medium")

# --- what can be asked -------------------------------------------------------------------------------------------

with aside:
    questions, tables = st.tabs(["Questions", "Tables and views"], key="query-aside", on_change="rerun")
    if questions.open:
        with questions, st.container(gap=None):
            for number, example in enumerate(examples()):
                st.button(
                    example.question, key=f"example-{number}", on_click=take, args=(example.sql,), type="tertiary"
                )
    if tables.open:
        with tables:
            schema = {table.name: table for table in ui.cached(type(kb).schema, kb)}
            name = ui.select("Table or view", "table", list(schema))
            st.caption(f"{schema[name].kind.capitalize()}. {ui.plain(schema[name].description)}")
            first = {"key": "first-rows", "on_click": take, "args": (first_rows(name),)}
            st.button("Show its first rows", icon=":material/table_rows:", **first)
            ui.data_table(
                [
                    {"column": column.name, "meaning": column.description, "type": column.type}
                    for column in schema[name].columns
                ],
                {"column": "Column", "meaning": st.column_config.TextColumn("Meaning", width="large"), "type": "Type"},
                key="schema-columns",
                alt=f"Columns of {name}",
                height="auto" if len(schema[name].columns) <= 11 else 430,
            )

# --- the question ------------------------------------------------------------------------------------------------

with main:
    ui.number_lines()
    with st.form("console", border=False):
        limits = f"One SELECT. At most {MAX_ROWS:,} rows and five seconds. Control and Enter run it."
        st.text_area("SQL", key="sql", height=190, help=limits)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button("Run", type="primary", icon=":material/play_arrow:", on_click=take)
            lines = st.session_state["sql"].count("\n") + 1
            st.caption(f"{lines} line{'' if lines == 1 else 's'}")
    if st.session_state.get("sql-taken") == asked or asked in [example.sql for example in examples()]:
        show_answer(asked)
    else:
        st.info("This query came with the address and has not run. Read it, then click Run.", icon=":material/link:")
