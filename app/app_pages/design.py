"""A design: its picture, in short, its equations and steps, properties, code, users, lineage and sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
import ui

from moe_kb.analysis.in_short import in_short, subtitle
from moe_kb.fields import GATING_PROPERTIES, value_label
from moe_kb.queries.designs import COMPONENTS, Implementation, Property, User
from moe_kb.records import Design
from moe_kb.records.design import Equation

#: Lines of a list of users that stand open.
FIRST = 12

kb = ui.knowledge_base()
record = ui.asked(kb, "design", "designs")
design = kb.design(record)
gating = design.component == "gating"
implementation = ui.cached(type(kb).implementation_of, kb, record)


def facts(design: Design) -> None:
    """What it is, its other names, and what can be done with it."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(COMPONENTS[design.component], color="orange", icon=":material/category:")
        if design.year:
            st.badge(str(design.year), color="gray", icon=":material/calendar_month:")
        for alias in design.aliases:
            st.badge(ui.plain(alias), color="gray", help="Another name")
        if implementation:
            with st.container(width="content"):
                if st.button("Run it", icon=":material/play_arrow:", type="primary", help=implementation.summary):
                    st.switch_page(ui.page("lab"), query_params={"implementation": implementation.key})
        if st.button("Compare", icon=":material/compare:"):
            st.switch_page(ui.page("compare"), query_params={"keys": design.key})
        ui.edit_link(kb, record)
    ui.superseded(design)


def summary(design: Design) -> None:
    """In a sentence made from its properties, in the record's words, who uses it, what its runs showed."""
    if gating:
        gate = ui.gate_of(kb, record)
        st.markdown(f"**In short.** {ui.plain(in_short(gate.properties))}")
    if design.summary:
        st.markdown(ui.plain(design.summary.text))
        ui.cites(kb, design.summary.cites)
    if gating:
        ui.use(kb, gate)
    if implementation:
        ui.evidence(kb, implementation, design.name)
    elif gating:
        st.caption("No implementation is installed yet.")


def formula(equation: Equation) -> None:
    """An equation with its legend in columns."""
    with st.container(border=True, gap="small"):
        st.markdown(f"**{ui.plain(equation.label)}**")
        ui.latex(equation.latex)
        if equation.legend:
            with st.grid(3, min_column_width=240, gap="xxsmall"):
                for symbol, words in equation.legend.items():
                    st.markdown(f"{ui.inline_latex(symbol)} {ui.plain(words)}")
        if equation.note:
            st.caption(ui.plain(equation.note))
        ui.cites(kb, [equation])


def how() -> None:
    """Equations and steps."""
    for equation in design.equations:
        formula(equation)
    if design.algorithm:
        st.markdown("**Steps**")
        st.markdown("\n".join(f"{i}. {ui.plain(step)}" for i, step in enumerate(design.algorithm.steps, 1)))
        if design.algorithm.note:
            st.caption(ui.plain(design.algorithm.note))
        ui.cites(kb, [design.algorithm])
    if not design.equations and not design.algorithm:
        st.caption("Equations and steps are not reported.")


def properties(stated: Sequence[Property]) -> None:
    """Typed properties with their sources; the picture's list has them without."""
    st.table(
        [
            {
                "Property": GATING_PROPERTIES[item.property].label,
                "Value": f"**{ui.plain(value_label(item.property, item.value))}**"
                + (f"  \n{ui.plain(item.note)}" if item.note else ""),
                "Source": ui.sourced(kb, item),
            }
            for item in stated
        ],
        border="horizontal",
        hide_index=True,
        alt="Typed properties with their sources",
    )


def code(implementation: Implementation) -> None:
    """How far the implementation goes, what to copy, and its own files."""
    status = ":green-badge[complete]" if implementation.status == "complete" else ":orange-badge[partial]"
    st.markdown(f"Runs as **{ui.plain(implementation.name)}** {status}")
    st.caption(f"Checked against {ui.plain(implementation.verified_against)}.")
    ui.code(implementation)


def used_by(users: Sequence[User]) -> None:
    """Who introduces, uses, modifies and studies it, each with its source."""
    headings = {"introduces": "Introduced", "uses": "Used", "modifies": "Modified", "studies": "Studied"}
    for role, heading in headings.items():
        for kind, plural in (("model", "models"), ("paper", "papers"), ("system", "systems")):
            group = [user for user in users if user.role == role and user.kind == kind]
            if not group:
                continue
            st.markdown(f"**{heading} by**" if role == "introduces" else f"**{heading} by {plural}**")
            for user in group[:FIRST]:
                ui.user_line(kb, user)
            if len(group) > FIRST:
                with st.expander(f"{len(group) - FIRST} more"):
                    for user in group[FIRST:]:
                        ui.user_line(kb, user)
    if not users:
        st.caption("Its use is not reported.")


def lineage() -> None:
    """What it comes out of, and what comes out of it."""
    for relation in ui.cached(type(kb).lineage, kb, record):
        with st.container(gap=None):
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.badge(
                    f"{'→' if relation.forward else '←'} {value_label('relation', relation.type)}",
                    color="violet",
                    help="→ from this design to the other, ← from the other to this one",
                )
                ui.record_link(relation.record, relation.label)
            st.caption(ui.sourced(kb, relation, note=relation.note))


def sections() -> dict[str, Callable[[], None]]:
    """The page's tabs: each with what it shows."""
    users = ui.cached(type(kb).users, kb, record)
    formulas = "Equations" if len(design.equations) > 1 else "Equation"
    shown: dict[str, Callable[[], None]] = {formulas if design.equations or not design.algorithm else "Steps": how}
    if stated := ui.cached(type(kb).properties, kb, record):
        shown["Properties"] = lambda: properties(stated)
    if implementation:
        shown["Code"] = lambda: code(implementation)
    shown[f"Used by ({len({user.record for user in users})})"] = lambda: used_by(users)
    if relations := ui.cached(type(kb).lineage, kb, record):
        shown[f"Lineage ({len(relations)})"] = lineage
    return shown


ui.header(design.name, subtitle(ui.gate_of(kb, record).properties) if gating else None)
if gating:
    ui.picture(kb, record, key="picture")
facts(design)
summary(design)
shown = sections()
for tab, show in zip(st.tabs(list(shown), key="parts"), shown.values(), strict=True):
    with tab:
        show()

ui.issues(kb, record)
if ui.cached(type(kb).claims, kb, record):
    ui.every_claim(kb, record)

ui.related_records(kb, record, key="design-graph")
ui.provenance(kb, design)
