"""Papers: search, facets, and a table to sort; every filter is part of the address."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.format import joined
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.papers import Facets, PaperRow, venues

#: A browser gets so many rows; nobody reads more, and 20,000 take a second of the server and 10 MB of the network.
MOST = 1_000

kb = ui.knowledge_base()


def venue_families(kb: KnowledgeBase) -> list[str]:
    """Families of venues, those with most papers first."""
    return venues(kb.papers())


def line(paper: PaperRow) -> dict[str, Any]:
    """A row: the title, with the short name before it where it does not begin with that, over authors and venue."""
    begins = paper.title.casefold().startswith(paper.name.casefold())
    title = paper.title if begins else f"{paper.name}: {paper.title}"
    return ui.cells_of(paper) | {"title": title, "by": joined(paper.authors, paper.venue, separator=" · ")}


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
    elif rows and ("paper" not in answers.hits or answers.only_some):
        st.info("No paper has all of these words. These papers have some of them.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for hit in answers.all:
            if hit.kind in ("design", "model", "system") and hit.is_named:
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
above = st.container(horizontal=True, vertical_alignment="center")
ticked = ui.record_table(
    [line(paper) for paper in rows],
    {
        "year": ui.Column("Year", "number", digits="d"),
        **({"found": ui.Column("Found in", "found", width=280)} if text else {}),
        "url": ui.Column("Link", "link", shown="read"),
        "code": ui.Column("Code", "link", shown="code"),
        "designs": ui.Column("Designs", "number", help="Designs it introduces"),
        "nodes": ui.Column("Classified as", "tags", width=200, minor=True),
        "scope": ui.Column("Scope", minor=True),
    },
    key="papers-table",
    alt="Papers that pass the search and filters",
    name="title",
    name_label="Paper",
    name_width=300,
    under="by",
    about="summary",
    selectable=True,
    known={paper.record.partition(":")[2] for paper in everything},
)
with above:
    ui.bib_button(kb, [f"paper:{key}" for key in ticked] or [paper.record for paper in rows], "papers")
    st.caption("Of what is ticked." if ticked else "Of all that pass the filters; tick rows to choose among them.")
