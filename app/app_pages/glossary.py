"""The glossary: terms of the field, each with its source and with what shows it."""

from __future__ import annotations

from itertools import groupby

import streamlit as st
import ui

from moe_kb.queries.glossary import Term


def entry(term: Term) -> str:
    """Markdown of a term."""
    short = f" ({ui.plain(', '.join(term.short))})" if term.short else ""
    source = ui.source_text(kb, term.source, term.locator)
    see = ", ".join(ui.record_text(record, label) for record, label in term.see)
    return f"**{ui.plain(term.term)}**{short}  \n{ui.plain(term.definition)}  \n:gray[Source:] {source}" + (
        f" :gray[· See] {see}" if see else ""
    )


kb = ui.knowledge_base()
ui.header("Glossary", "Terms of the field in our own words, each with its source and with designs that show it.")
terms = ui.cached(type(kb).glossary, kb)
if not terms:
    ui.empty("No terms yet.", "Add them to data/glossary.yaml.")
    st.stop()
text = ui.search("a term or its short form: aux loss, EP, capacity factor", width=420)
exact = [term for term in terms if text and term.is_called(text)]
shown = exact + [term for term in terms if term not in exact and term.holds(text)]
if not shown:
    ui.empty("No results.", "Use fewer words, or search everything from the overview.")
elif text:
    st.markdown("\n\n".join(map(entry, shown)))
else:
    for letter, held in groupby(shown, key=lambda term: term.term[0].upper()):
        st.header(ui.plain(letter), anchor=False)
        st.markdown("\n\n".join(map(entry, held)))
st.caption(f"{len(shown)} of {len(terms)} terms.")
