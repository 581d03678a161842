"""Three axes: models set against each other by accuracy, application performance and deployment cost."""

from __future__ import annotations

from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.figures import axes, axes_charts
from moe_kb.figures.axes import Choice, Entry, in_words
from moe_kb.figures.evaluations import BENCHMARKS
from moe_kb.figures.yardsticks import COST, PERFORMANCE, SIDES, SYMBOLS, YARDSTICKS, Side
from moe_kb.kb import KnowledgeBase
from moe_kb.sizing import Setting
from moe_kb.sizing.lookup import devices
from moe_kb.sizing.precision import FORMATS

CONTEXTS = [2**power for power in range(7, 21)]
BATCHES = [2**power for power in range(11)]
PAIRS: dict[str, tuple[Side, Side]] = {
    "accuracy-cost": ("cost", "accuracy"),
    "accuracy-performance": ("performance", "accuracy"),
    "performance-cost": ("cost", "performance"),
}
WIDELY_HELD = "h100-sxm"
PROFILING = "design:cost-accuracy-performance-profiling"

kb = ui.knowledge_base()
known = ui.cached(axes.gather, kb)
named = partial(ui.source_name, kb)

ui.header(
    "Three axes",
    "Models by accuracy, application performance and deployment cost: what the records hold, and what follows from "
    "the layers by a formula.",
)
if not known.subjects:
    ui.empty("No models yet.", "Add a model as data/models/<key>.yaml.")
    st.stop()

# --- what is set against what ------------------------------------------------------------------------------------

present = [name for name in BENCHMARKS if axes.conditions(known, name)]
with st.container(horizontal=True, vertical_alignment="top", key="axes-yardsticks"):
    benchmark, condition, apart = next(iter(BENCHMARKS)), ("", "", ""), 0
    if present:
        benchmark = st.segmented_control(
            "Accuracy: benchmark",
            present,
            format_func=BENCHMARKS.get,
            required=True,
            **ui.in_address("benchmark", present[0], present),
        )
        counted = axes.conditions(known, benchmark)
        words = {in_words(found, [other for other, _ in counted]): (found, number) for found, number in counted}
        asked = st.segmented_control(
            "Setting",
            list(words),
            format_func=lambda name: f"{name} ({words[name][1]})",
            required=True,
            help="With the number of configurations. Scores of different settings are never drawn together.",
            **ui.in_address("setting", next(iter(words)), list(words)),
        )
        condition = words[asked][0]
        apart = len(words) - 1
    performance = st.selectbox(
        "Application performance",
        list(PERFORMANCE),
        format_func=lambda name: PERFORMANCE[name].title,
        width=265,
        **ui.in_address("performance", "context_length", PERFORMANCE),
    )
    cost = st.selectbox(
        "Deployment cost",
        list(COST),
        format_func=lambda name: COST[name].title,
        width=265,
        **ui.in_address("cost", "params_active", COST),
    )

needs = YARDSTICKS[performance].needs | YARDSTICKS[cost].needs
context, batch, weights, device = 4096, 1, "bf16", None
if needs:
    with st.container(horizontal=True, vertical_alignment="bottom", key="axes-setting"):
        if "context" in needs:
            context = st.selectbox(
                "Context, tokens",
                CONTEXTS,
                format_func=lambda tokens: f"{tokens:,}",
                width=150,
                **ui.in_address("context", context, CONTEXTS),
            )
        if "batch" in needs:
            batch = st.selectbox(
                "Sequences together",
                BATCHES,
                format_func=lambda number: f"{number:,}",
                width=170,
                **ui.in_address("batch", batch, BATCHES),
            )
        if "weights" in needs:
            weights = st.selectbox(
                "Weights kept in",
                list(FORMATS),
                format_func=lambda key: FORMATS[key].label,
                width=290,
                **ui.in_address("weights", weights, FORMATS),
            )
        if "device" in needs:
            by_key = {one.key: one for one in ui.cached(devices, kb, FORMATS[weights])}
            if by_key:
                first = WIDELY_HELD if WIDELY_HELD in by_key else next(iter(by_key))
                key = st.selectbox(
                    "Accelerator",
                    list(by_key),
                    format_func=lambda key: f"{by_key[key].name}, {by_key[key].arithmetic}",
                    width=290,
                    **ui.in_address("accelerator", first, by_key),
                )
                device = by_key[key]

choice = Choice(
    benchmark,
    condition,
    PERFORMANCE[performance],
    COST[cost],
    Setting(context=context, batch=batch, weights=FORMATS[weights]),
    device,
)


#: What tells one choice from another, for what is remembered.
chosen = (benchmark, condition, performance, cost, context, batch, weights, device.key if device else None)


