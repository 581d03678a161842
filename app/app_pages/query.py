"""Query: a read-only SQL console over the database, with its schema, saved questions, chart and CSV."""

from __future__ import annotations

import pandas as pd
import streamlit as st
import ui

from moe_kb.db.console import MAX_ROWS, QueryResult
from moe_kb.figures import query
from moe_kb.figures.query import EXAMPLES, KINDS

kb = ui.knowledge_base()


@st.cache_resource(max_entries=8, show_spinner="Running …")
def ask(database: str, content: str, sql: str) -> QueryResult | str:
    """The result, or what is wrong; remembered, so that a filter of the chart does not run the query again."""
    return query.ask(kb, sql)


def take(sql: str) -> None:
    st.session_state["sql"] = sql


ui.header("Query", "Ask the database in SQL. It is read-only: nothing typed here can change a record.")
aside, main = st.columns([2, 5], gap="medium")

# --- what can be asked -------------------------------------------------------------------------------------------

with aside:
    questions, tables = st.tabs(["Questions", "Tables and views"], key="query-aside", on_change="rerun")
    if questions.open:
        with questions, st.container(gap=None):
            for number, example in enumerate(EXAMPLES):
                st.button(
                    example.question,
                    key=f"example-{number}",
                    on_click=take,
                    args=(example.sql,),
                    type="tertiary",
                )
    if tables.open:
        with tables:
            schema = {table.name: table for table in ui.cached(query.schema, kb)}
            name = st.selectbox("Table or view", list(schema), key="schema_table", bind="query-params")
            st.caption(f"{schema[name].kind.capitalize()}. {ui.plain(schema[name].description)}")
            st.button(
                "Show its first rows",
                on_click=take,
                args=(f"SELECT * FROM {name} LIMIT 50",),
                icon=":material/table_rows:",
                key="first-rows",
            )
            st.dataframe(
                pd.DataFrame(
                    [
                        {"column": column.name, "meaning": column.description, "type": column.type}
                        for column in schema[name].columns
                    ]
                ),
                hide_index=True,
                key="schema-columns",
                height=430,
                alt=f"Columns of {name}",
                column_config={
                    "column": "Column",
                    "meaning": st.column_config.TextColumn("Meaning", width="large"),
                    "type": "Type",
                },
            )

# --- the question ------------------------------------------------------------------------------------------------

with main:
    with st.form("console", border=False):
        sql = st.text_area(
            "SQL",
            EXAMPLES[0].sql,
            key="sql",
            bind="query-params",
            height=190,
            help=f"One SELECT. At most {MAX_ROWS:,} rows and five seconds. Control and Enter run it.",
        )
        st.form_submit_button("Run", type="primary", icon=":material/play_arrow:")
    answer = ask(str(kb.database), kb.content_hash, sql or "")
    if isinstance(answer, str):
        st.error(ui.plain(answer), icon=":material/error:", title="The query was not run to its end")
        st.stop()
    taken = f"{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'} in {answer.seconds * 1000:.0f} ms"
    if answer.truncated:
        st.warning(
            f"Cut off after {len(answer.rows):,} rows: there are more. Add a LIMIT or a WHERE.",
            icon=":material/content_cut:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        show = st.segmented_control(
            "Show",
            ["Table", "Chart"],
            key="query_show",
            bind="query-params",
            required=True,
            default="Table",
            label_visibility="collapsed",
        )
        st.caption(taken)
        st.download_button(
            "Download CSV",
            query.to_csv(answer),
            file_name="query.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            disabled=not answer.columns,
        )
    if not answer.rows:
        ui.empty("No rows.", "The query is right, and nothing in the database answers it.")
        st.stop()

    # --- the answer --------------------------------------------------------------------------------------------------

    numbers = query.numeric_columns(answer)
    if show == "Table":
        frame = pd.DataFrame(answer.rows, columns=answer.columns)
        links = {
            name: st.column_config.LinkColumn(name)
            for name in answer.columns
            if name not in numbers and query.all_links(answer, name)
        }
        st.dataframe(
            frame,
            hide_index=True,
            key="result",
            alt="Result of the query",
            column_config=links,
            height="auto" if len(frame) <= 12 else 560,
        )
    elif not numbers:
        ui.empty("No column holds numbers.", "Select one, for instance count(*), to draw a chart.")
    else:
        start_x, start_y = query.sensible_axes(answer, sql)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            kind = st.segmented_control(
                "Kind",
                list(KINDS),
                format_func=KINDS.get,
                key="chart_kind",
                bind="query-params",
                required=True,
                default="scatter",
            )
            x = st.selectbox(
                "Horizontal",
                answer.columns,
                index=answer.columns.index(start_x or numbers[0]),
                key="chart_x",
                bind="query-params",
                width=220,
            )
            y = st.selectbox(
                "Vertical",
                numbers,
                index=numbers.index(start_y) if start_y in numbers else 0,
                key="chart_y",
                bind="query-params",
                width=220,
                disabled=kind == "histogram",
            )
            group = st.selectbox(
                "Colour",
                ["(none)", *answer.columns],
                key="chart_group",
                bind="query-params",
                width=180,
            )
            log_x = st.toggle("Log horizontal", key="chart_log_x", bind="query-params", disabled=x not in numbers)
            log_y = st.toggle("Log vertical", key="chart_log_y", bind="query-params", disabled=kind == "histogram")
        figure = query.result_chart(
            answer,
            kind,
            x,
            y,
            group=None if group == "(none)" else group,
            log_x=log_x and x in numbers,
            log_y=log_y and kind != "histogram",
        )
        ui.chart(figure, key="result-chart", alt=f"{KINDS[kind]}: {y} against {x}")
