"""Search: what answers a text, of every kind on one page, the kind with the best answer first."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.db.search import Hit
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.find import Answers

#: What kinds are called, in headings and filters.
NAMES = {
    "paper": "Papers",
    "model": "Models",
    "design": "Designs",
    "author": "Authors",
    "node": "Taxonomy",
    "system": "Systems",
    "implementation": "Implementations",
    "accelerator": "Accelerators",
    "table": "Tables",
    "source": "Sources",
}
#: Of each kind are looked up so many, and shown so many until the kind is chosen; so many designs are drawn.
MOST, FIRST, DRAWN = 30, 5, 4
EXAMPLES = ("loss-free balancing", "Mixtral router", "expert parallelism", "Noam Shazeer", "arXiv:2101.03961")


def number(hits: list[Hit]) -> str:
    """How many there are, as far as they were looked up."""
    return f"{len(hits)}+" if len(hits) >= MOST else str(len(hits))


def marked(hit: Hit) -> str:
    """Markdown of the text around the match, the matched words marked."""
    shown = []
    for text, asked in hit.pieces:
        before, after = (" " if part.isspace() else "" for part in (text[:1], text[-1:]))
        words = ui.plain(text)
        shown.append(before + (f":blue-background[{words}]" if asked else words) + (after if words else ""))
    return "".join(shown).strip()


def show_hit(hit: Hit) -> None:
    """A name to click, what it is called in full, and where the words were found."""
    title = hit.title if hit.title != hit.name else ""
    about = " · ".join(ui.plain(text) for text in (str(hit.year or ""), title) if text)
    name = f"**{ui.record_text(hit.record, hit.name)}**" + (f" · {about}" if about else "")
    st.markdown("  \n".join(filter(None, (name, marked(hit)))))


def show_designs(kb: KnowledgeBase, hits: list[Hit]) -> list[Hit]:
    """Pictures of the gating designs among the best; the other hits are given back."""
    gates = {gate.record: gate for gate in ui.cached(KnowledgeBase.gates, kb)}
    drawn = [gates[hit.record] for hit in hits if hit.record in gates][:DRAWN]
    if drawn:
        ui.gallery(kb, drawn, key="found-designs")
    return [hit for hit in hits if hit.record not in {gate.record for gate in drawn}]


def show(kb: KnowledgeBase, text: str, answers: Answers) -> None:
    """The answers by kind, and a choice of one kind."""
    if answers.respelt:
        st.info(f"Nothing has “{ui.plain(text)}”. These are the results for **{ui.plain(answers.respelt)}**.")
    elif answers.only_some:
        st.info("Nothing has all of these words. These results have some of them.")
    names = {"": "All"} | {kind: f"{NAMES[kind]} {number(hits)}" for kind, hits in answers.hits.items()}
    chosen = ui.segmented("Kind", "kind", names, "", bare=True) if len(answers.hits) > 1 else ""
    for kind, hits in answers.hits.items():
        if chosen not in ("", kind):
            continue
        st.header(NAMES[kind], anchor=False)
        shown = hits if chosen else hits[:FIRST]
        for hit in show_designs(kb, shown) if kind == "design" else shown:
            show_hit(hit)
        if len(shown) < len(hits):
            ui.page_link("search", f"All {number(hits)} {NAMES[kind].lower()}", {"q": text, "kind": kind})
        if kind == "paper":
            ui.page_link("papers", "These papers as a table, with filters and .bib", {"q": text})


kb = ui.knowledge_base()
text = ui.parameter("q").strip()
ui.header(f"“{text[:100]}”" if text else "Search")
if not text:
    st.markdown("One box finds papers, models, designs, authors, systems and taxonomy nodes. For example:")
    with st.container(horizontal=True):
        for example in EXAMPLES:
            ui.page_link("search", example, {"q": example})
    st.stop()
answers = ui.cached(KnowledgeBase.find, kb, text, most=MOST)
if not answers.hits:
    ui.empty("No results.", "Use fewer words, a part of a name, or the address of a paper.")
    with st.container(horizontal=True):
        for name in ("papers", "designs", "models"):
            ui.page_link(name, f"All {name}")
    st.stop()
show(kb, text, answers)
