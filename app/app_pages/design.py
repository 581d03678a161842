"""A design: what it does, its equations and steps, its properties with their sources, its lineage and its users."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.figures import around, designs

kb = ui.knowledge_base()
record = ui.asked(kb, "design", "designs")
design = kb.design(record)

ui.header(design.name)
with st.container(horizontal=True, gap="small", vertical_alignment="center"):
    st.badge(designs.COMPONENT_NAMES[design.component], color="orange", icon=":material/category:")
    if design.year:
        st.badge(str(design.year), color="gray", icon=":material/calendar_month:")
    for alias in design.aliases:
        st.badge(ui.plain(alias), color="gray", help="Another name")
    implementation = ui.cached(designs.runnable, kb, record)
    if implementation:
        with st.container(width="content"):
            if st.button("Run it", icon=":material/play_arrow:", type="primary", help=implementation["summary"]):
                st.switch_page(ui.page("lab"), query_params={"implementation": implementation["key"]})
    if st.button("Set beside another", icon=":material/compare:"):
        st.switch_page(ui.page("compare"), query_params={"keys": design.key})
    ui.edit_link(kb, record)
if design.superseded_by:
    ui.record_link(f"design:{design.superseded_by}", f"Superseded by {design.superseded_by}")
if implementation:
    status = ":green-badge[complete]" if implementation["status"] == "complete" else ":orange-badge[partial]"
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"Runs as **{ui.plain(implementation['name'])}** {status}")
        st.caption(f"Checked against {ui.plain(implementation['oracle'])}.")
        for board in ui.cached(type(kb).leaderboards, kb, implementation["key"]):
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.markdown(
                    f"{ui.plain(board.protocol.task.capitalize())}: {ui.plain(board.text(implementation['key']))}"
                )
                ui.page_link(
                    "evidence",
                    "See the comparison",
                    {"protocol": board.protocol.protocol, "loads": implementation["key"]},
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
            st.table(
                {ui.inline_latex(symbol): ui.plain(words) for symbol, words in equation.legend.items()},
                border="horizontal",
                width="content",
            )
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
        st.caption("No source at hand gives an equation or steps.")
    found = ui.cached(designs.properties, kb, record)
    if found:
        st.header("Properties", anchor=False)
        st.table(
            [
                {
                    "Property": designs.NAMES[one.name],
                    "Value": f"**{ui.plain(one.value)}**" + (f"  \n{ui.plain(one.note)}" if one.note else ""),
                    "Source": ui.source_text(kb, one.source, one.locator)
                    + (" :gray-badge[derived]" if one.status == "derived" else ""),
                }
                for one in found
            ],
            border="horizontal",
            hide_index=True,
            alt="Typed properties with their sources",
        )

with right:
    people = ui.cached(designs.users, kb, record)
    st.header(f"Who uses it ({len({one.record for one in people})})", anchor=False)
    for role, heading in (
        ("introduces", "Introduced by"),
        ("uses", "Used by"),
        ("modifies", "Modified by"),
        ("studies", "Studied by"),
    ):
        for kind, plural in (("model", "models"), ("paper", "papers"), ("system", "systems")):
            group = [one for one in people if one.role == role and one.kind == kind]
            if not group:
                continue
            st.markdown(f"**{heading} {plural}**" if role != "introduces" else f"**{heading}**")
            for one in group[:12]:
                ui.user_line(kb, one)
            if len(group) > 12:
                with st.expander(f"{len(group) - 12} more"):
                    for one in group[12:]:
                        ui.user_line(kb, one)
    if not people:
        st.caption("No source at hand ties a paper or model to it.")
    kin = ui.cached(designs.lineage, kb, record)
    if kin:
        st.header("Lineage", anchor=False)
        for line in kin:
            with st.container(gap=None):
                with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                    st.badge(
                        f"{'→' if line['forward'] else '←'} {line['type']}",
                        color="violet",
                        help="→ from this design to the other, ← from the other to this one",
                    )
                    ui.record_link(line["other"], line["label"])
                st.caption(
                    (f"{ui.plain(line['note'])} · " if line["note"] else "")
                    + ui.source_text(kb, line["source"], line["locator"])
                    + (" (derived)" if line["status"] == "derived" else "")
                )

claims = ui.cached(type(kb).claims, kb, record)
ui.findings(kb, record)
if claims:
    with st.expander(f"Every value that a source gives ({len(claims)})", icon=":material/format_quote:"):
        ui.claims_table(kb, claims, key="design-claims")

if ui.cached(around.neighbours, kb, record):
    st.header("Tied to", anchor=False)
    st.caption("What points to it on the left, what it points to on the right. Click a point or a name.")
    ui.graph(kb, record, key="design-graph")
with st.expander("Where this record's fields were read", icon=":material/fact_check:"):
    for proof in design.provenance:
        st.markdown(f"- {ui.plain(', '.join(proof.fields))}: {ui.source_text(kb, proof.source, proof.locator)}")
    st.caption(f"File: `{kb.path_of(record)}`")
