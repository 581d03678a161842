"""A design: what it does, its equations and steps, its properties with their sources, its lineage and its users."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.fields import GATING_PROPERTIES
from moe_kb.queries.designs import COMPONENTS

kb = ui.knowledge_base()
record = ui.asked(kb, "design", "designs")
design = kb.design(record)

ui.header(design.name)
if design.component == "gating":
    ui.picture(kb, record, key="picture")
with st.container(horizontal=True, gap="small", vertical_alignment="center"):
    st.badge(COMPONENTS[design.component], color="orange", icon=":material/category:")
    if design.year:
        st.badge(str(design.year), color="gray", icon=":material/calendar_month:")
    for alias in design.aliases:
        st.badge(ui.plain(alias), color="gray", help="Another name")
    implementation = ui.cached(type(kb).implementation_of, kb, record)
    if implementation:
        with st.container(width="content"):
            if st.button("Run it", icon=":material/play_arrow:", type="primary", help=implementation.summary):
                st.switch_page(ui.page("lab"), query_params={"implementation": implementation.key})
    if st.button("Compare", icon=":material/compare:"):
        st.switch_page(ui.page("compare"), query_params={"keys": design.key})
    ui.edit_link(kb, record)
ui.superseded(design)
if implementation:
    status = ":green-badge[complete]" if implementation.status == "complete" else ":orange-badge[partial]"
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"Runs as **{ui.plain(implementation.name)}** {status}")
        st.caption(f"Checked against {ui.plain(implementation.verified_against)}.")
        for board in ui.cached(type(kb).leaderboards, kb, implementation.key):
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.markdown(f"{ui.plain(board.protocol.task.capitalize())}: {ui.plain(board.text(implementation.key))}")
                ui.page_link(
                    "evidence", "See the comparison", {"protocol": board.protocol.protocol, "loads": implementation.key}
                )
elif design.component == "gating":
    st.caption("No implementation is installed yet.")

if design.summary:
    st.markdown(ui.plain(design.summary.text))
    ui.cites(kb, design.summary.cites)

if design.equations:
    st.header("Equations" if len(design.equations) > 1 else "Equation", anchor=False)
for equation in design.equations:
    with st.container(border=True):
        st.markdown(f"**{ui.plain(equation.label)}**")
        ui.latex(equation.latex)
        if equation.legend:
            legend = {ui.inline_latex(symbol): ui.plain(words) for symbol, words in equation.legend.items()}
            st.table(legend, border="horizontal", width="content")
        if equation.note:
            st.caption(ui.plain(equation.note))
        ui.cites(kb, [equation])

left, right = st.columns([3, 2], gap="large")
with left:
    if design.algorithm:
        st.header("Steps", anchor=False)
        st.markdown("\n".join(f"{i}. {ui.plain(step)}" for i, step in enumerate(design.algorithm.steps, 1)))
        if design.algorithm.note:
            st.caption(ui.plain(design.algorithm.note))
        ui.cites(kb, [design.algorithm])
    if not design.equations and not design.algorithm:
        st.caption("Equations and steps are not reported.")
    stated = ui.cached(type(kb).properties, kb, record)
    if stated:
        st.header("Properties", anchor=False)
        st.table(
            [
                {
                    "Property": GATING_PROPERTIES[item.property].label,
                    "Value": f"**{ui.plain(item.value)}**" + (f"  \n{ui.plain(item.note)}" if item.note else ""),
                    "Source": ui.sourced(kb, item),
                }
                for item in stated
            ],
            border="horizontal",
            hide_index=True,
            alt="Typed properties with their sources",
        )

with right:
    users = ui.cached(type(kb).users, kb, record)
    st.header(f"Used by ({len({user.record for user in users})})", anchor=False)
    headings = {"introduces": "Introduced", "uses": "Used", "modifies": "Modified", "studies": "Studied"}
    for role, heading in headings.items():
        for kind, plural in (("model", "models"), ("paper", "papers"), ("system", "systems")):
            group = [user for user in users if user.role == role and user.kind == kind]
            if not group:
                continue
            st.markdown(f"**{heading} by**" if role == "introduces" else f"**{heading} by {plural}**")
            for user in group[:12]:
                ui.user_line(kb, user)
            if len(group) > 12:
                with st.expander(f"{len(group) - 12} more"):
                    for user in group[12:]:
                        ui.user_line(kb, user)
    if not users:
        st.caption("Its use is not reported.")
    lineage = ui.cached(type(kb).lineage, kb, record)
    if lineage:
        st.header("Lineage", anchor=False)
        for relation in lineage:
            with st.container(gap=None):
                with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                    st.badge(
                        f"{'→' if relation.forward else '←'} {relation.type}",
                        color="violet",
                        help="→ from this design to the other, ← from the other to this one",
                    )
                    ui.record_link(relation.record, relation.label)
                st.caption(ui.sourced(kb, relation, note=relation.note))

ui.issues(kb, record)
if ui.cached(type(kb).claims, kb, record):
    ui.every_claim(kb, record)

ui.related_records(kb, record, key="design-graph")
ui.provenance(kb, design)
