"""Designs: the gates compared over their typed properties, and lists of the other components."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.fields import NOT_REPORTED
from moe_kb.figures import designs

kb = ui.knowledge_base()
ui.header("Designs", "Click a name to open a design. Tick rows to set designs side by side.")
component = st.segmented_control(
    "Component",
    designs.COMPONENTS,
    format_func=designs.COMPONENT_NAMES.get,
    required=True,
    label_visibility="collapsed",
    **ui.in_address("component", "gating", designs.COMPONENTS),
)


def compare_button(rows: list[dict], key: str) -> None:
    """Opens the ticked rows side by side."""
    ticked = [rows[i]["record"].partition(":")[2] for i in st.session_state[key].selection.rows if i < len(rows)]
    label = f"Set {len(ticked)} side by side" if len(ticked) > 1 else "Tick two or more to set them side by side"
    if st.button(
        label, icon=":material/compare:", disabled=len(ticked) < 2, type="primary" if len(ticked) > 1 else "secondary"
    ):
        st.switch_page(ui.page("compare"), query_params={"keys": ",".join(ticked)})


if component != "gating":
    rows = ui.cached(designs.others, kb, component)
    if not rows:
        ui.empty("There is no design of this component.", "Add one under data/designs and run moe-kb check.")
        st.stop()
    above = st.container()
    ui.record_table(
        rows,
        {
            "year": st.column_config.NumberColumn("Year", format="%d", width=60),
            "summary": st.column_config.TextColumn("Summary", width=480),
            "introduced": st.column_config.TextColumn("Introduced by", width=170),
            "users": st.column_config.NumberColumn("Users", width=65, help="Papers and models that use or modify it"),
            "equations": st.column_config.NumberColumn("Equations", width=90),
        },
        key=f"{component}-table",
        alt=f"Designs of the component {component}",
        name_label="Design",
        name_width=230,
        height=640 if len(rows) > 17 else "auto",
        selectable=True,
    )
    with above:
        compare_button(rows, f"{component}-table")
    st.stop()

# --- the gates ---------------------------------------------------------------------------------------------------

everything = ui.cached(designs.matrix, kb)
able = sum(row["runs"] for row in everything)
RUNS = {"": f"All {len(everything)}", "yes": f"Can be run {able}", "no": f"Cannot {len(everything) - able}"}
text, runs = st.columns([3, 2], vertical_alignment="top")
name = text.text_input("Name", placeholder="part of a name", icon=":material/search:", **ui.in_address("gate", ""))
wanted_runs = runs.segmented_control(
    "Implementation",
    list(RUNS),
    format_func=RUNS.get,
    required=True,
    help="Whether an implementation is installed, to be run in the lab",
    **ui.in_address("runs", "", RUNS),
)

present = {
    prop: [value for value in (*values, NOT_REPORTED) if value in {row[prop] or NOT_REPORTED for row in everything}]
    for prop, values in designs.VOCABULARIES.items()
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
            wanted[prop] = column.multiselect(
                designs.NAMES[prop],
                present[prop],
                placeholder="any",
                help=designs.meaning(prop),
                **ui.in_address(prop, [], present[prop]),
            )
shown = st.pills(
    "Columns",
    list(designs.NAMES),
    format_func=designs.NAMES.get,
    selection_mode="multi",
    **ui.in_address("columns", list(designs.FIRST), designs.NAMES),
)

rows = designs.select(everything, wanted, name, runs={"yes": True, "no": False}.get(wanted_runs))
if not rows:
    ui.empty("No gating design passes.", "Clear a filter; not every property is stated for every design.")
    st.stop()
above = st.container(horizontal=True, vertical_alignment="center")


def column(prop: str):
    """A coloured tag where the property has a fixed set of values, else text."""
    if prop in designs.VOCABULARIES:
        return st.column_config.MultiselectColumn(
            designs.NAMES[prop],
            options=list(designs.VOCABULARIES[prop]),
            color=ui.TAGS[: len(designs.VOCABULARIES[prop])],
            help=designs.meaning(prop),
            width=40 + 8 * max(len(designs.NAMES[prop]), *map(len, present[prop])),
        )
    if prop == "k":
        return st.column_config.TextColumn("k", help=designs.meaning(prop), width=45)
    return st.column_config.TextColumn(designs.NAMES[prop], help=designs.meaning(prop), width="medium")


table = [
    row | {prop: [row[prop]] if row[prop] else None for prop in shown if prop in designs.VOCABULARIES} for row in rows
]
ui.record_table(
    table,
    {
        "year": st.column_config.NumberColumn("Year", format="%d", width=60),
        **{prop: column(prop) for prop in designs.NAMES if prop in shown},
        "users": st.column_config.NumberColumn("Users", width=65, help="Papers and models that use or modify it"),
        "runs": st.column_config.CheckboxColumn("Runs", width=55, help="An implementation is installed"),
    },
    key="gating-table",
    alt="Gating designs compared over their typed properties",
    name_label="Design",
    name_width=215,
    height=680 if len(rows) > 18 else "auto",
    selectable=True,
)
with above:
    compare_button(table, "gating-table")
    st.caption(
        f"{len(rows)} of {len(everything)} gating designs. An empty cell: no source at hand says. Each value's source "
        "is on the design's page."
    )
