"""Papers: search, facets, and a table to sort; every filter is part of the address."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.kb import KnowledgeBase
from moe_kb.queries.papers import Facets, venues

#: A browser gets so many rows; nobody reads more, and 20,000 take a second of the server and 10 MB of the network.
MOST = 1_000

kb = ui.knowledge_base()


def venue_families(kb: KnowledgeBase) -> list[str]:
    """Families of venues, those with most papers first."""
    return venues(kb.papers())


everything = ui.cached(type(kb).papers, kb)
ui.header("Papers", f"{len(everything)} papers. Click a name to open its page.")
if not everything:
    ui.empty("No papers.", "Add one as data/papers/<year>/<key>.yaml and run moe-kb check.")
    st.stop()

text = ui.search("a name or a part of one, an author, words of a title or summary")
nodes = ui.cached(type(kb).node_labels, kb)
span = (min(paper.year for paper in everything), max(paper.year for paper in everything))
first, second = st.columns([2, 1])
with first:
    node = ui.select("Classified as", "under", nodes, None, index=None, placeholder="any node of any taxonomy")
years = second.slider("Years", *span, **ui.in_address("years", span)) if span[0] < span[1] else span
first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
with first:
    wanted_venues = ui.several("Venue", "venue", ui.cached(venue_families, kb), placeholder="any venue")
with second:
    about = "core: about mixtures of experts; the others are here because a survey leans on them"
    kinds = sorted({paper.scope for paper in everything})
    scopes = ui.several("Scope", "scope", kinds, placeholder="any scope", help=about)
code = third.toggle("Has code", **ui.in_address("code", False))

rows = kb.papers(
    Facets(
        text=text,
        node=node,
        years=None if years == span else years,
        venues=tuple(wanted_venues),
        scopes=tuple(scopes),
        with_code=code,
    ),
    among=everything,
    most=MOST + 1,
)
more, rows = len(rows) > MOST, rows[:MOST]
if text:
    answers = ui.cached(type(kb).find, kb, text, most=6)
    if answers.respelt:
        st.info(f"No record has “{ui.plain(text)}”. These are the papers for **{ui.plain(answers.respelt)}**.")
    elif (rows and "paper" not in answers.hits) or answers.only_some:
        st.info("No paper has all of these words. These papers have some of them.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        others = [hit for kind in ("design", "model", "system") for hit in answers.hits.get(kind, ())[:2]]
        for hit in others:
            ui.record_link(hit.record, f"{hit.name} ({hit.kind})")
        if answers.hits:
            ui.page_link("search", "Results of all kinds", {"q": text})
if not rows:
    ui.empty("No results.", "Use fewer words or a part of a name, or clear a filter.")
    st.stop()

st.caption(
    f"{f'The first {MOST:,}' if more else len(rows)} of {len(everything)} papers, "
    + ("best match first" if text else "newest first")
    + ". Click a heading to sort."
    + (" There are more: narrow them by words or filters." if more else "")
)
taken = st.session_state.get("papers-table")
ticked = [rows[i].record for i in (taken.selection.rows if taken else ()) if i < len(rows)]
with st.container(horizontal=True, vertical_alignment="center"):
    ui.bib_button(kb, ticked or [paper.record for paper in rows], "papers")
    st.caption("Of what is ticked." if ticked else "Of all that pass the filters; tick rows to choose among them.")
columns = {
    "year": st.column_config.NumberColumn("Year", format="%d", width=60),
    "title": st.column_config.TextColumn("Title", width=350),
    **({"found": st.column_config.TextColumn("Found in", width=300)} if text else {}),
    "venue": st.column_config.TextColumn("Venue", width=110),
    "url": st.column_config.LinkColumn("Link", display_text="read", width=60),
    "code": st.column_config.LinkColumn("Code", display_text="code", width=60),
    "designs": st.column_config.NumberColumn("Designs", width=75, help="Designs it introduces"),
    "authors": st.column_config.TextColumn("Authors", width="medium"),
    "nodes": st.column_config.ListColumn("Classified as", width="medium"),
    "scope": st.column_config.TextColumn("Scope", width="small"),
}
ui.record_table(
    rows,
    columns,
    key="papers-table",
    alt="Papers that pass the search and filters",
    name_label="Paper",
    name_width=180,
    selectable=True,
    height=640 if len(rows) > 17 else "auto",
)
