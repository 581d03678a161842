"""Sizes: what configurations cost, computed from their layers alone, side by side, with a change tried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from math import gcd

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.analysis import size_tables
from moe_kb.charts import sizing as charts
from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.expressions import shown as written
from moe_kb.importing.hf import MAX_BYTES
from moe_kb.kb import KnowledgeBase
from moe_kb.sizing import Device, Setting, UnsizedError
from moe_kb.sizing.formulas import formulas
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.report import SCOPE
from moe_kb.sizing.what_if import Experts, Sized, experts_of, sized, with_experts

USUAL_DEVICE = "h200-sxm"
CONTEXTS = [2**power for power in range(7, 21)]
BATCHES = [2**power for power in range(11)]
#: Shown where nothing is asked for, as far as they are there.
FIRST = ("mixtral|8x7B", "gpt-oss|20b", "deepseek-v3|671B")
WIDTH_STEPS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32)

kb = ui.knowledge_base()
known = ui.cached(type(kb).sizable, kb)
able = [name for name, configuration in known.items() if not configuration.why]

# --- what is shown -----------------------------------------------------------------------------------------------


def chosen_configurations() -> list[str]:
    """Ids of the configurations; the address holds them (`?models=a|b,c|d`), and unknown names are reported."""

    def to_address() -> None:
        st.query_params["models"] = ui.listed(st.session_state["sized-models"])

    ui.reads("models")
    said = st.query_params.get("models")
    asked = list(dict.fromkeys(ui.unlisted(said))) if said is not None else None
    if asked is None:
        asked = [name for name in FIRST if name in able] or able[:3]
    fit = [name for name in asked if name in able]
    st.session_state["sized-models"] = fit[: ui.MOST]
    names = st.multiselect(
        "Configurations",
        able,
        format_func=lambda name: known[name].label,
        key="sized-models",
        on_change=to_address,
        max_selections=ui.MOST,
        placeholder="choose up to six",
    )
    unknown = [name for name in asked if name not in known]
    if unknown:
        st.warning(f"No configuration is called {ui.some(unknown)}: a name is model|size.", icon=":material/help:")
    if fit[ui.MOST :]:
        st.warning(f"At most {ui.MOST} are shown; left out: {ui.some(fit[ui.MOST :])}.", icon=":material/help:")
    for name in [name for name in asked if name in known and known[name].why][: ui.MOST]:
        problem = f"{ui.plain(known[name].label)} cannot be sized: {ui.plain(known[name].why)}."
        st.warning(problem, icon=":material/help:")
    return names


def chosen_setting() -> tuple[Setting, list[Device], Device | None]:
    """Context, batch, devices and precision, with the accelerators that have what is needed and the one chosen."""
    with st.grid(5, min_column_width=180):
        address = ui.in_address("context", 8192, CONTEXTS)
        context = st.select_slider("Context, tokens", CONTEXTS, format_func="{:,}".format, **address)
        batch = st.select_slider("Batch size, sequences", BATCHES, **ui.in_address("batch", 1, BATCHES))
        expert_parallel = st.number_input(
            "Expert parallelism, devices",
            min_value=1,
            max_value=4096,
            help="The routed experts of a layer are spread over so many devices",
            **ui.in_address("expert_parallel", 8, range(1, 4097)),
        )
        formats = {key: form.label for key, form in FORMATS.items()}
        weights = ui.select("Weight precision", "weights", formats, "bf16")
        devices = kb.devices(FORMATS[weights])
        by_key = {device.key: device for device in devices}
        device = None
        if by_key:
            first = USUAL_DEVICE if USUAL_DEVICE in by_key else next(iter(by_key))
            names = {key: known.name for key, known in by_key.items()}
            device = by_key[ui.select("Accelerator", "accelerator", names, first)]
    return Setting(context, batch, expert_parallel, FORMATS[weights]), devices, device


def uploaded(setting: Setting) -> list[Sized]:
    """What a config.json that the person gives describes."""
    with st.expander("Size a config.json", icon=":material/upload_file:"):
        file = st.file_uploader(
            "A config.json of the Hugging Face kind",
            type=["json"],
            max_upload_size=max(1, MAX_BYTES // 1_000_000),
            help="It is read in memory and sized; nothing is written.",
        )
        if file is None:
            return []
        try:
            read = read_config(file.getvalue(), source="upload")
            found = sized(read.architecture, setting, key=f"file:{file.file_id}", label=f"{file.name} (file)")
        except RefusedError as error:
            st.error(
                "This file is not sized, since a wrong number is worse than none:\n\n"
                + "\n".join(f"- {ui.plain(reason)}" for reason in error.reasons),
                icon=":material/block:",
            )
            return []
        except UnsizedError as error:
            st.error("\n".join(f"- {ui.plain(reason)}" for reason in error.missing), icon=":material/block:")
            return []
        st.success(f"Read as {ui.plain(', '.join(read.family.model_types))}.", icon=":material/check:")
        if read.assumed:
            taken = ", ".join(f"{field} = {written(value)}" for field, value in sorted(read.assumed.items()))
            st.caption(f"What the file leaves out was taken from the model's code: {ui.plain(taken)}.")
        return [found]


# --- what if -----------------------------------------------------------------------------------------------------


def change(configurations: Sequence[Sized]) -> tuple[Sized, Sized] | None:
    """Baseline and modified, where the person has moved a slider."""

    def other_base() -> None:
        """A change is of one configuration: the next one starts as it is."""
        for parameter in ("experts", "chosen", "width", "shared"):
            st.query_params.pop(parameter, None)
        if base := st.session_state["in-change"]:
            st.query_params["change"] = base
        else:
            st.query_params.pop("change", None)

    with st.expander("What if it had other experts?", icon=":material/tune:", expanded="change" in st.query_params):
        choices = {item.label: item for item in configurations if experts_of(item.architecture)}
        address = ui.in_address("change", None, [None, *choices])
        base = st.selectbox(
            "Configuration to modify",
            list(choices),
            index=None,
            placeholder="choose one",
            width=420,
            **{**address, "on_change": other_base, "args": ()},
        )
        if not base:
            return None
        before = choices[base]
        own, differ = experts_of(before.architecture) or (Experts(1, 1, 1, 0), False)
        wanted = wanted_experts(own)
        if differ:
            st.caption("Its layers have different experts; a change makes them alike.")
        if wanted == own:
            st.caption("Move a slider to see what it does.")
            return None
        try:
            return before, with_experts(before, wanted)
        except ValueError as error:
            st.warning(ui.plain(error), icon=":material/warning:")
            return None


def wanted_experts(own: Experts) -> Experts:
    """Sliders that start at a configuration's own experts."""
    step, piece = gcd(own.routed, 8), max(own.width // 8, 1)
    widths = sorted({*(piece * part for part in WIDTH_STEPS), own.width})

    def slider(label: str, parameter: str, value: int, allowed: range) -> int:
        return st.slider(label, allowed[0], allowed[-1], step=allowed.step, **ui.in_address(parameter, value, allowed))

    with st.grid(4, min_column_width=200):
        return Experts(
            slider("Routed experts E", "experts", own.routed, range(step, max(4 * own.routed, 16) + 1, step)),
            slider("Active experts k", "chosen", own.active, range(1, max(4 * own.active, 16) + 1)),
            st.select_slider(
                "Width of an expert F",
                widths,
                format_func=lambda n: f"{n:,}",
                **ui.in_address("width", own.width, widths),
            ),
            slider("Shared experts S", "shared", own.shared, range(max(4 * own.shared, 8) + 1)),
        )


# --- the sections ------------------------------------------------------------------------------------------------


def formula(title: str) -> None:
    """How a quantity is computed, folded away."""
    words = formulas()[title]
    with st.expander(f"How it is computed: {title.lower()}", icon=":material/function:"):
        lines = (f"| {what} | $\\displaystyle {latex}$ |" for what, latex in words.lines)
        st.markdown("\n".join(["| Of | Formula |", "|:--|:--|", *lines]))
        st.caption(words.symbols + ("." if title == "Parameters" else ". Other letters stand under parameters."))
        st.markdown(f"**Includes.** {words.counted}\n\n**Excludes.** {words.left_out}")


def sized_table(rows: Sequence[size_tables.Cells], alt: str) -> None:
    """A table of sizes, and the same to take along."""
    ui.text_table(rows, alt)
    columns = list(rows[0])
    ui.copies(kb, columns, [[row.get(name) for name in columns] for row in rows], f"size-{'-'.join(alt.split()[:2])}")


def chart(name: str, draw: Callable[[], go.Figure], alt: str, *, opens: bool = False) -> None:
    """A chart of what is shown, drawn anew when that changes."""
    about = (*(item.key for item in shown), repr(setting), device.key if device and name == "roofline" else "")

    def drawn(kb: KnowledgeBase, *_about: str) -> go.Figure:
        return draw()

    ui.chart(ui.cached(drawn, kb, name, *about), key=f"size-{name}", alt=alt, opens=opens)


def sections(shown: Sequence[Sized], devices: Sequence[Device]) -> None:
    """Parameters, operations, memory, traffic and cache."""
    st.header("Parameters", anchor=False)
    chart("parameters", partial(charts.parameters, shown), "Parameters by part, in all and of one token, stacked")
    sized_table(size_tables.parameter_rows(shown), "Parameters in the conventions in use, a column a configuration")
    formula("Parameters")
    st.header("Operations", anchor=False)
    chart("operations", partial(charts.operations, shown), "Operations of one token by part, prefill and decode")
    formula("Operations")
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Memory of the weights", anchor=False)
        chart(
            "weights",
            partial(charts.weights, shown, devices),
            "Bytes of the weights in every format, over the memory of accelerators",
            opens=True,
        )
        st.caption("The strokes at the bottom are the accelerators known; click one to choose it.")
        formula("Weight memory")
    with right:
        st.header("All-to-all", anchor=False)
        chart("traffic", partial(charts.traffic, shown), "Bytes that a token sends and gets in a layer, by devices")
        st.caption(
            "Lines: each device gets the token once; dots: once for each expert. A number of devices stands here where "
            "it divides the experts of every layer."
        )
        formula("All-to-all")
    st.header("Cache of a sequence", anchor=False)
    chart("cache", partial(charts.cache, shown), "Bytes of one sequence's cache against its tokens")
    st.caption("Numbers in 16 bits. A ring marks where a sliding window is full; the dashed line is the context.")
    sized_table(size_tables.cache_rows(shown), "KV cache per token, windows and constant state of every cache")
    formula("Cache")


def on_device(shown: Sequence[Sized], devices: Sequence[Device], device: Device) -> None:
    """The roofline of an accelerator, and how many of each hold the configurations."""
    st.header(f"Roofline on {ui.plain(device.name)}", anchor=False)
    chart(
        "roofline",
        partial(charts.roofline, shown, device),
        f"Attainable operations against intensity on {device.name}, with a prefill and a decoding step of each",
    )
    st.caption("Circles: a prefill; diamonds: a decoding step of the batch, each on as many devices as hold the model.")
    sized_table(size_tables.roofline_rows(shown, device), "What limits each pass, and its minimum time")
    formula("Roofline")
    st.header("Minimum number of devices", anchor=False)
    setting = shown[0].size.setting
    tokens = f"{setting.batch:,} × {setting.context:,} tokens"
    st.caption(f"Weights in {ui.plain(setting.weights.label)}, with the cache of {tokens}.")
    labels = [item.label for item in shown]
    ui.record_table(
        [asdict(row) | dict(zip(labels, row.devices, strict=True)) for row in size_tables.device_rows(shown, devices)],
        {
            **{label: ui.Column(label, "number") for label in labels},
            "memory": "Memory",
            "bandwidth": "Memory bandwidth",
            "peak": "Peak",
            "arithmetic": "Arithmetic",
        },
        key="size-devices",
        alt="Minimum number of every accelerator that holds each configuration",
        name_label="Accelerator",
    )
    st.caption("Click a name to choose that accelerator; what the sources say of the chosen one stands below.")
    with st.expander(f"Datasheet values of {ui.plain(device.name)}", icon=":material/fact_check:"):
        ui.claims_table(kb, kb.claims(f"accelerator:{device.key}"), key=f"size-claims-{device.key}")
    formula("Minimum number of devices")


ui.header("Size", f"Estimated cost of a model, computed from its layers alone. Scope: {SCOPE}.")
names = chosen_configurations()
setting, devices, device = chosen_setting()
shown = [
    sized(layers, setting, key=name, label=known[name].label, record=known[name].record)
    for name in names
    if (layers := known[name].architecture)
]
shown += uploaded(setting)
changed = change(shown)
if not shown:
    ui.empty("No configuration is chosen.", "Choose one above, or give a config.json.")
    st.stop()
if changed:
    baseline, modified = changed
    shown.insert(shown.index(baseline) + 1, modified)
    st.header(f"What the change does to {ui.plain(baseline.label)}", anchor=False)
    sized_table(size_tables.change_rows(baseline, modified, device), "Baseline and modified, a row for each quantity")
with st.container(horizontal=True, gap="small"):
    for record, label in dict.fromkeys((item.record, item.label) for item in shown if item.record):
        ui.record_link(record, label, icon=":material/deployed_code:", help="Its page, with every value's source")
sections(shown, devices)
if device is None:
    ui.empty("No accelerator has all values needed.", "Add one as data/accelerators/<key>.yaml.")
    st.stop()
on_device(shown, devices, device)
unable = [configuration for configuration in known.values() if configuration.why]
with st.expander(f"{len(unable)} configurations that cannot be sized, and why", icon=":material/block:"):
    ui.value_table(
        [{"configuration": configuration.label, "why": configuration.why} for configuration in unable],
        {"configuration": "Configuration", "why": ui.Column("Why", width=500)},
        key="size-unable",
        alt="Configurations that cannot be sized",
    )
