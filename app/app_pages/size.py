"""Sizes: what serves configurations, and what they cost, computed from their layers alone, with a change tried out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from math import gcd

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.analysis import size_tables
from moe_kb.analysis.deployments import Answer, Quantity, answers, deployment_rows, quantities
from moe_kb.charts import sizing as charts
from moe_kb.format import bytes_text
from moe_kb.importing import Imported, RefusedError, read_config
from moe_kb.importing.carried import CarriedError, pack, unpack
from moe_kb.importing.expressions import shown as written
from moe_kb.importing.hf import MAX_BYTES
from moe_kb.kb import KnowledgeBase
from moe_kb.sizing import Device, Setting, UnsizedError
from moe_kb.sizing.cache import CACHE_FORMATS
from moe_kb.sizing.deployment import Plan
from moe_kb.sizing.formulas import formulas
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.report import SCOPE
from moe_kb.sizing.storage import AS_RELEASED
from moe_kb.sizing.what_if import Experts, Sized, experts_of, sized, with_experts

USUAL_DEVICE = "h200-sxm"
CONTEXTS = [2**power for power in range(7, 21)]
BATCHES = [2**power for power in range(11)]
NODES = (1, 2, 4, 8, 16, 32, 64, 72)
#: Files that an address carries at once.
MOST_FILES = 6
#: Shown where nothing is asked for, as far as they are there.
FIRST = ("deepseek-v3|671B", "qwen3|235B-A22B", "gpt-oss|120b")
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
        problem = (
            f"{ui.plain(known[name].label)} cannot be sized: {ui.plain(known[name].why)}. "
            "If you have its config.json, drop it below: *Size a config.json*."
        )
        st.warning(problem, icon=":material/help:")
    return names


def chosen_setting() -> tuple[Setting, Plan, list[Device], Device | None]:
    """What is asked, with the accelerators that have what is needed and the one chosen."""
    with st.grid(5, min_column_width=180):
        formats = {AS_RELEASED: "as released", **{key: form.label for key, form in FORMATS.items()}}
        weights = FORMATS.get(st.query_params.get("weights", ""))
        devices = kb.devices(weights)
        by_key = {device.key: device for device in devices}
        device = None
        if by_key:
            first = USUAL_DEVICE if USUAL_DEVICE in by_key else next(iter(by_key))
            names = {key: known.name for key, known in by_key.items()}
            device = by_key[ui.select("Accelerator", "accelerator", names, first)]
        ui.select(
            "Weight format",
            "weights",
            formats,
            AS_RELEASED,
            help="As released: each configuration in the format of its own checkpoint, scales and exceptions counted",
        )
        cached = {key: name for key, (_, name) in CACHE_FORMATS.items()}
        kept = ui.select("KV cache", "cache", cached, "bf16", help="Bits of a number of keys, values and latents")
        address = ui.in_address("context", 8192, CONTEXTS)
        context = st.select_slider("Context length, tokens", CONTEXTS, format_func="{:,}".format, **address)
        batch = st.select_slider(
            "Batch size, sequences",
            BATCHES,
            help="Sequences decoded at once, each of the context length",
            **ui.in_address("batch", 1, BATCHES),
        )
    expert_parallel, plan = chosen_plan()
    return Setting(context, batch, expert_parallel, weights, CACHE_FORMATS[kept][0]), plan, devices, device


def chosen_plan() -> tuple[int, Plan]:
    """Devices of the all-to-all, and what a deployment is asked for besides the setting."""
    more = st.expander("Prompt, reserve, node, price, expert parallelism", icon=":material/tune:")
    with more, st.grid(5, min_column_width=170):
        address = ui.in_address("prompt", 2048, CONTEXTS)
        prompt = st.select_slider(
            "Prompt length, tokens",
            CONTEXTS,
            format_func="{:,}".format,
            help="Of the time to the first token",
            **address,
        )
        reserve = st.slider(
            "Memory reserve, %",
            0,
            50,
            help="Share of every device's memory that is kept free: activations, buffers, fragmentation",
            **ui.in_address("reserve", 10, range(51)),
        )
        node = ui.select("Devices of a node", "node", NODES, 8, help="Joined by the accelerator's own links")
        typed = st.text_input(
            "Price of a device and hour",
            placeholder="e.g. 2.50",
            help="In any currency; the price of a million tokens follows",
            **ui.in_address("price", ""),
        )
        expert_parallel = st.number_input(
            "Expert parallelism (EP)",
            min_value=1,
            max_value=4096,
            help="Devices over which the all-to-all below spreads the routed experts of a layer",
            **ui.in_address("expert_parallel", 8, range(1, 4097)),
        )
        price = price_of(typed or "")
    if typed and price is None:
        more.caption(f":red[{ui.plain(typed[:20])} is no price: write a number like 2.50.]")
    return int(expert_parallel), Plan(prompt, Fraction(reserve, 100), node, price)


def price_of(text: str) -> float | None:
    """The number that a person types as a price, with a point or a comma."""
    text = text.strip().replace(",", ".")
    return float(text) if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,4})?", text) else None


# --- files -------------------------------------------------------------------------------------------------------


def take_files() -> None:
    """Put the files that were dropped into the address, and what keeps one from it into the session."""
    state = st.session_state
    words, refused, visit = st.query_params.get_all("config"), [], state.setdefault("size-visit", {})
    for file in state[f"size-files-{state.get('size-drops', 0)}"] or []:
        content = file.getvalue()
        try:
            word = pack(content, file.name)
            words = words if word in words else [*words, word]
        except CarriedError as error:
            visit[file.name] = content
            refused.append((file.name, [str(error)], ()))
        except RefusedError as error:
            refused.append((file.name, list(error.reasons), error.known))
    st.query_params["config"] = words[:MOST_FILES]
    if words[MOST_FILES:]:
        refused.append(("The address", [f"carries at most {MOST_FILES} files; remove one first"], ()))
    state["size-refused"] = refused
    state["size-drops"] = state.get("size-drops", 0) + 1  # an uploader of a new key is empty


def drop_file(name: str, word: str | None) -> None:
    """Take a file out of the address, or out of the visit."""
    if word is None:
        st.session_state["size-visit"].pop(name, None)
    else:
        st.query_params["config"] = [other for other in st.query_params.get_all("config") if other != word]


def uploaded(setting: Setting) -> list[Sized]:
    """What the files describe that the address carries, or that were given in this visit."""
    ui.reads("config")
    words = list(dict.fromkeys(filter(None, st.query_params.get_all("config"))))[:MOST_FILES]
    visit: dict[str, bytes] = st.session_state.get("size-visit", {})
    refused = st.session_state.pop("size-refused", [])
    found: list[tuple[str, str | None, Imported]] = []
    with st.expander("Size a config.json", icon=":material/upload_file:", expanded=bool(words or visit or refused)):
        st.file_uploader(
            "config.json files of the Hugging Face kind",
            type=["json"],
            accept_multiple_files=True,
            max_upload_size=max(1, MAX_BYTES // 1_000_000),
            help="What is read of a file goes into the address, so the link opens with it anywhere. Nothing is stored.",
            key=f"size-files-{st.session_state.get('size-drops', 0)}",
            on_change=take_files,
        )
        for name, reasons, known in refused:
            not_read(name, reasons, known)
        for word in words:
            try:
                found.append((*(opened := unpack(word))[:1], word, opened[1]))
            except CarriedError as error:
                not_read("A file of this link", [str(error)])
            except RefusedError as error:
                not_read("A file of this link", list(error.reasons))
        found += [(name, None, read_config(content, source="upload")) for name, content in visit.items()]
        names = Counter(name for name, _, _ in found)
        out = []
        for number, (name, word, read) in enumerate(found, start=1):
            label = f"{name} (file)" if names[name] == 1 else f"{name} (file {number})"
            try:
                out.append(sized(read.architecture, setting, key=f"file:{word or name}", label=label))
            except UnsizedError as error:
                not_read(name, list(error.missing))
            read_line(name, word, read)
    return out


def not_read(name: str, reasons: Sequence[str], known: Sequence[str] = ()) -> None:
    """Say why a file is not sized; the types that are known are folded away."""
    first, *rest = reasons
    more = "".join(f"\n- {ui.plain(reason)}" for reason in rest)
    lines = f"\n- {ui.plain(first)}{more}" if rest else f" {ui.plain(first)}"
    st.error(f"{ui.plain(name)} is not sized:{lines}", icon=":material/block:")
    if known:
        with st.popover(f"The {len(known)} types that are known", icon=":material/list:"):
            st.caption(ui.plain(", ".join(known)))


def read_line(name: str, word: str | None, read: Imported) -> None:
    """How a file was read, with a button that takes it away."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        taken = ", ".join(f"{field} = {written(value)}" for field, value in sorted(read.assumed.items()))
        assumed = f" What it leaves out was taken from the model's code: {ui.plain(taken)}." if taken else ""
        kept = "The address carries it." if word else "Too large for an address: for this visit only."
        types = ui.plain(", ".join(read.family.model_types))
        st.markdown(f"**{ui.plain(name)}** read as {types}. {kept}{assumed}", width="stretch")
        st.button(
            "Remove", key=f"size-drop-{word or name}", icon=":material/close:", on_click=drop_file, args=(name, word)
        )


