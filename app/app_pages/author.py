"""An author: the papers here, with whom they were written, and under which names they are printed."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.errors import NotFoundError
from moe_kb.kb import KnowledgeBase

#: Coauthors shown.
MOST = 40

kb = ui.knowledge_base()
name = ui.parameter("name").strip()
if not name:
    ui.header("Author")
    st.info("No author is chosen.", icon=":material/info:")
    ui.page_link("search", "Search for one")
    st.stop()
try:
    page = ui.cached(KnowledgeBase.author, kb, name)
except NotFoundError as error:
    ui.header("No such author")
    st.error(ui.plain(error), icon=":material/error:")
    for close in error.close:
        ui.record_link(f"author:{close}", close)
    ui.page_link("search", "Search for this name", {"q": name})
    st.stop()

person = page.person
papers = [paper for paper in ui.cached(KnowledgeBase.papers, kb) if paper.record in person.records]
years = sorted({paper.year for paper in papers})
span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
ui.header(person.name, f"{len(papers)} paper{'' if len(papers) == 1 else 's'}, {span}")
if len(person.spellings) > 1:
    printed = ", ".join(ui.plain(spelling) for spelling in person.spellings)
    st.caption(f"Printed as {printed}: taken for one person, since the initials fit no other author here.")
if page.maybe:
    others = ", ".join(
        f"{ui.record_text(f'author:{other.name}', other.name)} ({len(other.records)})" for other in page.maybe
    )
    st.caption(f"Initials fit several authors. Papers of {others} may be by the same person and are not counted here.")

st.header("Papers", anchor=False)
ui.bib_button(kb, [paper.record for paper in papers], "author")
ui.record_table(
    papers,
    {"year": ui.Column("Year", "number", digits="d"), "venue": ui.Column("Venue", width=200)},
    key="author-papers",
    alt=f"Papers by {person.name}",
    name="title",
    name_label="Paper",
    name_width=500,
    under="authors",
    about="summary",
)

if page.coauthors:
    st.header("Coauthors", anchor=False)
    together = [
        ui.record_text(f"author:{other}", other) + (f" ({number})" if number > 1 else "")
        for other, number in page.coauthors[:MOST]
    ]
    more = len(page.coauthors) - MOST
    st.markdown(", ".join(together) + (f" and {more:,} more" if more > 0 else ""))
