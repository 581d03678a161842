"""What is new: models, designs, papers and systems by month, from the dates in the records."""

from __future__ import annotations

import streamlit as st
import ui

from moe_kb.queries.designs import COMPONENTS
from moe_kb.queries.news import KINDS, News, by_period

ALL = "all years"


def line(item: News) -> str:
    """A record in a line of a list."""
    about = [ui.plain(text) for text in (item.organisation, _detail(item)) if text]
    if item.dated_by and item.dated_by not in item.name:
        about.append(f"with {ui.plain(item.dated_by)}")
    return f"- {ui.record_text(item.record, item.name)}" + (f" · {' · '.join(about)}" if about else "")


def _detail(item: News) -> str | None:
    if item.kind == "design":
        return COMPONENTS.get(item.detail or "", item.detail)
    return item.detail if item.detail != item.name else None


kb = ui.knowledge_base()
ui.header("What is new", "Models, designs, papers and systems by the month in which they became public.")
items = ui.cached(type(kb).news, kb)
if not items:
    ui.empty("Nothing here has a date.", "Give a model its `released`, or a paper its `date`.")
    st.stop()
years = list(dict.fromkeys(item.year for item in items))
present = {kind: label for kind, label in KINDS.items() if any(item.kind == kind for item in items)}
with st.container(horizontal=True, vertical_alignment="bottom"):
    year = ui.select("Year", "year", {str(year): str(year) for year in years} | {ALL: ALL.capitalize()}, width=140)
    kinds = ui.pills("Kind", "kind", present)
shown = [item for item in items if year in (ALL, str(item.year)) and (not kinds or item.kind in kinds)]
if not shown:
    ui.empty("No results.", "Choose another year or kind.")
for period, held in by_period(shown).items():
    st.header(period, anchor=False)
    for kind, label in KINDS.items():
        lines = [line(item) for item in held if item.kind == kind]
        if lines:
            st.markdown(f"**{label}**\n\n" + "\n".join(lines))
st.caption(
    "Dates are those of the records: a model's release, a paper's first public date. A design has the date of the "
    "first work that introduces it, else of the first model here that uses it. "
    f"Built from the records on {kb.meta['built'][:10]}; data version {ui.plain(kb.version)}."
)
