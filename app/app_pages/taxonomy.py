"""Taxonomy: a survey's tree to click through, what each node holds, and the typed graph around any record."""

from __future__ import annotations

from functools import partial

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.charts.taxonomy import icicle
from moe_kb.kb import KnowledgeBase

#: Rows of a table, and records to choose from: more are not sent to a browser.
MOST = 2_000

kb = ui.knowledge_base()
surveys = {survey.key: survey for survey in kb.taxonomies()}
if not surveys:
    ui.header("Taxonomy")
    ui.empty("No taxonomy.", "Add one as taxonomy/<key>.yaml and run moe-kb check.")
    st.stop()

# The address holds the node (`?node=survey-a:algorithm`); everything on the page follows from it.
node = kb.resolve_node(st.query_params.get("node") or next(iter(surveys)))
survey = node.partition(":")[0]


def go_to(name: str) -> None:
    st.query_params["node"] = name


def picture(kb: KnowledgeBase, node: str, empty_ones: bool) -> go.Figure:
    """The taxonomy, zoomed to a node; nodes without a record as asked."""
    taxonomy, _, path = node.partition(":")
    whole = kb.tree(f"{taxonomy}:")
    return icicle(whole if empty_ones else whole.without_empty, path)


def survey_chosen() -> None:
    go_to(f"{st.session_state['survey']}:")


def picture_clicked(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:
        go_to(points[0]["id"])


ui.header("Taxonomy", "How the surveys order the field. Click a box to go down; the path leads up again.")

st.session_state["survey"] = survey
names = {key: ui.source_name(kb, held.source) or held.name for key, held in surveys.items()}
left, right = st.columns([1, 2], vertical_alignment="top")
left.segmented_control(
    "Survey", list(surveys), format_func=names.get, key="survey", on_change=survey_chosen, required=True
)
with right:
    ui.select("Node", "node", ui.cached(type(kb).node_labels, kb, survey), node)

# The path: `Survey A › Algorithm › Gating function`, each part but the last a way up.
trail = ui.cached(type(kb).ancestors, kb, node)
steps = [(name, names[survey] if name == f"{survey}:" else label) for name, label in trail]
with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="trail"):
    for name, label in steps[:-1]:
        st.button(ui.plain(label), type="tertiary", key=f"up-{name}", on_click=go_to, args=(name,))
        st.markdown("›", width="content")
    st.markdown(f"**{ui.plain(steps[-1][1])}**", width="content")

tree = ui.cached(type(kb).tree, kb, node)
empty = tree.empty if tree.under else []
shown = bool(empty) and st.toggle(
    f"Show {len(empty)} without a record",
    help="Themes that the survey names and classifies nothing under",
    **ui.in_address("empty", False),
)
# Where the node itself holds nothing, the picture has to hold it all the same.
whole = shown or not tree.under
ui.chart(
    ui.cached(picture, kb, node, whole),
    key=f"icicle-{node}-{whole}",
    on_select=partial(picture_clicked, f"icicle-{node}-{whole}"),
    alt=f"Taxonomy of {surveys[survey].name} as nested boxes with the number of records in each",
)

# --- the node ----------------------------------------------------------------------------------------------------

st.header(ui.plain(tree.label), anchor=False)
if tree.description:
    st.markdown(ui.plain(tree.description))
st.caption("Source: " + ui.source_text(kb, surveys[survey].source, tree.locator or surveys[survey].locator))

for line in ui.cached(type(kb).mappings, kb, node):
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(line.relation, color="violet", icon=":material/compare_arrows:")
        ui.record_link(f"node:{line.node}", line.label)
        st.caption(ui.plain(line.reason))

held = ui.cached(type(kb).node_records, kb, node)
*lists, graph = st.tabs([*(f"{kind.capitalize()}s ({len(rows)})" for kind, rows in held.items()), "Graph"], key="held")
columns = {
    "year": ui.Column("Year", "number", digits="d"),
    "printed": ui.Column("Printed as", "tags", width=160, minor=True),
    "nodes": ui.Column("Classified as", "tags", width=260),
    "runs": ui.Column("Runs", "check", help="An implementation is installed"),
    "through": ui.Column("Through the paper", "tags", width=260),
    "placed_by": ui.Column("Classified by", "tags", width=160, minor=True),
}
runs = sum(row.runs for row in held["design"])
reached = ("year", "runs", "through", "placed_by")
for tab, kind, listed, about, advice in (
    (lists[0], "paper", ("year", "printed", "nodes", "placed_by"), "", "Click a box above, or choose another node."),
    (
        lists[1],
        "design",
        reached,
        f"Classified here, or introduced, used or modified by such a paper. {runs} can be run in the lab.",
        "Its papers may not have a design record yet.",
    ),
    (lists[2], "model", reached, "Described by a paper classified here.", "Its papers may describe none."),
):
    with tab:
        if about:
            st.caption(about)
        if kind == "paper" and held[kind]:
            ui.bib_button(kb, [row.record for row in held[kind]], node.replace(":", "-").replace("/", "-"))
        if held[kind]:
            if len(held[kind]) > MOST:
                st.caption(f"The first {MOST:,} of {len(held[kind]):,}; a node further down holds fewer.")
            ui.record_table(
                held[kind][:MOST],
                {name: columns[name] for name in listed},
                key=f"node-{kind}s",
                alt=f"{kind.capitalize()}s at this node or below, or of its papers",
                name_label=kind.capitalize(),
                sort=f"sort-{kind}s",
            )
        else:
            ui.empty(f"No {kind}s here.", advice)
with graph:
    st.caption("Anything in the knowledge base with its related records, one step around. Click a point to go there.")
    works = [brief for brief in ui.cached(type(kb).briefs, kb) if brief.kind in ("paper", "design", "model", "system")]
    if len(works) > MOST:
        # What stands at this node, and what the address names.
        near = {row.record for rows in held.values() for row in rows[:MOST]} | {st.query_params.get("around")}
        works = [brief for brief in works if brief.record in near]
    everything = {f"node:{node}": f"{tree.label} (this node)"}
    everything |= {brief.record: f"{brief.label}, {brief.kind}" for brief in works}
    centre = ui.select("Around", "around", everything, f"node:{node}")
    ui.graph(kb, centre if not centre.endswith(":") else f"taxonomy:{survey}", key="graph")
