"""A paper: what it is, where it stands, what it introduced, what is near it, and how to cite it."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.format import with_year
from moe_kb.queries.papers import links

kb = ui.knowledge_base()
record = ui.asked(kb, "paper", "papers")
paper = kb.paper(record)
page = ui.cached(type(kb).paper_page, kb, record)

# --- what it is --------------------------------------------------------------------------------------------------

ui.header(paper.name, paper.title if paper.title != paper.name else None)
with st.container(horizontal=True, gap="small", vertical_alignment="center"):
    st.badge(
        paper.folder_year,
        color="gray",
        icon=":material/calendar_month:",
        help=f"First public {paper.date or paper.year}, published {paper.year}",
    )
    if paper.venue:
        st.badge(ui.plain(paper.venue), color="blue")
    if paper.scope != "core":
        st.badge(paper.scope, color="violet", help="Not itself about mixtures of experts, or a survey of them")
    for label, address in links(paper).items():
        if ui.is_web(address):
            st.link_button(label, address, icon=":material/open_in_new:", type="tertiary")
    ui.edit_link(kb, record)
ui.superseded(paper)
if paper.authors:
    more = "" if paper.authors_complete is not False else " and others"
    st.markdown(", ".join(ui.record_text(f"author:{name}", name) for name in paper.authors) + more)

left, right = st.columns([5, 3], gap="large")
with left:
    if paper.summary:
        st.markdown(ui.plain(paper.summary.text))
        ui.cites(kb, paper.summary.cites)
    else:
        ui.empty("No summary yet.", "What it does is not reported.")

    # --- where it stands -----------------------------------------------------------------------------------------
    st.header("Classified by the surveys", anchor=False)
    if page.placements:
        for place in page.placements:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                ui.record_link(f"node:{place.node}", place.label, help=place.path)
                st.caption(
                    f"{ui.plain(place.path)} · "
                    + (f"printed as {ui.plain(place.printed)} · " if place.printed else "")
                    + ui.source_text(kb, place.source, place.locator)
                )
    else:
        st.caption("No survey classifies it.")

    # --- what it introduced --------------------------------------------------------------------------------------
    st.header("Designs", anchor=False)
    if page.designs:
        for usage in page.designs:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.badge(usage.role, color="orange" if usage.role == "introduces" else "gray")
                ui.record_link(usage.record, f"{usage.name} ({usage.component})")
                st.caption(ui.sourced(kb, usage, note=usage.note))
    else:
        st.caption("No design record names it yet.")
    if page.models:
        st.header("Models it describes", anchor=False)
        with st.container(horizontal=True, gap="small"):
            for model, name in page.models.items():
                ui.record_link(model, name)

with right:
    st.header("Cite", anchor=False)
    ui.bibtex_box(kb, record)
    st.header("Similar", anchor=False)
    similar = ui.cached(type(kb).related, kb, record, 10, "paper")
    for other in similar:
        with st.container(gap=None):
            ui.record_link(
                other.record, with_year(other.name, other.year), help=f"{other.kind}, score {other.score:.2f}"
            )
            st.caption(ui.plain("; ".join(other.reasons[:3]) + ("; …" if len(other.reasons) > 3 else "")))
    if not similar:
        st.caption("No related papers yet.")

# --- the rest of what is known -----------------------------------------------------------------------------------

if ui.cached(type(kb).claims, kb, record):
    st.header("Claims", anchor=False)
    ui.issues(kb, record)
    ui.every_claim(kb, record)

ui.related_records(kb, record, key="paper-graph")
ui.provenance(kb, paper)
