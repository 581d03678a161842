"""A model: the picture of its layers, every value with unit, precision and sources, routers, papers, evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
import ui

from moe_kb.analysis.size_tables import claimed_rows
from moe_kb.fields import BENCHMARKS, MEASURES, label_of
from moe_kb.format import compact, joined
from moe_kb.pictures.settings import layer_table
from moe_kb.queries.values import Value, covers, precision, shown
from moe_kb.records import Architecture, Model
from moe_kb.settings import edit_address
from moe_kb.sizing import UnsizedError

HEADLINES = (
    *("params_total", "params_active", "n_layers", "n_routed_experts", "experts_per_token", "context_length"),
    "supported_context",
)

kb = ui.knowledge_base()
reference = ui.asked(kb, "model", "models")
record = kb.model(reference.partition(":")[2])
values = ui.cached(type(kb).values, kb, reference)


def about(model: Model) -> None:
    """What the model is, and the papers that describe it."""
    badges = {"organisation": "blue", "released": "gray", "domain": "gray"}
    said = [(colour, text) for name, colour in badges.items() if (text := getattr(model, name))]
    st.markdown(" ".join(f":{colour}-badge[{ui.plain(text)}]" for colour, text in said))
    if model.summary:
        st.markdown(ui.plain(model.summary.text))
        ui.cites(kb, model.summary.cites)
    ui.papers_line(kb, model.papers, reference)
    ui.superseded(model)
    ui.issues(kb, reference)


def terms(model: Model, label: str | None) -> None:
    """What people look for first, each with its source, or with the place to add it."""
    known = {value.field: value for part in (None, label) for value in values.get(part, [])}
    path = kb.path_of(reference)
    edit = edit_address(path)
    unknown = f"unknown: {ui.outside('add it', edit)}" if edit else f"unknown: add it to {ui.plain(path)}"

    def line(title: str, *fields: str) -> str:
        told = [known[name] for name in fields if name in known]
        shown = [
            f"{ui.outside(text, text)} :gray[({ui.source_text(kb, value.preferred.source, value.preferred.locator)})]"
            for value in told
            for text in [str(value.preferred.text)]
        ]
        return f"**{title}** " + ("; ".join(shown) or unknown)

    lines = [
        line("Licence", "licence"),
        line("Openness", "openness"),
        *([] if model.papers and "report" not in known else [line("Report", "report")]),
        line("Weights and code", "weights", "repository"),
        *([] if model.summary else [f"**Summary** {unknown}"]),
    ]
    st.markdown("  \n".join(lines))


def choose(model: Model) -> tuple[str | None, Architecture | None]:
    """The configuration that is shown, and its layers where a source describes them."""
    layers = {configuration.label: configuration.architecture for configuration in model.configurations}
    labels = list(dict.fromkeys([*layers, *(label for label in values if label)]))
    if not labels:
        return None, None
    start = next((label for label in labels if layers.get(label)), labels[0])
    widget = ui.segmented if len(labels) <= 6 else ui.select
    label = widget("Configuration", "configuration", labels, start)
    return label, layers.get(label)


def headlines(own: Mapping[str, Value]) -> None:
    """The main numbers, large."""
    if not any(name in own for name in HEADLINES):
        return
    with st.grid(6, min_column_width=160):
        for name in HEADLINES:
            if name in own:
                first = own[name].preferred
                unit = first.unit or (MEASURES[name].unit if name in MEASURES else "tokens")
                st.metric(
                    ui.plain(own[name].label) + (" ≠" if own[name].conflict else ""),
                    compact(first.number),
                    help=ui.plain(
                        f"{shown(first)} {unit} ({precision(first)}), {ui.source_name(kb, first.source, first.locator)}"
                    ),
                    border=True,
                )


def computed(architecture: Architecture, label: str, own: Mapping[str, Value]) -> None:
    """Parameters that follow from the layers beside those claimed."""
    try:
        rows = claimed_rows(architecture, own)
    except UnsizedError as error:
        st.caption(f"Its size cannot be computed: {ui.plain('; '.join(error.missing))}.")
        return
    with st.expander("Parameters computed from its layers, beside those claimed", icon=":material/straighten:"):
        ui.text_table(rows, "Computed parameters beside claimed ones")
        st.caption("A claim of active parameters stands beside the convention nearest to it; prints are rounded.")
    ui.page_link("size", "Size it: operations, memory, traffic", {"models": ui.listed([f"{record.key}|{label}"])})


def layers(architecture: Architecture, label: str) -> None:
    """The picture of the layers, the exact settings, and the source of both."""
    st.header("Layers", anchor=False)
    ui.picture(kb, f"{reference}#{label}", key=f"picture-{label}")
    status = "" if architecture.status == "reported" else f" ({architecture.status})"
    read = ui.source_text(kb, architecture.source, architecture.locator) + status
    by = [ui.source_text(kb, cite.source, cite.locator) for cite in architecture.interpretation]
    st.caption(
        "From the bottom up. Dashed: not reported. The record counts norms; they are drawn before their sublayer. "
        "Point at a box for its exact settings. Source: "
        + read
        + ("; interpreted with " + "; ".join(by) if by else "")
        + "."
    )
    if architecture.note:
        st.caption(ui.plain(architecture.note))
    ui.page_link(
        "compare", "Compare with other models", {"kind": "model", "keys": ui.listed([f"{record.key}|{label}"])}
    )
    with st.expander("Exact settings of every sublayer", icon=":material/list:"):
        columns = {name: name.capitalize() for name in ("stack", "layers", "sublayer", "setting", "value")}
        rows = layer_table(architecture, design_names())
        ui.value_table(rows, columns, key=f"layers-{label}", alt="Exact settings of every sublayer")


def design_names() -> dict[str, str]:
    """Names of designs by key."""
    return {brief.key: brief.name for brief in ui.cached(type(kb).briefs, kb, "design")}


def value_row(value: Value) -> dict[str, str | None]:
    """A line of the table of values."""
    first = value.preferred
    unit = MEASURES[value.field].unit.partition(" per ")[0] if value.field in MEASURES else None
    resolved = " · resolved" if value.disagreement and value.disagreement.resolved else ""
    return {
        "field": value.label,
        "value": (design_names().get(shown(first)) if value.field == "router" else None)
        or shown(first) + (" ≠" if value.conflict else ""),
        "unit": first.unit or unit or None,
        "precision": precision(first) or None,
        "status": first.status,
        "condition": joined(*covers(first)) or None,
        "source": ui.source_name(kb, first.source, first.locator),
        "link": ui.source_url(kb, first.source),
        "more": f"+{len(value.others)}" if value.others else None,
        "differs": value.conflict + resolved if value.conflict else None,
    }


def value_table(rows: Sequence[Value], key: str) -> None:
    """Preferred values; a click on a row shows every claim of that field."""
    picked = ui.value_table(
        [value_row(value) for value in rows],
        {
            "field": ui.Column("Field", width=190),
            "value": ui.Column("Value", width=150),
            "unit": "Unit",
            "precision": ui.Column("Precision", help="The last digit that the source prints", minor=True),
            "status": ui.Column("Status", minor=True),
            "condition": ui.Column("Covers", help="Scope and counting", width=150),
            "source": ui.Column("Source", width=220),
            "link": ui.Column("Link", "link"),
            "more": ui.Column("Others", help="Further claims of the field"),
            "differs": ui.Column("Sources differ", width=280),
        },
        key=key,
        alt="Values with unit, precision and source",
        pick="Claims",
    )
    if picked is not None:
        value = rows[picked]
        st.markdown(f"**{ui.plain(value.label)}**: {len(value.claims)} " + ("claims" if value.others else "claim"))
        ui.claims_table(kb, value.claims, key=f"{key}-{value.field}-claims")
        if value.disagreement and value.disagreement.reason:
            st.caption("Resolved: " + ui.plain(value.disagreement.reason))


def value_tables(label: str | None) -> None:
    """Values of the configuration and of the model, and every claim."""
    st.header("Values and their sources", anchor=False)
    listed = [value for value in values.get(label, []) if value.field not in BENCHMARKS] if label else []
    if listed:
        st.caption("Each value as the best source gives it. *Claims* shows all of a field.")
        value_table(listed, f"values-{label}")
    whole = [value for value in values.get(None, []) if value.field not in ("name", "papers")]
    if whole:
        st.markdown("**The model as a whole**")
        value_table(whole, "values-whole")
    if not listed and not whole:
        ui.empty("No values are reported for this model.", "Add claims to its file.")
    ui.every_claim(kb, reference)


def routers() -> None:
    """The gating designs it uses, with who says so."""
    st.header("Routers", anchor=False)
    claims = ui.cached(type(kb).routers, kb, reference)
    for design, name in {claim.record: claim.name for claim in claims}.items():
        ui.record_link(design, name, icon=":material/alt_route:")
        st.caption("; ".join(ui.sourced(kb, claim, note=claim.type) for claim in claims if claim.record == design))
    if not claims:
        st.caption("Its router is not reported.")


def evaluations() -> None:
    """Its benchmark scores."""
    st.header("Evaluations", anchor=False)
    scores = [value for own in values.values() for value in own if value.field in BENCHMARKS]
    if not scores:
        st.caption("No scores in the surveys' tables.")
        return
    columns = {name: name.capitalize() for name in ("configuration", "benchmark", "score", "setting", "source")}
    ui.value_table(
        [
            {
                "configuration": value.preferred.configuration,
                "benchmark": label_of(value.field),
                "score": value.preferred.number,
                "setting": value.setting,
                "source": ui.source_name(kb, value.preferred.source, value.preferred.locator),
            }
            for value in scores
        ],
        columns | {"score": ui.Column("Score", "number", digits=".1f")},
        key="scores",
        alt="Benchmark scores",
    )
    st.page_link(ui.page("systems"), label="Compare scores of models", icon=":material/leaderboard:")


ui.header(record.name)
about(record)
label, architecture = choose(record)
terms(record, label)
own = {value.field: value for value in values.get(label, [])} if label else {}
headlines(own)
if architecture and label:
    computed(architecture, label, own)
    layers(architecture, label)
elif label:
    st.caption("The layers of this configuration are not reported; its numbers are below.")
value_tables(label)
left, right = st.columns(2, gap="medium")
with left:
    routers()
with right:
    evaluations()
ui.related_records(kb, reference, key="model-graph")
ui.provenance(kb, record)