# --- what to use -------------------------------------------------------------------------------------------------


def what_to_use(shown: Sequence[Sized], device: Device, plan: Plan) -> None:
    """The answer: a card a configuration, the memory of a device, and every number with what it means."""
    st.header(f"What serves it on {ui.plain(device.name)}", anchor=False)
    found = answers(shown, device, plan)
    setting = shown[0].size.setting
    asked = quantities(setting.context, setting.batch, plan)
    with st.grid(3, min_column_width=300):
        for answer in found:
            card(answer, [quantity for quantity in asked if quantity.short])
    if any(answer.found for answer in found):
        chart(
            "deployment",
            partial(charts.deployment, found),
            "Memory of one device: weights, what is left for the KV cache, and the reserve",
            about=repr(plan),
        )
    st.caption(
        "Rates and times are bounds from a roofline, no measurements: real systems stay below. Point at a question "
        "mark for what a number means; the formulas stand below the table."
    )
    with st.expander("Every number, to compare and to take along", icon=":material/table:", expanded=len(shown) > 1):
        sized_table(deployment_rows(found, asked), "Deployment of each configuration, a row for each quantity")
    formula("Deployment")


def card(answer: Answer, asked: Sequence[Quantity]) -> None:
    """What serves one configuration, in a few numbers."""
    with st.container(border=True):
        sized, deployment = answer.sized, answer.found
        st.markdown(f"**{ui.plain(sized.label)}**")
        if deployment is None:
            st.warning(ui.plain(answer.why), icon=":material/block:")
            return
        first, *rest = asked
        st.metric(first.short, first.cell(sized, deployment), help=first.help)
        stored = sized.size.stored
        size_of_all = bytes_text(float(stored.total))
        st.caption(
            ui.plain(
                f"{size_of_all} of weights in {stored.label}."
                + (f" {stored.rest.capitalize()}." if stored.rest else "")
            )
        )
        if stored.assumed:
            st.caption(f":orange-badge[:material/help: assumed] {ui.plain(stored.assumed)}.")
        with st.grid(2, min_column_width=130):
            for quantity in rest:
                st.metric(quantity.short, quantity.cell(sized, deployment), help=f"{quantity.name}. {quantity.help}")


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


