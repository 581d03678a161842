"""Evaluations, systems (what engines support, and survey A's Table 4), and every transcribed table as printed."""

from __future__ import annotations

import json
from dataclasses import asdict

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.charts.scores import score_chart
from moe_kb.charts.systems import optimises_chart, stars_chart
from moe_kb.errors import NotFoundError
from moe_kb.fields import BENCHMARKS, label_of
from moe_kb.format import joined
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.scores import AGAINST
from moe_kb.queries.systems import OPTIMISES, SUPPORTS, SystemRow, mark

#: What a field is called in the glossary, where that is not its label.
TERMS = {"routing": "router", "expert_kernels": "grouped GEMM", "expert_balancing": "expert parallel load balancer"}
VIEWS = {"evaluations": "Evaluations", "systems": "Systems", "tables": "Tables as printed"}

kb = ui.knowledge_base()
ui.header("Systems and evaluations", "What engines and frameworks support, and benchmark scores with their settings.")

# A link to a system or a table (`?key=`) opens its view.
# `system=` is the former address of a system.
asked, kind, key = ui.parameter("key") or ui.parameter("system"), "", ""
if asked:
    try:
        target = kb.resolve(asked, "system")
    except NotFoundError:
        target = kb.resolve(asked, "table")
    kind, _, key = target.partition(":")

view = ui.segmented("View", "view", VIEWS, f"{kind}s" if kind else "evaluations", bare=True)


def scores_figure(kb: KnowledgeBase, benchmark: str, against: str, settings: tuple[str, ...]) -> go.Figure:
    """The chart of a benchmark's scores (of some settings)."""
    rows = [row for row in ui.cached(type(kb).scores, kb) if not settings or row.setting in settings]
    return score_chart(rows, benchmark, against)


