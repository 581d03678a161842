"""Models: hyperparameters of every configuration, charted and in a table."""

from __future__ import annotations

from typing import Any

import pandas as pd
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

ui.in_order(row.record for row in found)

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
        figure = scatter(found, x, y, log_x=log_x, log_y=log_y, **by)
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
WORDS = ["activation", "router"]


def open_model() -> None:
    click = st.session_state["model-open"]
    ui.open_record(found[click.row].record)


def styled(shown: list[ConfigurationRow]) -> Any:
    """Numbers for people, still sorted as numbers; a value on which sources differ is marked and shaded."""
    frame = pd.DataFrame(
        [
            {
                "name": row.name,
                "configuration": row.configuration,
                "organisation": row.organisation,
                "released": row.released,
                "openness": row.openness,
                **{name: row.number(name) for name in COLUMNS},
                **{name: row.words[name] for name in WORDS},
                "described_by": row.described_by,
            }
            for row in shown
        ]
    )
    numbers = [name for name in COLUMNS if frame[name].notna().any()]
    frame = frame.drop(columns=[name for name in COLUMNS if name not in numbers]).astype(dict.fromkeys(numbers, float))
    style = frame.style.format({name: lambda v: compact(v) if pd.notna(v) else "" for name in numbers}, na_rep="")
    for name in numbers:
        for resolved, sign in ((False, "≠"), (True, "≠ resolved")):
            marked = [
                i for i, row in enumerate(shown) if row.disputed.get(name) is resolved and row.number(name) is not None
            ]
            if marked:
                style = style.format(
                    lambda v, sign=sign: f"{compact(v)} {sign}", subset=pd.IndexSlice[marked, [name]]
                ).set_properties(
                    subset=pd.IndexSlice[marked, [name]],
                    **{"background-color": "rgba(213,94,0,0.18)" if not resolved else "rgba(128,134,143,0.18)"},
                )
    return style


above = st.container()
ui.data_table(
    styled(found),
    {
        "name": st.column_config.ButtonColumn(
            "Model",
            key="model-open",
            on_click=open_model,
            type="tertiary",
            alignment="left",
            pinned=True,
            help="Click a name to open its page",
        ),
        "configuration": st.column_config.TextColumn("Size", pinned=True, width=130),
        "organisation": "Organisation",
        "released": label_of("released"),
        "openness": "Openness",
        "activation": "Activation",
        "router": "Router",
        "described_by": "Described by",
        **{
            name: st.column_config.NumberColumn(MEASURES[name].label, help=f"Unit: {MEASURES[name].unit}")
            for name in COLUMNS
        },
    },
    key="model-table",
    alt="Hyperparameters of every configuration found",
    height=620,
    on_select="rerun",
    selection_mode="multi-row",
)
with above:
    ui.compare_button([row.id for row in found], "model-table", kind="model")
st.caption(
    f"{len(found)} of {len(rows)} configurations. Shaded values: sources differ (≠), or differed and a note says which "
    "is right (≠ resolved)."
)