def measured(kb: KnowledgeBase, *_: object) -> list[Entry]:
    """Every configuration under the choice."""
    return axes.entries(known, choice)


def pictured(kb: KnowledgeBase, x: Side | None, y: Side | None, *_: object) -> go.Figure:
    """Two sides against each other, or all three side by side."""
    if x and y:
        return axes_charts.against(rows, choice, x, y, named)
    return axes_charts.side_by_side(rows, choice, named)


rows = ui.cached(measured, kb, *chosen)

# --- how much of it there is -------------------------------------------------------------------------------------

lengths, domains = axes.held(known)
st.caption(
    f"Of {len(rows)} configurations, these have a value: "
    + ", ".join(f"{SIDES[side].lower()} {sum(side in row.values for row in rows)}" for side in SIDES)
    + ". The records hold little on application performance: no measured throughput, latency or price, but the "
    f"context length of {lengths} configurations and the field of use of {domains}. Rates and times here are bounds "
    "that a roofline sets, no measurements."
)
if condition[0] == axes.UNSTATED:
    st.warning(
        "The setting of these scores is not stated, so they may not be comparable with each other.",
        icon=":material/warning:",
    )

# --- pictures ----------------------------------------------------------------------------------------------------

pair = st.segmented_control(
    "Picture",
    list(PAIRS),
    format_func=lambda name: " against ".join(SIDES[side].lower() for side in reversed(PAIRS[name])).capitalize(),
    required=True,
    label_visibility="collapsed",
    **ui.in_address("picture", "accuracy-cost", PAIRS),
)
x, y = PAIRS[pair]
if axes_charts.drawable(rows, (x, y)):
    ui.chart(
        ui.cached(pictured, kb, x, y, *chosen),
        key=f"axes-{pair}",
        on_select=partial(ui.point_clicked, f"axes-{pair}"),
        alt=f"{axes_charts.name_of(y, choice)} against {axes_charts.name_of(x, choice)}, with the Pareto frontier",
    )
    st.caption(
        "On the frontier: no other ranked configuration is at least as good in both and better in one. Point at a mark "
        "for its sources; click it for the model's page. ≠ marks a value on which sources differ."
        + (f" Scores under {apart} other setting{'s' if apart > 1 else ''} are left out." if apart else "")
        + (
            " Base and tuned models stand together; the table says what the source calls each."
            if y == "accuracy"
            else ""
        )
    )
else:
    ui.empty("No configuration has both values.", "Choose another measure; below stands what each one lacks.")

st.subheader("All three side by side", anchor=False)
three = axes_charts.drawable(rows, tuple(SIDES))
if three:
    ui.chart(
        ui.cached(pictured, kb, None, None, *chosen),
        key="axes-three",
        on_select=partial(ui.point_clicked, "axes-three"),
        alt="Accuracy, application performance and deployment cost as parallel axes, a line a configuration",
    )
    st.caption("Better is up on every axis. Blue lines: no other is at least as good in all three and better in one.")
else:
    ui.empty("No configuration has all three values.", "Choose another measure; below stands what each one lacks.")

# --- tables ------------------------------------------------------------------------------------------------------


def line(row: Entry) -> dict:
    """A row of the table; where performance and cost are from the same place, it is said once."""
    cells = {
        "record": row.subject.record,
        "label": row.subject.label,
        "printed": row.values["accuracy"].row if "accuracy" in row.values else None,
        "domain": row.subject.domain,
        "frontier": [name for name, best in (("two", of_two), ("three", of_three)) if row.subject.where in best],
    }
    for side in SIDES:
        value = row.values.get(side)
        cells[side] = axes_charts.shown(value, side, choice) if value else None
        place = named(value.source, value.locator) if value else None
        cells[f"{side}-from"] = f"computed from {place}" if value and value.kind == "computed" else place
        cells[f"{side}-link"] = ui.source_url(kb, value.source) if value else None
        cells[f"{side}-note"] = value.note if value else None
    return cells


