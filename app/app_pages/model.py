"""A model: its stacks as a picture, every value with unit, precision and sources, routers, papers, evaluations."""

from __future__ import annotations

import pandas as pd
import streamlit as st
import ui

from moe_kb.fields import BENCHMARKS, MEASURES, label_of
from moe_kb.figures import around, stacks
from moe_kb.figures import model as sheet
from moe_kb.figures.model import Value, precision, shown
from moe_kb.format import compact
from moe_kb.sizing import UnsizedError

kb = ui.knowledge_base()
reference = ui.asked(kb, "model", "models")
record = kb.model(reference.partition(":")[2])
values = ui.cached(sheet.values, kb, reference)

st.page_link(ui.page("models"), label="All models", icon=":material/arrow_back:")
ui.header(record.name)
badges = [
    (record.organisation, "blue"),
    (record.released, "gray"),
    (record.openness, "green"),
    (record.domain, "gray"),
    (record.licence, "gray"),
]
st.markdown(" ".join(f":{colour}-badge[{ui.plain(text)}]" for text, colour in badges if text))
if record.summary:
    st.markdown(ui.plain(record.summary.text))
    ui.cites(kb, record.summary.cites)
with st.container(horizontal=True):
    names = {brief.key: brief.label for brief in kb.briefs("paper")}
    for paper in record.papers:
        ui.record_link(f"paper:{paper}", names.get(paper, paper), icon=":material/article:")
    ui.edit_link(kb, reference)
if record.superseded_by:
    ui.record_link(f"model:{record.superseded_by}", f"Superseded by {record.superseded_by}", icon=":material/redo:")
ui.findings(kb, reference)

# --- one configuration -------------------------------------------------------------------------------------------

by_label = {configuration.label: configuration for configuration in record.configurations}
parts = list(dict.fromkeys([*by_label, *(part for part in values if part)]))
part = None
if parts:
    described = [label for label in parts if label in by_label and by_label[label].architecture]
    start = (described or parts)[0]
    choose = st.segmented_control if len(parts) <= 6 else st.selectbox
    part = choose("Configuration", parts, required=True, **ui.in_address("configuration", start, parts))
configuration = by_label.get(part or "")
architecture = configuration.architecture if configuration else None

own = {value.field: value for value in values.get(part, [])} if part else {}
shown_first = ("params_total", "params_active", "n_layers", "n_routed_experts", "experts_per_token", "context_length")
if any(name in own for name in shown_first):
    with st.grid(6, min_column_width=160):
        for name in shown_first:
            if name in own:
                first = own[name].first
                st.metric(
                    label_of(name) + (" ≠" if own[name].conflict else ""),
                    compact(first.number),
                    help=ui.plain(
                        f"{shown(first)} {first.unit or MEASURES[name].unit}"
                        f" ({precision(first)}), {ui.source_name(kb, first.source, first.locator)}"
                    ),
                    border=True,
                )

if architecture:
    try:
        computed = sheet.computed(architecture, own)
    except UnsizedError as error:
        st.caption(f"Its size cannot be computed: {ui.plain('; '.join(error.missing))}.")
    else:
        with st.expander("Parameters computed from its layers, beside those claimed", icon=":material/straighten:"):
            st.table(
                [{key: ui.plain(value) for key, value in row.items()} for row in computed],
                border="horizontal",
                hide_index=True,
                alt="Computed parameters beside claimed ones",
            )
            st.caption(
                "A claim of active parameters stands beside the convention that it comes nearest to; printed numbers "
                "are rounded."
            )
        ui.page_link("size", "Size it: operations, memory, traffic", {"models": f"{record.key}|{part}"})
    st.subheader("Layers", anchor=False)
    drawing, exact = st.columns([11, 9], gap="medium")
    with drawing:
        ui.chart(
            stacks.picture(architecture),
            key=f"stack-{part}",
            alt=f"Layer groups of {record.name} {part}, from the input at the bottom to the output at the top",
        )
    with exact:
        st.dataframe(
            pd.DataFrame(stacks.table(architecture)),
            hide_index=True,
            placeholder="",
            key=f"layers-{part}",
            alt="Exact settings of every sublayer",
            height=430,
            column_config={
                "stack": "Stack",
                "layers": "Layers",
                "sublayer": "Sublayer",
                "setting": "Setting",
                "value": st.column_config.TextColumn("Value", width=170),
            },
        )
    status = "" if architecture.status == "reported" else f" ({architecture.status})"
    read = ui.source_text(kb, architecture.source, architecture.locator) + status
    by = [ui.source_text(kb, cite.source, cite.locator) for cite in architecture.interpretation]
    st.caption("Source: " + read + ("; interpreted with " + "; ".join(by) if by else "") + ".")
    if architecture.note:
        st.caption(ui.plain(architecture.note))
elif part:
    st.caption("No source at hand describes the layers of this configuration; its numbers are below.")
if "weights" in own:
    place = own["weights"].first.text
    st.markdown("Weights: " + ui.outside(place, place))

# --- values ------------------------------------------------------------------------------------------------------


