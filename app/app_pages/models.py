"""Models: hyperparameters of every configuration, charted and in a table."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.charts.models import plottable, scatter
from moe_kb.fields import COLOUR_BY, MEASURES, NOT_REPORTED, label_of
from moe_kb.format import compact
from moe_kb.queries.models import ConfigurationRow, select_configurations

kb = ui.knowledge_base()
rows = ui.cached(type(kb).configurations, kb)

ui.header("Models", "Every configuration with its preferred values; a model's page has every source behind them.")
if not rows:
    ui.empty("No configurations yet.", "Add a model as data/models/<key>.yaml.")
    st.stop()

# --- filters -----------------------------------------------------------------------------------------------------

years = sorted({row.year for row in rows if row.year})
with st.container(horizontal=True, vertical_alignment="bottom", key="model-filters"):
    text = ui.search("Name, organisation, router …", width=220)
    makers = sorted({row.organisation for row in rows if row.organisation}, key=str.casefold)
    organisations = ui.several("Organisation", "organisation", makers, width=230, placeholder="any")
    openness = ui.pills("Openness", "openness", sorted({row.openness or NOT_REPORTED for row in rows}))
    span = None
    if len(years) > 1:
        all_years = (years[0], years[-1])
        span = st.slider("Year of release", *all_years, width=190, **ui.in_address("years", all_years))
        span = None if span == all_years else span
    released_config = st.toggle(
        "Released config only",
        help="Only configurations whose layers were read from a published config.json",
        **ui.in_address("config", False),
    )

found = select_configurations(
    rows, text=text, openness=openness, organisations=organisations, years=span, released_config=released_config
)
if not found:
    ui.empty("No results.", "Remove a filter.")
    st.stop()

# --- chart -------------------------------------------------------------------------------------------------------


controls, picture = st.columns([1, 4], gap="medium")
with controls:
    names = list(MEASURES)
    x = ui.select("Horizontal axis", "x", names, "params_total", names=label_of)
    log_x = st.toggle("Logarithmic", **ui.in_address(f"log-{x}", MEASURES[x].log))
    y = ui.select("Vertical axis", "y", names, "params_active", names=label_of)
    log_y = log_x if x == y else st.toggle("Logarithmic", **ui.in_address(f"log-{y}", MEASURES[y].log))
    colour = ui.select("Colour", "colour", {"none": "None", **COLOUR_BY}, "described_by")
    size = ui.select("Size of points", "size", {"none": "Equal"} | {name: label_of(name) for name in names})
drawn = plottable(found, x, y, log_x=log_x, log_y=log_y)
with picture:
    if drawn:
        by = {name: None if choice == "none" else choice for name, choice in (("colour", colour), ("size", size))}
        # A search lights what it finds; the other filters leave out what they do.
        filters = {"openness": openness, "organisations": organisations, "years": span}
        among = select_configurations(rows, text="", released_config=released_config, **filters) if text else []
        ids = {row.id for row in found}
        behind = [row for row in among if row.id not in ids]
        named = ui.unlisted(ui.parameter("tick"))
        figure = scatter(found, x, y, log_x=log_x, log_y=log_y, behind=behind, named=named, **by)
        alt = f"{label_of(y)} against {label_of(x)} of {len(drawn)} configurations"
        ui.chart(figure, key="model-chart", opens=True, alt=alt)
        st.caption(
            f"{len(drawn)} of {len(found)} configurations have both values. Point at one for its sources; click it "
            "for the model's page. ≠ marks a value on which sources differ."
        )
    else:
        ui.empty("No configuration here has both values.", "Choose another axis or remove a filter.")

# --- table -------------------------------------------------------------------------------------------------------

COLUMNS = [name for name in MEASURES if name != "year"]


#: Names of designs by key.
routers = {brief.key: brief.name for brief in ui.cached(type(kb).briefs, kb, "design")}


def line(row: ConfigurationRow) -> dict[str, Any]:
    """A row; a value on which sources differ is marked and shaded."""
    cells: dict[str, Any] = {name: row.number(name) for name in COLUMNS} | dict(row.words)
    cells["router"] = routers.get(cells["router"], cells["router"])
    for name, resolved in row.disputed.items():
        if cells.get(name) is not None and name in COLUMNS:
            text = f"{compact(cells[name])} {'≠ resolved' if resolved else '≠'}"
            cells[name] = ui.Marked(cells[name], text, "resolved" if resolved else "open")
    return cells | {
        "id": row.id,
        "record": row.record,
        "name": row.label,
        "organisation": row.organisation,
        "released": row.released,
        "openness": row.openness,
        "described_by": row.described_by,
    }


above = st.container()
held = [name for name in COLUMNS if any(row.number(name) is not None for row in found)]
ticked = ui.record_table(
    [line(row) for row in found],
    {
        "released": label_of("released"),
        "organisation": ui.Column("Organisation", minor=True),
        "openness": ui.Column("Openness", minor=True),
        **{
            name: ui.Column(
                MEASURES[name].label,
                "number",
                help=f"Unit: {MEASURES[name].unit}",
                digits=compact,
                minor=name not in ("params_total", "params_active"),
            )
            for name in held
        },
        "activation": ui.Column("Activation", minor=True),
        "router": "Router",
        "described_by": ui.Column("Described by", minor=True),
    },
    key="model-table",
    alt="Hyperparameters of every configuration found",
    name_label="Model",
    name_width=210,
    selectable=True,
    known={row.id for row in rows},
)
with above:
    ui.compare_button(ticked, "model-table", kind="model")
st.caption(
    f"{len(found)} of {len(rows)} configurations. Shaded values: sources differ (≠), or differed and a note says which "
    "is right (≠ resolved)."
)