of_two = axes.frontier(rows, choice, (x, y))
of_three = axes.frontier(rows, choice, tuple(SIDES))
shown = [row for row in rows if all(side in row.values for side in (x, y))]
lacking = sorted(
    (row for row in rows if row.missing),
    key=lambda row: (len(row.missing), "accuracy" in row.missing, row.subject.label.casefold()),
)
if shown:
    st.subheader("The values", anchor=False)
    lines = sorted(map(line, shown), key=lambda one: (-(one["accuracy"] or 0), one["label"].casefold()))
    same = all(one[f"performance-{cell}"] == one[f"cost-{cell}"] for one in lines for cell in ("from", "note"))
    origins = {"accuracy": "Score", "cost": "Performance and cost"} if same else {
        "accuracy": "Score", "performance": "Performance", "cost": "Cost"
    }  # fmt: skip
    columns = {
        "printed": st.column_config.TextColumn("As printed", help="What the table of the score calls it", width=150),
        "accuracy": st.column_config.NumberColumn(BENCHMARKS[benchmark], format="%.1f", help="Score", width=80),
    }
    for side in ("performance", "cost"):
        yardstick = axes_charts.yardstick_of(side, choice)
        columns[side] = st.column_config.NumberColumn(
            yardstick.title, format=yardstick.digits, width=24 + 6 * len(yardstick.title)
        )
    columns["frontier"] = st.column_config.MultiselectColumn(
        "Frontier",
        options=["two", "three"],
        color=["blue", "green"],
        help="two: of the picture; three: of all three axes",
        width=110,
    )
    for side, origin in origins.items():
        columns[f"{side}-from"] = st.column_config.TextColumn(f"{origin} from", width=210)
        columns[f"{side}-link"] = st.column_config.LinkColumn("Link", display_text="open", width=60)
        if any(one[f"{side}-note"] for one in lines):
            columns[f"{side}-note"] = st.column_config.TextColumn(f"Note on {origin.lower()}", width=190)
    columns["domain"] = st.column_config.TextColumn("Field of use", width=90)
    ui.record_table(
        lines,
        columns,
        key=f"axes-table-{pair}",
        name="label",
        name_label="Model",
        name_width=190,
        alt="Models with their values on the three axes and the sources",
        height="content" if len(lines) <= 16 else 560,
    )
st.download_button(
    "Download CSV",
    pd.DataFrame(axes.download(rows, choice)).to_csv(index=False),
    file_name="three-axes.csv",
    mime="text/csv",
    icon=":material/download:",
    on_click="ignore",
    help="All configurations with values, sources, formulas, and what is missing",
)

if lacking:
    st.subheader(f"What is missing ({len(lacking)})", anchor=False)
    st.caption("Those that lack least come first; click a name for the record that a source could complete.")
    ui.record_table(
        [
            {"record": row.subject.record, "label": row.subject.label, "domain": row.subject.domain, **row.missing}
            for row in lacking
        ],
        {
            **{side: st.column_config.TextColumn(f"{SIDES[side]}: why not", width=270) for side in SIDES},
            "domain": st.column_config.TextColumn("Field of use", width=90),
        },
        key="axes-missing",
        name="label",
        name_label="Model",
        name_width=190,
        alt="Configurations that lack a value, with the reason",
        height="content" if len(lacking) <= 9 else 360,
    )

# --- formulas ----------------------------------------------------------------------------------------------------

with st.expander("Formulas, symbols and the accelerator's figures", icon=":material/function:"):
    st.markdown(
        f"- **Accuracy**: {BENCHMARKS[benchmark]} as the sources print it; where several do, the best source's value "
        "is drawn and the hover has the others."
    )
    for side in ("performance", "cost"):
        yardstick = axes_charts.yardstick_of(side, choice)
        if not yardstick.computed:
            st.markdown(f"- **{SIDES[side]}**: {yardstick.title}, as the sources give it.")
            continue
        st.markdown(
            f"- **{SIDES[side]}**: {yardstick.title}, computed from the layers that a configuration's source describes"
            + ("; where none does, as a source prints it." if yardstick.field else ".")
        )
        ui.latex(yardstick.formula)
        st.markdown(
            "; ".join(f"{ui.inline_latex(symbol)}: {ui.plain(SYMBOLS[symbol])}" for symbol in yardstick.symbols)
        )
    if "context" in needs:
        st.markdown(f"Here $L = {context}$; a number of the cache takes 2 bytes.")
    if "batch" in needs:
        st.markdown(f"Here $B = {batch}$.")
    if "weights" in needs:
        kept = FORMATS[weights]
        st.markdown(rf"Here $\beta$ is {ui.plain(kept.formula)} ({ui.plain(kept.source)}).")
    if device:
        st.markdown(
            f"{ui.plain(device.name)}: "
            + "; ".join(
                f"{ui.plain(claim.field.replace('_', ' '))} {ui.plain(claim.shown_with_unit)} "
                f"({ui.source_text(kb, claim.source, claim.locator)})"
                for claim in axes.device_values(kb, device)
            )
            + ". Work is divided perfectly, and sending between accelerators takes no time."
        )
    st.caption("Text model only; no multi-token-prediction layers, no vision tower; buffers not counted.")

with st.container(horizontal=True):
    if PROFILING in {f"design:{brief.key}" for brief in kb.briefs("design")}:
        ui.record_link(PROFILING, "Where the three axes are from: MoE-CAP", icon=":material/alt_route:")
    ui.page_link("size", "What each model costs, part by part", {"context": str(context), "weights": weights})
    ui.page_link("evidence", "Measured here: designs under one budget")
