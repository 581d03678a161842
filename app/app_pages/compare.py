"""Compare designs: any two or more of one kind, differing rows marked, every value with its source."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.fields import GATING_PROPERTIES

MOST = 6

kb = ui.knowledge_base()
ui.header("Compare designs")
labels = {brief.key: f"{brief.label}" for brief in ui.cached(type(kb).briefs, kb, "design")}


def label(field: str) -> str:
    """What a row is called."""
    return GATING_PROPERTIES[field].label if field in GATING_PROPERTIES else field.capitalize()


def chosen() -> None:
    st.query_params["keys"] = ",".join(st.session_state["compared"])


# The address holds the keys (`?keys=a,b`); unknown ones are named, not dropped in silence.
asked = list(dict.fromkeys(key.strip() for key in st.query_params.get("keys", "").split(",") if key.strip()))
unknown = [key for key in asked if key not in labels]
known = [key for key in asked if key in labels]
st.session_state["compared"] = known[:MOST]
keys = st.multiselect(
    "Designs",
    list(labels),
    format_func=labels.get,
    key="compared",
    on_change=chosen,
    max_selections=MOST,
    placeholder="choose two or more",
)
if unknown:
    st.warning(f"No design has the key {ui.some(unknown)}.", icon=":material/help:")
if known[MOST:]:
    st.warning(f"At most {MOST} are compared; left out: {ui.some(known[MOST:])}.", icon=":material/help:")
if len(keys) < 2:
    ui.empty("Two designs or more are needed.", "Choose them above, or tick rows on the designs page.")
    ui.page_link("designs", "All designs")
    st.stop()

table = ui.cached(type(kb).compare, kb, tuple(f"design:{key}" for key in keys))
only = st.toggle("Only what differs", **ui.in_address("differing", False))
rows = [i for i, field in enumerate(table.fields) if field != "name" and (table.differs(i) or not only)]
columns = [labels[name.partition(":")[2].partition("#")[0]] for name in table.names]
gates = {gate.record for gate in ui.cached(type(kb).gates, kb)}
drawn = [key for key in keys if f"design:{key}" in gates]
with st.container(horizontal=True, gap="small"):
    for key in keys:
        if key not in drawn:  # a picture has its name above it
            ui.record_link(f"design:{key}", labels[key])
differing = {field for i, field in enumerate(table.fields) if table.differs(i)}
# Three to a line: narrower, their words could not be read.
for start in range(0, len(drawn), 3):
    for column, key in zip(st.columns(min(3, len(drawn))), drawn[start : start + 3], strict=False):
        with column:
            ui.design_picture(kb, f"design:{key}", key=f"picture-{key}", lit=differing, card=True, name=labels[key])
if not rows:
    ui.empty("No differences are reported.", "Switch off 'Only what differs' to see it.")
    st.stop()
st.table(
    [
        {
            "Property": ui.differing(label(table.fields[i]), table.differs(i)),
            **{
                ui.plain(column): ui.compared(kb, value, note, place)
                for column, value, note, place in zip(
                    columns, table.cells[i], table.notes[i], table.sources[i], strict=True
                )
            },
        }
        for i in rows
    ],
    border="horizontal",
    hide_index=True,
    alt="The chosen designs compared, a row per property",
)
ui.copies(kb, ["Property", *columns], [[label(table.fields[i]), *table.cells[i]] for i in rows], "comparison")
st.caption("≠ and bold: the designs differ, as far as reported. An empty cell: not reported.")
for key in keys:
    for equation in kb.design(key).equations:
        with st.expander(f"{ui.plain(labels[key])}: {ui.plain(equation.label)}", icon=":material/function:"):
            ui.latex(equation.latex)
