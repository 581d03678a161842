"""Designs: the gates compared over their typed properties, and lists of the other components."""

from __future__ import annotations

from functools import partial

import streamlit as st
import ui

from moe_kb.fields import GATING_PROPERTIES, MAIN_GATING_PROPERTIES, NOT_REPORTED, value_label
from moe_kb.queries.designs import COMPONENTS, RECENT, select_gates, vocabularies

kb = ui.knowledge_base()
ui.header("Designs", "Click a name to open a design. Tick rows to compare designs.")
component = ui.segmented("Component", "component", COMPONENTS, "gating", bare=True)

USERS = ui.Column("Users", "number", help="Papers and models that use or modify it")
YEAR = ui.Column("Year", "number", digits="d")

if component != "gating":
    rows = ui.cached(type(kb).designs_of, kb, component)
    if not rows:
        ui.empty("No designs of this component.", "Add one under data/designs and run moe-kb check.")
        st.stop()
    above = st.container()
    ticked = ui.record_table(
        rows,
        {
            "users": USERS,
            "year": YEAR,
            "introduced": ui.Column("Introduced by", width=170),
            "summary": ui.Column("Summary", width=420, minor=True),
            "equations": ui.Column("Equations", "number", minor=True),
        },
        key=f"{component}-table",
        alt=f"Designs of the component {component}",
        name_label="Design",
        selectable=True,
    )
    with above:
        ui.compare_button(ticked, f"{component}-table", kind="design")
    st.stop()

LINEAGE = "lineage"
VIEWS = {"table": "Table", "gallery": "Gallery", LINEAGE: "Lineage"}
view = ui.segmented("Show", "show", VIEWS, bare=True)
if view == LINEAGE:
    st.caption(
        "Gating designs and balancing by year and family. Each line is a recorded relation, whose source its tooltip "
        "names. Point at a design for its relations; click a name to open it."
    )
    ui.lineage(kb, key="lineage")
    st.stop()

# --- the gates ---------------------------------------------------------------------------------------------------

everything = ui.cached(type(kb).gates, kb)
VOCABULARIES, meanings = vocabularies(), ui.cached(type(kb).property_meanings, kb)
able = sum(gate.runs for gate in everything)
RUNS = {"": f"All {len(everything)}", "yes": f"Can be run {able}", "no": f"Cannot {len(everything) - able}"}
text, runs = st.columns([3, 2], vertical_alignment="top")
name = text.text_input(
    "Name", placeholder="a name, or a model that uses it", icon=":material/search:", **ui.in_address("gate", "")
)
with runs:
    about = "Whether an implementation is installed, to be run in the lab"
    wanted_runs = ui.segmented("Implementation", "runs", RUNS, help=about)

present = {
    prop: [value for value in (*values, NOT_REPORTED) if value in {gate.shown(prop) for gate in everything}]
    for prop, values in VOCABULARIES.items()
}
filtered = [prop for prop, values in present.items() if len(values) > 1]
active = sum(prop in st.query_params for prop in filtered)
with st.expander(
    f"Filter by properties ({active} active)" if active else "Filter by properties",
    icon=":material/filter_alt:",
    expanded=active > 0,
):
    wanted = {}
    for start in range(0, len(filtered), 4):
        for column, prop in zip(st.columns(4), filtered[start : start + 4], strict=False):
            with column:
                label = GATING_PROPERTIES[prop].label
                words = partial(value_label, prop)
                wanted[prop] = ui.several(
                    label, prop, present[prop], placeholder="any", help=meanings[prop], names=words
                )
rows = sorted(
    select_gates(everything, wanted, name, runs={"yes": True, "no": False}.get(wanted_runs)),
    key=lambda gate: (-gate.recent, -gate.users, gate.name.casefold()),
)
if not rows:
    ui.empty("No results.", "Clear a filter; not every property is reported for every design.")
    st.stop()
if view == "gallery":
    st.caption(f"{len(rows)} of {len(everything)} gating designs. Dashed: not stated. Click a name to open a design.")
    ui.gallery(kb, rows, key="gallery")
    st.stop()
above = st.container(horizontal=True, vertical_alignment="center")
with above:
    compare = st.container(width="content")
    with st.popover("Columns", icon=":material/view_column:"):
        properties = {name: prop.label for name, prop in GATING_PROPERTIES.items()}
        shown = ui.pills("Columns", "columns", properties, MAIN_GATING_PROPERTIES, label_visibility="collapsed")


def column(prop: str) -> ui.Column:
    """A coloured tag where the property has a fixed set of values, else text."""
    label, about = GATING_PROPERTIES[prop].label, meanings[prop]
    if prop not in VOCABULARIES:
        return ui.Column(label, help=about, width=160)
    words = [value_label(prop, code) for code in VOCABULARIES[prop]]
    return ui.Column(label, "tags", help=about, colours=ui.colours(words))


ticked = ui.record_table(
    [
        ui.cells_of(gate) | {prop: value and value_label(prop, value) for prop, value in gate.properties.items()}
        for gate in rows
    ],
    {
        "users": USERS,
        "recent": ui.Column(f"Since {RECENT}", "number", help=f"Models released since {RECENT} that use or modify it"),
        "runs": ui.Column("Runs", "check", help="An implementation is installed"),
        "year": YEAR,
        **{prop: column(prop) for prop in GATING_PROPERTIES if prop in shown},
    },
    key="gating-table",
    alt="Gating designs compared over their typed properties",
    name_label="Design",
    selectable=True,
    known={gate.record.partition(":")[2] for gate in everything},
)
with compare:
    ui.compare_button(ticked, "gating-table", kind="design")
with above:
    shown_of_all = f"{len(rows)} of {len(everything)} gating designs"
    st.caption(f"{shown_of_all}. An empty cell: not reported. Each value's source is on the design's page.")