def chart(name: str, draw: Callable[[], go.Figure], alt: str, *, opens: bool = False, about: str = "") -> None:
    """A chart of what is shown (and of what it is `about` besides), drawn anew when that changes."""
    on = device.key if device and name in ("roofline", "deployment") else ""
    identity = (*(item.key for item in shown), repr(setting), on, about)

    def drawn(kb: KnowledgeBase, *_identity: str) -> go.Figure:
        return draw()

    ui.chart(ui.cached(drawn, kb, name, *identity), key=f"size-{name}", alt=alt, opens=opens)


def parameters(shown: Sequence[Sized]) -> None:
    """Parameters in every convention."""
    st.header("Parameters", anchor=False)
    panels = {"total": "All parameters", "active": "Parameters of one token"}
    for place, (field, title) in zip(st.columns(2, gap="medium"), panels.items(), strict=True):
        with place:  # on a phone one stands under the other
            st.markdown(f"**{title}**")
            chart(f"parameters-{field}", partial(charts.parameters, shown, field), f"{title} by part, stacked")
    sized_table(size_tables.parameter_rows(shown), "Parameters in the conventions in use, a column a configuration")
    formula("Parameters")


def operations(shown: Sequence[Sized]) -> None:
    """Operations of a token."""
    st.header("Operations", anchor=False)
    context = shown[0].size.setting.context
    panels = {"prefill": f"Prefill of {context:,} tokens, mean", "decode": f"Decode, the last of {context:,}"}
    for place, (phase, title) in zip(st.columns(2, gap="medium"), panels.items(), strict=True):
        with place:
            st.markdown(f"**{title}**")
            alt = f"Operations of one token by part, stacked. {title}"
            chart(f"operations-{phase}", partial(charts.operations, shown, phase), alt)
    formula("Operations")


