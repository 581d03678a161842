"""Reading routes: a few works in an order in which they explain one another, with a line why each."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.format import with_year
from moe_kb.queries.routes import Stop


def line(stop: Stop) -> str:
    """Markdown of a work on a route."""
    title = f", *{ui.plain(stop.title)}*" if stop.title else ""
    source = ui.source_text(kb, stop.source, stop.locator)
    return (
        f"1. {ui.record_text(stop.work, with_year(stop.name, stop.year))}{title}  \n"
        f"   {ui.plain(stop.why)}  \n   :gray[Source:] {source}"
    )


kb = ui.knowledge_base()
ui.header("Reading routes", "A few works each, in an order in which they explain one another, with a line why.")
routes = {route.key: route for route in ui.cached(type(kb).routes, kb)}
if not routes:
    ui.empty("No routes yet.", "Add one to data/routes.yaml.")
    st.stop()
chosen = routes[ui.segmented("Route", "route", {key: route.title for key, route in routes.items()}, bare=True)]
st.header(ui.plain(chosen.title), anchor=False)
st.markdown(ui.plain(chosen.about))
st.markdown("\n".join(map(line, chosen.stops)))
if chosen.papers:
    ui.bib_button(kb, chosen.papers, f"route-{chosen.key}")
st.caption("Unfamiliar words are in the glossary.")
ui.page_link("glossary", "Glossary")
