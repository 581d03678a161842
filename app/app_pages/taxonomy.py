"""Taxonomy: a survey's tree to click through, what each node holds, and the typed graph around any record."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.charts.taxonomy import icicle
from moe_kb.kb import KnowledgeBase

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


def picture(kb: KnowledgeBase, node: str) -> go.Figure:
    """The taxonomy, zoomed to a node."""
    taxonomy, _, path = node.partition(":")
    return icicle(kb.tree(f"{taxonomy}:"), path)


def survey_chosen() -> None:
    go_to(f"{st.session_state['survey']}:")


def picture_clicked() -> None:
    points = st.session_state[f"icicle-{node}"].selection.points
    if points:
        go_to(points[0]["id"])


ui.header("Taxonomy", "How the surveys order the field. Click a box to go down; the path leads up again.")

st.session_state["survey"] = survey
left, right = st.columns([1, 2], vertical_alignment="top")
left.segmented_control(
    "Survey",
    list(surveys),
    format_func=lambda key: ui.source_name(kb, surveys[key].source) or surveys[key].name,
    key="survey",
    on_change=survey_chosen,
    required=True,
)
names = ui.cached(type(kb).node_labels, kb, survey)
right.selectbox("Node", list(names), format_func=names.get, **ui.in_address("node", node))

trail = ui.cached(type(kb).ancestors, kb, node)
with st.container(horizontal=True, gap="small"):
    for name, label in trail[:-1]:
        st.button(
            ui.plain(label),
            key=f"up-{name}",
            on_click=go_to,
            args=(name,),
            type="tertiary",
            icon=":material/chevron_left:",
        )
ui.chart(
    ui.cached(picture, kb, node),
    key=f"icicle-{node}",
    on_select=picture_clicked,
    alt=f"Taxonomy of {surveys[survey].name} as nested boxes with the number of records in each",
)

# --- the node ----------------------------------------------------------------------------------------------------

tree = ui.cached(type(kb).tree, kb, node)
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
titles = {
    "paper": f"Papers ({len(held['paper'])})",
    "design": f"Designs ({len(held['design'])})",
    "model": f"Models ({len(held['model'])})",
    "graph": "Graph",
}
papers, designs, models, graph = st.tabs(list(titles.values()), key="held")
common = {
    "year": st.column_config.NumberColumn("Year", format="%d", width=60),
    "printed": st.column_config.ListColumn("Printed as", width="medium"),
    "nodes": st.column_config.ListColumn("Classified as", width="large"),
    "placed_by": st.column_config.ListColumn("Classified by", width="medium"),
}
reached = {
    "year": common["year"],
    "runs": st.column_config.CheckboxColumn("Runs", width=55, help="An implementation is installed"),
    "through": st.column_config.ListColumn("Through the paper", width="large"),
    "placed_by": st.column_config.ListColumn("Classified by", width="medium"),
}
with papers:
    if held["paper"]:
        ui.record_table(
            held["paper"],
            common,
            key="node-papers",
            alt="Papers at this node or below",
            name_label="Paper",
            name_width=230,
        )
    else:
        ui.empty("No papers here.", "Click a box above, or choose another node.")
with designs:
    runs = sum(row.runs for row in held["design"])
    st.caption(f"Classified here, or introduced, used or modified by such a paper. {runs} can be run in the lab.")
    if held["design"]:
        ui.record_table(
            held["design"],
            reached,
            key="node-designs",
            alt="Designs at this node or of its papers",
            name_label="Design",
            name_width=230,
        )
    else:
        ui.empty("No designs here.", "Its papers may not have a design record yet.")
with models:
    st.caption("Described by a paper classified here.")
    if held["model"]:
        ui.record_table(
            held["model"],
            reached,
            key="node-models",
            alt="Models of this node's papers",
            name_label="Model",
            name_width=230,
        )
    else:
        ui.empty("No models here.", "Its papers may describe none.")
with graph:
    st.caption("Anything in the knowledge base with its related records, one step around. Click a point to go there.")
    everything = {f"node:{node}": f"{tree.label} (this node)"} | {
        brief.record: f"{brief.label}, {brief.kind}"
        for brief in ui.cached(type(kb).briefs, kb)
        if brief.kind in ("paper", "design", "model", "system")
    }
    centre = st.selectbox(
        "Around", list(everything), format_func=everything.get, **ui.in_address("around", f"node:{node}", everything)
    )
    ui.graph(kb, centre if not centre.endswith(":") else f"taxonomy:{survey}", key="graph")