def value_row(value: Value) -> dict[str, str | None]:
    first = value.first
    unit = MEASURES[value.field].unit.partition(" per ")[0] if value.field in MEASURES else None
    settled = " · settled" if value.disagreement and value.disagreement.resolved else ""
    return {
        "field": value.label,
        "value": shown(first) + (" ≠" if value.conflict else ""),
        "unit": first.unit or unit or None,
        "precision": precision(first) or None,
        "status": first.status,
        "condition": ", ".join(filter(None, (first.scope, first.counting))) or None,
        "source": ui.source_name(kb, first.source, first.locator),
        "link": ui.source_url(kb, first.source),
        "more": f"+{len(value.others)}" if value.others else None,
        "differs": value.conflict + settled if value.conflict else None,
    }


def value_table(rows: list[Value], key: str) -> None:
    """Values shown first; a click on a row shows every claim of that field."""
    frame = pd.DataFrame([value_row(value) for value in rows]).dropna(axis="columns", how="all")
    picked = st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        alt="Values with unit, precision and source",
        height="content" if len(rows) <= 14 else 520,
        column_config={
            "field": st.column_config.TextColumn("Field", pinned=True, width=190),
            "value": st.column_config.TextColumn("Value", alignment="right"),
            "unit": "Unit",
            "precision": st.column_config.TextColumn("Precision", help="The last digit that the source prints"),
            "status": "Status",
            "condition": st.column_config.TextColumn("Covers", help="Scope and counting", width=170),
            "source": st.column_config.TextColumn("Source", width="medium"),
            "link": st.column_config.LinkColumn("Link", display_text="open"),
            "more": st.column_config.TextColumn("Others", help="Further claims of the field: click the row"),
            "differs": st.column_config.TextColumn("Sources differ", width=330),
        },
    )
    chosen = picked.selection.rows
    if chosen and chosen[0] < len(rows):
        value = rows[chosen[0]]
        st.markdown(f"**{ui.plain(value.label)}**: {len(value.others) + 1} " + ("claims" if value.others else "claim"))
        ui.claims_table(kb, [value.first, *value.others], key=f"{key}-{value.field}-claims")
        if value.disagreement and value.disagreement.reason:
            st.caption("Settled: " + ui.plain(value.disagreement.reason))


st.subheader("Values and their sources", anchor=False)
listed = [value for value in values.get(part, []) if value.field not in BENCHMARKS] if part else []
if listed:
    st.caption("Each value as the best source gives it. Click a row to see every claim of that field.")
    value_table(listed, f"values-{part}")
whole = [value for value in values.get(None, []) if value.field not in ("name", "papers")]
if whole:
    st.markdown("**The model as a whole**")
    value_table(whole, "values-whole")
if not listed and not whole:
    ui.empty("No source gives a value for this model.", "Add claims to its file.")
with st.expander("Every claim", icon=":material/list:", on_change="rerun", key="every-claim") as every:
    if every.open:
        ui.claims_table(kb, kb.claims(reference), key="all-claims")

# --- what hangs on it --------------------------------------------------------------------------------------------

scores = [value for own_part in values.values() for value in own_part if value.field in BENCHMARKS]
routers = ui.cached(sheet.routers, kb, reference)
left, right = st.columns(2, gap="medium")
with left:
    st.subheader("Routers", anchor=False)
    if routers:
        for design in dict.fromkeys(row["record"] for row in routers):
            found = [row for row in routers if row["record"] == design]
            ui.record_link(design, found[0]["name"], icon=":material/alt_route:")
            st.caption(
                "; ".join(
                    f"{ui.plain(row['type'])}{' (derived)' if row['status'] == 'derived' else ''}, "
                    + ui.source_text(kb, row["source"], row["locator"])
                    for row in found
                )
            )
    else:
        st.caption("No source at hand says which router it uses.")
with right:
    st.subheader("Evaluations", anchor=False)
    if scores:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "configuration": value.first.configuration,
                        "benchmark": BENCHMARKS[value.field],
                        "score": value.first.number,
                        "setting": value.setting,
                        "source": ui.source_name(kb, value.first.source, value.first.locator),
                    }
                    for value in scores
                ]
            ),
            hide_index=True,
            placeholder="",
            key="scores",
            alt="Benchmark scores",
            column_config={
                "configuration": "Configuration",
                "benchmark": "Benchmark",
                "score": st.column_config.NumberColumn("Score", format="%.1f"),
                "setting": "Setting",
                "source": "Source",
            },
        )
        st.page_link(ui.page("systems"), label="Compare scores of models", icon=":material/leaderboard:")
    else:
        st.caption("No scores in the surveys' tables.")

if ui.cached(around.neighbours, kb, reference):
    st.subheader("Tied to", anchor=False)
    st.caption("What points to it on the left, what it points to on the right. Click a point or a name.")
    ui.graph(kb, reference, key="model-graph")
with st.expander("Where this record's fields were read", icon=":material/fact_check:"):
    for proof in record.provenance:
        st.markdown(f"- {ui.plain(', '.join(proof.fields))}: {ui.source_text(kb, proof.source, proof.locator)}")
    st.caption(f"File: `{kb.path_of(reference)}`")