def show_evaluations() -> None:
    rows = ui.cached(type(kb).scores, kb)
    if not rows:
        ui.empty("No scores yet.", "Scores are claims of tables, aligned with models by data/alignment.yaml.")
        return
    present = [name for name in BENCHMARKS if any(row.benchmark == name for row in rows)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        benchmark = ui.segmented("Benchmark", "benchmark", present, names=label_of)
        against = ui.segmented("Against", "against", AGAINST, "params_active", names=label_of)
        settings = sorted({row.setting for row in rows if row.benchmark == benchmark})
        wanted = ui.pills("Setting", "setting", settings)
    found = [row for row in rows if row.benchmark == benchmark and (not wanted or row.setting in wanted)]
    if any(row.against(against) is not None for row in found):
        alt = f"{label_of(benchmark)} scores against {label_of(against).lower()}"
        figure = ui.cached(scores_figure, kb, benchmark, against, tuple(wanted))
        ui.chart(figure, key="score-chart", alt=alt)
    unplaced = sum(row.against(against) is None for row in found)
    st.caption(
        "Scores of different settings are not comparable with each other: colour and shape show the number of shots."
        + (f" {unplaced} of {len(found)} scores have no place on the horizontal axis." if unplaced else "")
    )
    ui.record_table(
        [
            asdict(row)
            | {
                "source": ui.source_name(kb, row.source, row.locator),
                "active": row.params_active and row.params_active / 1e9,
                "total": row.params_total and row.params_total / 1e9,
            }
            for row in found
        ],
        {
            "organisation": "Organisation",
            "released": label_of("released"),
            "score": ui.Column(label_of(benchmark), "number", digits=".1f", help="Percent"),
            "setting": "Setting",
            "active": ui.Column("Active, billions", "number", digits=".1f"),
            "total": ui.Column("Total, billions", "number", digits=".1f"),
            "source": ui.Column("Source", width=220),
        },
        key="score-table",
        name="label",
        name_label="Model",
        alt="Scores with setting, size and source",
    )


def show_systems() -> None:
    rows = ui.cached(type(kb).systems, kb)
    if not rows:
        ui.empty("No systems yet.", "Add one as data/systems/<key>.yaml.")
        return
    if kind == "system":
        show_system(next(row for row in rows if row.key == key))
    if engines := [row for row in rows if row.supports]:
        show_support(engines)
    show_optimised(rows)


def show_support(engines: list[SystemRow]) -> None:
    """What engines support, as their own documentation has it."""
    st.header("What engines support", anchor=False)
    st.caption("In short, as each one's documentation has it; an empty cell is unknown. A name leads to the sources.")
    ui.record_table(
        [
            {"record": row.record, "name": row.name, "organisation": row.organisation}
            | {field: row.supports[field].text if field in row.supports else None for field in SUPPORTS}
            for row in engines
        ],
        {
            "organisation": "Organisation",
            **{
                field: ui.Column(label, help=ui.meaning(kb, TERMS.get(field, label)), width=220)
                for field, label in SUPPORTS.items()
                if any(field in row.supports for row in engines)
            },
        },
        key="support-table",
        alt="Engines with what each supports for mixtures of experts",
        name_label="System",
    )


def show_optimised(rows: list[SystemRow]) -> None:
    """What each system optimises, and how popular it was."""
    st.header("What each optimises", anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        if any(row.optimises for row in rows):
            ui.chart(
                optimises_chart(rows), key="optimises", alt="Systems against computation, communication and storage"
            )
    with right:
        if any(row.stars for row in rows):
            ui.chart(stars_chart(rows), key="stars", alt="Stars of each system's repository")
        else:
            st.caption("Stars are not reported.")
    st.caption(
        "● printed: a source marks it. ◐ derived: it follows from what the system's documentation offers. Unknown: no "
        "source says so, which does not mean that it is not optimised. Of survey A's Table 4 the text keeps how many "
        "marks a row has, and their columns only where there are all three."
    )
    ui.record_table(
        [
            {
                "record": row.record,
                "name": row.name,
                "organisation": row.organisation,
                **{aspect: mark(row.optimises.get(aspect)) for aspect in OPTIMISES},
                "stars": row.stars and row.stars.number,
                "as_of": row.stars and row.stars.as_of,
                "parallelism": "; ".join(row.parallelism) or None,
                "repository": row.repository,
            }
            for row in rows
        ],
        {
            "organisation": "Organisation",
            **OPTIMISES,
            "stars": ui.Column("Stars", "number"),
            "as_of": "As of",
            "parallelism": ui.Column("Parallelism", width=310),
            "repository": ui.Column("Repository", "link", shown="repository"),
        },
        key="system-table",
        alt="Systems with what they optimise, stars and repository",
        name_label="System",
    )


def show_system(system: SystemRow) -> None:
    """One system, with what it supports and where that was read."""
    record = kb.system(system.key)
    with st.container(border=True):
        st.header(ui.plain(system.name), anchor=False)
        if system.organisation:
            st.caption(ui.plain(system.organisation))
        if record.summary:
            st.markdown(ui.plain(record.summary.text))
            ui.cites(kb, record.summary.cites)
        for field, support in system.supports.items():
            st.markdown(f"**{SUPPORTS[field]}**: {ui.plain(support.text)}")
            st.caption(ui.sourced(kb, support))
        for aspect, label in OPTIMISES.items():
            why = f" ({ui.plain(system.notes[aspect])})" if aspect in system.notes else ""
            st.markdown(f"**{label}**: {mark(system.optimises.get(aspect))}{why}")
        if system.repository:
            st.markdown("Repository: " + ui.outside(system.repository, system.repository))
        ui.papers_line(kb, system.papers, system.record)
        ui.issues(kb, system.record)
        ui.every_claim(kb, system.record)


def show_tables() -> None:
    tables = kb.briefs("table")
    if not tables:
        ui.empty("No transcribed tables yet.", "Add one as data/tables/<key>.yaml.")
        return
    labels = {brief.key: brief.name for brief in tables}
    chosen = ui.select("Table", "table", labels, key if kind == "table" else tables[0].key, width=420)
    table = kb.table(chosen)
    st.markdown(f"**{ui.plain(table.title)}**")
    st.caption("Source: " + ui.source_text(kb, table.source, table.locator))
    ui.issues(kb, table.reference)
    if table.note:
        st.caption(ui.plain(table.note))
    names = {brief.record: brief.label for brief in kb.briefs()}
    # Where one printed column is held as several, its heading alone would not tell them apart.
    printed = [column.printed or column.name for column in table.columns]
    headings = {
        column.name: heading if printed.count(heading) == 1 else f"{heading}: {column.name}"
        for column, heading in zip(table.columns, printed, strict=True)
    }
    rows = []
    for row in kb.table_rows(chosen):
        cells = json.loads(row.cells)
        about = joined(names.get(row.subject or "", row.subject), row.configuration, separator=" ")
        rows.append(
            {
                "record": row.subject,
                "row": row.row,
                "label": row.label,
                "about": about or None,
                **{name: _printed(cells.get(name)) for name in headings},
            }
        )
    ui.record_table(
        rows,
        {
            "row": "Row",
            "about": ui.Column("Record", help="The record that the row is about"),
            **{
                column.name: ui.Column(headings[column.name], help=column.description or "", width=180)
                for column in table.columns
            },
        },
        key=f"table-{chosen}",
        name="label",
        name_label="As printed",
        alt=table.title,
    )


def _printed(cell: object) -> str | None:
    """A transcribed cell as the source prints it."""
    if cell is None:
        return None
    if isinstance(cell, list):
        return "; ".join(filter(None, (_printed(part) for part in cell)))
    if isinstance(cell, dict):
        return str(cell.get("printed", "")) + (" (derived)" if cell.get("status") == "derived" else "")
    return str(cell)


{"evaluations": show_evaluations, "systems": show_systems, "tables": show_tables}[view]()
