"""Overview: what is here in numbers, when models appeared, how the literature grew, and ways in."""

from __future__ import annotations

from dataclasses import asdict

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.charts import timeline as charts
from moe_kb.kb import KnowledgeBase
from moe_kb.settings import view_address

TIMELINE_LABELS = {"timeline-2025": "Survey A, 2025", "survey-a-figure-1": "Survey A, Figure 1"}

kb = ui.knowledge_base()
subtitle = "Papers, designs, models and systems, every value with its source, and designs that run."
ui.header("Mixture of experts, a living survey", subtitle)

# --- ways in -----------------------------------------------------------------------------------------------------

find, add = st.columns([3, 1], vertical_alignment="bottom")
text = find.text_input(
    "Find a paper, a design or a model",
    placeholder="a name, a part of one, an author, or words: seekmoe, top-k, load balancing",
    key="find",
    icon=":material/search:",
)
if text.strip():
    st.switch_page(ui.page("search"), query_params={"q": text.strip()})
with add.popover("Add a paper", icon=":material/add:", width="stretch"):
    st.markdown(
        "A paper is one file, `data/papers/<year>/<key>.yaml`.\n\n"
        "1. Copy the file of a paper like it.\n2. Say where each value was read.\n"
        "3. `moe-kb format` and `moe-kb check`.\n4. Open a pull request."
    )
    if address := view_address("CONTRIBUTING.md"):
        st.link_button("How to contribute", address, icon=":material/menu_book:")
    else:
        st.caption("CONTRIBUTING.md in the repository has an example and the rules.")

# --- what is here ------------------------------------------------------------------------------------------------

counts = ui.cached(type(kb).counts, kb)
gates, without = counts["gating"].number, counts["without"].number
tiles = [
    ("Papers", "papers", "papers", {}, "Search the papers"),
    ("Taxonomy nodes", "nodes", "taxonomy", {}, "Browse the taxonomy"),
    ("Gating designs", "gating", "designs", {}, "Compare the gates"),
    ("Other designs", "others", "designs", {"component": "loss"}, "Losses, experts, schemes"),
    ("Models", "models", "models", {}, "See the models"),
    ("Claims with a source", "claims", "query", {"sql": counts["claims"].sql}, "Query the claims"),
    ("Systems", "systems", "systems", {}, "See the systems"),
    ("Implementations", "implementations", "lab", {}, "Run one"),
]
for row in (tiles[:4], tiles[4:]):
    for column, (label, name, page, query, words) in zip(st.columns(4), row, strict=True):
        with column.container(border=True, gap="small"):
            st.metric(label, counts[name].text, help=f"`{counts[name].sql}`")
            ui.page_link(page, words, query)
said = ("configurations", "described", "sources", "differ", "open", "without")
st.caption(
    "{configurations} configurations of {described} models, {sources} sources. Sources differ on {differ} values; "
    "{open} of these disagreements are open. Nothing is silently corrected.".format_map(
        {name: counts[name].text for name in said}
    ),
    help="  \n".join(f"{counts[name].text}: `{counts[name].sql}`" for name in said),
)
with st.container(horizontal=True):
    if counts["implementations"].number:
        missing = f"; {without} have no implementation yet" if without else ""
        label = f"{gates - without} of {gates} gating designs can be run{missing}"
        ui.page_link("designs", label, {"runs": "no"} if without else None)
        ui.page_link("evidence", "What the runnable designs do under one budget")
    if counts["configurations"].number:
        ui.page_link("trends", "How the designs of released models moved over time")
        ui.page_link("trade_offs", "Models by quality, speed and cost")
        ui.page_link("size", "What models cost, part by part")

ui.cite_base(kb)

# --- the timeline ------------------------------------------------------------------------------------------------


def timeline_figure(kb: KnowledgeBase, table: str, organisations: tuple[str, ...]) -> go.Figure:
    """The chart of a timeline."""
    return charts.figure(ui.cached(type(kb).timeline, kb, table), organisations)


def growth_figure(kb: KnowledgeBase) -> go.Figure:
    """The chart of papers by year."""
    return charts.growth(kb.papers_by_year())


def show_timeline(timelines: dict[str, str]) -> None:
    """One of the surveys' timelines, of all organisations or of some."""
    st.header("Models through time", anchor=False)
    which, who = st.columns([1, 2], vertical_alignment="top")
    with which:
        table = ui.segmented("Timeline", "timeline", {key: TIMELINE_LABELS.get(key, key) for key in timelines})
    models = ui.cached(type(kb).timeline, kb, table)
    everyone = sorted({model.organisation for model in models}, key=str.lower)
    # The address has called it affiliation since the first version.
    with who:
        chosen = tuple(ui.several("Organisation", "affiliation", everyone, placeholder="all organisations"))
    rows = [model for model in models if not chosen or model.organisation in chosen]
    if not rows:
        ui.empty("No results.", "Clear the choice or switch the timeline.")
        return
    ui.chart(
        ui.cached(timeline_figure, kb, table, chosen),
        key=f"timeline-{table}",
        opens=True,
        alt="Models in columns by date, open ones above the line and closed ones below, coloured by domain",
    )
    record = kb.table(table)
    st.caption(
        f"{len(rows)} models, in the periods that the source draws. Click a name for the model. Source: "
        + ui.source_text(kb, record.source, record.locator)
    )
    with st.expander("As a table"):
        ui.record_table(
            [asdict(model) | {"record": model.record or ""} for model in rows],
            {name: name.capitalize() for name in ("period", "domain", "organisation")}
            | {"openness": "Weights", "name": "Record", "released": "Release date"},
            key="timeline-table",
            alt="The timeline's models",
            name="label",
            name_label="Model",
        )


if timelines := ui.cached(type(kb).timelines, kb):
    show_timeline(timelines)

# --- growth ------------------------------------------------------------------------------------------------------

st.header("Papers by year", anchor=False)
ui.chart(ui.cached(growth_figure, kb), key="growth", alt="Bars: papers of each year in the knowledge base")
st.caption("Papers in this knowledge base, by the year of their publication.")
