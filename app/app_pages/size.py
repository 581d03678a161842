"""Sizes: what configurations cost, computed from their layers alone, side by side, with a change tried out."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.figures import sizing, sizing_charts
from moe_kb.figures.formulas import FORMULAS
from moe_kb.figures.sizing import Experts
from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.hf import MAX_BYTES
from moe_kb.kb import KnowledgeBase
from moe_kb.sizing import Setting, UnsizedError
from moe_kb.sizing.lookup import devices
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.report import SCOPE

MOST = 5
CONTEXTS = [2**power for power in range(7, 21)]
BATCHES = [2**power for power in range(11)]

kb = ui.knowledge_base()
entries = ui.cached(sizing.entries, kb)
able = [name for name, entry in entries.items() if not entry.why]
unable = [entry for entry in entries.values() if entry.why]

ui.header("Size", f"What a model costs, computed from its layers alone. Scope: {SCOPE}.")

# --- what is shown -----------------------------------------------------------------------------------------------


def to_address() -> None:
    st.query_params["models"] = ",".join(st.session_state["sized-models"])


said = st.query_params.get("models")
asked = [name for name in said.split(",") if name] if said is not None else sizing.first_shown(entries)
st.session_state["sized-models"] = list(dict.fromkeys(name for name in asked if name in able))[:MOST]
names = st.multiselect(
    "Configurations",
    able,
    format_func=lambda name: entries[name].label,
    key="sized-models",
    on_change=to_address,
    max_selections=MOST,
    placeholder="choose up to five",
)
for name in asked:
    if name not in entries:
        st.warning(f"No configuration is called {ui.plain(name)}: a name is model|size.", icon=":material/help:")
    elif entries[name].why:
        st.warning(
            f"{ui.plain(entries[name].label)} cannot be sized: {ui.plain(entries[name].why)}.", icon=":material/help:"
        )

with st.grid(5, min_column_width=180):
    context = st.select_slider(
        "Context, tokens", CONTEXTS, format_func=lambda n: f"{n:,}", **ui.in_address("context", 8192, CONTEXTS)
    )
    batch = st.select_slider("Batch, sequences", BATCHES, **ui.in_address("batch", 1, BATCHES))
    expert_parallel = st.number_input(
        "Devices for each layer's experts",
        min_value=1,
        max_value=4096,
        help="Expert-parallel expert_parallel: the routed experts of a layer are spread over so many devices",
        **ui.in_address("expert_parallel", 8, range(1, 4097)),
    )
    kept = st.selectbox(
        "Weights kept in",
        list(FORMATS),
        format_func=lambda key: FORMATS[key].label,
        **ui.in_address("weights", "bf16", FORMATS),
    )
    known = devices(kb, FORMATS[kept])
    by_key = {device.key: device for device in known}
    device = None
    if by_key:
        first = "h200-sxm" if "h200-sxm" in by_key else next(iter(by_key))
        device = by_key[
            st.selectbox(
                "Accelerator",
                list(by_key),
                format_func=lambda key: by_key[key].name,
                **ui.in_address("accelerator", first, by_key),
            )
        ]
setting = Setting(context, batch, expert_parallel, FORMATS[kept])
shown = [sizing.of_entry(entries[name], setting) for name in names]

with st.expander("Size a config.json", icon=":material/upload_file:"):
    file = st.file_uploader(
        "A config.json of the Hugging Face kind",
        type=["json"],
        max_upload_size=max(1, MAX_BYTES // 1_000_000),
        help="It is read in memory and sized; nothing is written.",
    )
    if file is not None:
        try:
            read = read_config(file.getvalue(), source="upload")
            shown.append(sizing.of_file(file.name, file.file_id, read.architecture, setting))
        except RefusedError as error:
            st.error(
                "This file is not sized, since a wrong number is worse than none:\n\n"
                + "\n".join(f"- {ui.plain(reason)}" for reason in error.reasons),
                icon=":material/block:",
            )
        except UnsizedError as error:
            st.error("\n".join(f"- {ui.plain(reason)}" for reason in error.missing), icon=":material/block:")
        else:
            st.success(f"Read as {ui.plain(', '.join(read.family.model_types))}.", icon=":material/check:")
            if read.assumed:
                taken = ", ".join(f"{field} = {value}" for field, value in sorted(read.assumed.items()))
                st.caption(f"What the file leaves out was taken from the model's code: {ui.plain(taken)}.")


def other_base() -> None:
    """A change is told for one configuration: the next one starts as it is."""
    for parameter in ("experts", "chosen", "width", "shared"):
        st.query_params.pop(parameter, None)
    base = st.session_state["in-change"]
    if base:
        st.query_params["change"] = base
    else:
        st.query_params.pop("change", None)


before = after = None
with st.expander("What if it had other experts?", icon=":material/tune:", expanded="change" in st.query_params):
    choices = [one.label for one in shown if sizing.experts_of(one.architecture)]
    address = ui.in_address("change", None, [None, *choices])
    base = st.selectbox(
        "Configuration to change",
        choices,
        index=None,
        placeholder="choose one",
        width=420,
        **{**address, "on_change": other_base, "args": ()},
    )
    if base:
        before = next(one for one in shown if one.label == base)
        own, differ = sizing.experts_of(before.architecture) or (Experts(1, 1, 1, 0), False)
        step, piece = gcd(own.routed, 8), max(own.width // 8, 1)
        with st.grid(4, min_column_width=200):
            routed = st.slider(
                "Routed experts E",
                step,
                max(4 * own.routed, 16),
                step=step,
                **ui.in_address("experts", own.routed, range(step, max(4 * own.routed, 16) + 1, step)),
            )
            most = max(4 * own.chosen, 16)
            chosen = st.slider(
                "Chosen for a token, k", 1, most, **ui.in_address("chosen", own.chosen, range(1, most + 1))
            )
            widths = sorted({*(piece * part for part in (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32)), own.width})
            width = st.select_slider(
                "Width of an expert, F",
                widths,
                format_func=lambda n: f"{n:,}",
                **ui.in_address("width", own.width, widths),
            )
            most = max(4 * own.shared, 8)
            shared = st.slider("Shared experts S", 0, most, **ui.in_address("shared", own.shared, range(most + 1)))
        if differ:
            st.caption("Its layers have different experts; a change makes them alike.")
        wanted = Experts(routed, chosen, width, shared)
        if wanted != own:
            try:
                after = sizing.with_experts(before, wanted)
            except ValueError as error:
                st.warning(ui.plain(error), icon=":material/warning:")
        else:
            st.caption("Move a slider to see what it does.")

if not shown:
    ui.empty("No configuration is chosen.", "Choose one above, or give a config.json.")
    st.stop()
if before and after:
    shown.insert(shown.index(before) + 1, after)
    st.subheader(f"What the change does to {ui.plain(before.label)}", anchor=False)
    st.table(
        [{key: ui.plain(value) for key, value in row.items()} for row in sizing.change_rows(before, after, device)],
        border="horizontal",
        hide_index=True,
        alt="The configuration as it is and changed, a row for each quantity",
    )


def formula(title: str) -> None:
    """How a quantity is computed, folded away."""
    told = FORMULAS[title]
    with st.expander(f"How it is computed: {title.lower()}", icon=":material/function:"):
        lines = (f"| {what} | $\\displaystyle {latex}$ |" for what, latex in told.lines)
        st.markdown("\n".join(["| Of | Formula |", "|:--|:--|", *lines]))
        st.caption(told.symbols + ("." if title == "Parameters" else ". Other letters stand under parameters."))
        st.markdown(f"**Counted.** {told.counted}\n\n**Left out.** {told.left_out}")


def drawn(kb: KnowledgeBase, name: str, *_told: str) -> go.Figure:
    """A chart of what is shown, drawn anew when that changes."""
    charts = {
        "parameters": lambda: sizing_charts.parameters(shown),
        "operations": lambda: sizing_charts.operations(shown),
        "weights": lambda: sizing_charts.weights(shown, known),
        "traffic": lambda: sizing_charts.traffic(shown),
        "cache": lambda: sizing_charts.cache(shown),
        "roofline": lambda: sizing_charts.roofline(shown, device),
    }
    return charts[name]()


def chart(name: str, alt: str, on_select: Callable[[], None] | None = None) -> None:
    told = (*(one.key for one in shown), repr(setting), device.key if name == "roofline" else "")
    ui.chart(ui.cached(drawn, kb, name, *told), key=f"size-{name}", alt=alt, on_select=on_select)


def table(rows: list[dict[str, str]], alt: str) -> None:
    st.table(
        [{ui.plain(key): ui.plain(value) for key, value in row.items()} for row in rows],
        border="horizontal",
        hide_index=True,
        alt=alt,
    )


with st.container(horizontal=True, gap="small"):
    for record, label in dict.fromkeys((one.record, one.label) for one in shown if one.record):
        ui.record_link(record, label, icon=":material/deployed_code:", help="Its page, with every value's source")

st.subheader("Parameters", anchor=False)
chart("parameters", alt="Parameters by part, in all and of one token, stacked")
table(sizing.parameter_rows(shown), "Parameters in the conventions in use, a column a configuration")
formula("Parameters")

st.subheader("Operations", anchor=False)
chart("operations", alt="Operations of one token by part, prefill and decode")
formula("Operations")

left, right = st.columns(2, gap="medium")
with left:
    st.subheader("Memory of the weights", anchor=False)
    chart(
        "weights",
        on_select=lambda: ui.point_clicked("size-weights"),
        alt="Bytes of the weights in every format, over the memory of accelerators",
    )
    st.caption("The strokes at the bottom are the accelerators known; click one to choose it.")
    formula("Weight memory")
with right:
    st.subheader("All-to-all", anchor=False)
    chart(
        "traffic",
        alt="Bytes that a token sends and gets in a layer, by the number of devices",
    )
    st.caption(
        "Lines: each device gets the token once; dots: once for each expert. A number of devices stands here where "
        "it divides the experts of every layer."
    )
    formula("All-to-all")

st.subheader("Cache of a sequence", anchor=False)
chart("cache", alt="Bytes of one sequence's cache against its tokens")
st.caption("Numbers in 16 bits. A ring marks where a sliding window is full; the dashed line is the chosen context.")
table(sizing.cache_rows(shown), "Slope, windows and fixed state of every cache")
formula("Cache")

if device is None:
    ui.empty("No accelerator has all figures needed.", "Add one as data/accelerators/<key>.yaml.")
    st.stop()
st.subheader(f"Roofline on {ui.plain(device.name)}", anchor=False)
chart(
    "roofline",
    alt=f"Attainable operations against intensity on {device.name}, with a prefill and a decoding step of each",
)
st.caption("Circles: a prefill; diamonds: a decoding step of the batch, each on as many devices as hold the model.")
table(sizing.roofline_rows(shown, device), "What limits each pass, and its least time")
formula("Roofline")

st.subheader("Fewest devices that hold it", anchor=False)
st.caption(f"Weights in {ui.plain(setting.weights.label)} with the cache of {batch:,} × {context:,} tokens.")
ui.record_table(
    sizing.device_rows(shown, known),
    {
        **{one.label: st.column_config.NumberColumn(one.label, format="localized") for one in shown},
        "memory": "Memory",
        "bandwidth": "Rate of memory",
        "peak": "Peak",
        "arithmetic": "Arithmetic",
    },
    key="size-devices",
    alt="Fewest of every accelerator that hold each configuration",
    name_label="Accelerator",
)
st.caption("Click a name to choose that accelerator; what the sources say of the chosen one stands below.")
with st.expander(f"Figures of {ui.plain(device.name)} and their sources", icon=":material/fact_check:"):
    ui.claims_table(kb, kb.claims(f"accelerator:{device.key}"), key=f"size-claims-{device.key}")
formula("Fewest devices")

with st.expander(f"{len(unable)} configurations that cannot be sized, and why", icon=":material/block:"):
    st.dataframe(
        [{"configuration": entry.label, "why": entry.why} for entry in unable],
        hide_index=True,
        placeholder="",
        alt="Configurations that cannot be sized",
        column_config={
            "configuration": st.column_config.TextColumn("Configuration", width=240),
            "why": st.column_config.TextColumn("Why", width=700),
        },
    )