def memory_and_traffic(shown: Sequence[Sized], devices: Sequence[Device]) -> None:
    """Bytes of the weights, and what is sent between devices."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Memory of the weights", anchor=False)
        chart(
            "weights",
            partial(charts.weights, shown, devices),
            "Bytes of the weights as released and in every format, over the memory of accelerators",
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


def caches(shown: Sequence[Sized]) -> None:
    """What is kept of a sequence."""
    st.header("Cache of a sequence", anchor=False)
    chart("cache", partial(charts.cache, shown), "Bytes of one sequence's cache against its tokens")
    bits = CACHE_FORMATS["bf16" if shown[0].size.setting.cache_bytes == 2 else "fp8"][1]
    st.caption(
        f"KV cache ({bits}); constant states in 16 bits. A ring marks where a sliding window is full; the dashed line "
        "is the context."
    )
    sized_table(size_tables.cache_rows(shown), "KV cache per token, windows and constant state of every cache")
    formula("Cache")


def on_device(shown: Sequence[Sized], device: Device) -> None:
    """The roofline of an accelerator."""
    st.header(f"Roofline on {ui.plain(device.name)}", anchor=False)
    chart(
        "roofline",
        partial(charts.roofline, shown, device),
        f"Attainable operations against intensity on {device.name}, with a prefill and a decoding step of each",
    )
    st.caption("Circles: a prefill; diamonds: a decoding step of the batch, each on as many devices as hold the model.")
    sized_table(size_tables.roofline_rows(shown, device), "What limits each pass, and its minimum time")
    formula("Roofline")


def every_device(shown: Sequence[Sized], devices: Sequence[Device], device: Device) -> None:
    """How many of each accelerator hold the configurations."""
    st.header("Minimum number of devices", anchor=False)
    setting = shown[0].size.setting
    format_of = ui.plain(setting.weights.label) if setting.weights else "the format of each release"
    st.caption(
        f"Weights in {format_of}, with the cache of {setting.batch:,} × {setting.context:,} tokens, divided as finely "
        "as needed and without a reserve; what divides evenly stands at the top."
    )
    labels = [item.label for item in shown]
    ui.record_table(
        [asdict(row) | dict(zip(labels, row.devices, strict=True)) for row in size_tables.device_rows(shown, devices)],
        {
            **{label: ui.Column(label, "number") for label in labels},
            "memory": ui.Column("Memory, GB", "number", digits=",.4g"),
            "bandwidth": ui.Column("Memory bandwidth, TB/s", "number", digits=",.4g"),
            "peak": ui.Column("Peak, TFLOP/s", "number", digits=",.0f"),
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


def unsized() -> None:
    """The configurations that cannot be sized."""
    unable = [configuration for configuration in known.values() if configuration.why]
    with st.expander(f"{len(unable)} configurations that cannot be sized, and why", icon=":material/block:"):
        ui.value_table(
            [{"configuration": configuration.label, "why": configuration.why} for configuration in unable],
            {"configuration": "Configuration", "why": ui.Column("Why", width=500)},
            key="size-unable",
            alt="Configurations that cannot be sized",
        )


ui.header("Size", f"What serves a model, and what it costs: computed from its layers alone. Scope: {SCOPE}.")
names = chosen_configurations()
setting, plan, devices, device = chosen_setting()
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
if device is not None:
    what_to_use(shown, device, plan)
with st.container(horizontal=True, gap="small"):
    for record, label in dict.fromkeys((item.record, item.label) for item in shown if item.record):
        ui.record_link(record, label, icon=":material/deployed_code:", help="Its page, with every value's source")
ui.below(partial(parameters, shown), key="size-parameters", height=700)
ui.below(partial(operations, shown), key="size-operations", height=420)
ui.below(partial(memory_and_traffic, shown, devices), key="size-memory", height=560)
ui.below(partial(caches, shown), key="size-cache", height=720)
if device is None:
    ui.empty("No accelerator has all values needed.", "Add one as data/accelerators/<key>.yaml.")
    st.stop()
ui.below(partial(on_device, shown, device), key="size-roofline", height=820)
ui.below(partial(every_device, shown, devices, device), key="size-devices", height=900)
unsized()
