"""Trade-offs: models by quality, speed and cost, with the Pareto frontier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.analysis.metrics import COST, METRICS, PERFORMANCE, SIDES, SYMBOLS, Side
from moe_kb.analysis.trade_offs import WIDELY_HELD, Entry, TradeOffs, conditions, in_words
from moe_kb.charts import trade_offs as charts
from moe_kb.fields import BENCHMARKS, label_of
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.measurements import UNSTATED, Measurements
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.storage import AS_RELEASED, WEIGHTS

CONTEXTS = [2**power for power in range(7, 21)]
BATCHES = [2**power for power in range(11)]
PAIRS: dict[str, tuple[Side, Side]] = {
    "accuracy-cost": ("cost", "accuracy"),
    "accuracy-performance": ("performance", "accuracy"),
    "performance-cost": ("cost", "performance"),
}
#: Precisions that checkpoints are multiplied in, as far as a device has them.
RELEASED_PEAKS = {"bf16", "fp8", "fp4"}
PROFILING = "design:cost-accuracy-performance-profiling"


def metrics_asked(held: Measurements) -> dict[str, Any]:
    """Widgets for the benchmark with its setting, and for the metrics of performance and cost."""
    asked: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="top", key="trade-offs-metrics"):
        if held.benchmarks:
            asked["benchmark"] = ui.segmented("Accuracy: benchmark", "benchmark", held.benchmarks, names=label_of)
            counted = conditions(held, asked["benchmark"])
            settings = {in_words(condition, counted): number for condition, number in counted.items()}
            asked["setting"] = ui.segmented(
                "Setting",
                "setting",
                {name: f"{name} ({number})" for name, number in settings.items()},
                help="With the number of configurations. Scores of different settings are never drawn together.",
            )
        for name, label, metrics, usual in (
            ("performance", SIDES["performance"], PERFORMANCE, "context_length"),
            ("cost", SIDES["cost"], COST, "params_active"),
        ):
            asked[name] = ui.select(label, name, metrics, usual, names=lambda key: METRICS[key].title, width=265)
    return asked


def setting_asked(kb: KnowledgeBase, needs: frozenset[str]) -> dict[str, Any]:
    """Widgets for what the metrics depend on, and for nothing else."""
    asked: dict[str, Any] = {}
    if not needs:
        return asked
    with st.container(horizontal=True, vertical_alignment="bottom", key="trade-offs-setting"):
        for name, label, options, usual in (
            ("context", "Context, tokens", CONTEXTS, 4096),
            ("batch", "Batch size", BATCHES, 1),
        ):
            if name in needs:
                asked[name] = ui.select(label, name, options, usual, names="{:,}".format, width=170)
        if "weights" in needs:
            formats = {AS_RELEASED: "as released", **{key: form.label for key, form in FORMATS.items()}}
            asked["weights"] = ui.select("Weight format", "weights", formats, AS_RELEASED, width=290)
        if "device" in needs:
            devices = ui.cached(type(kb).devices, kb, WEIGHTS[asked["weights"]])
            # As released, each configuration is multiplied in the arithmetic of its own weights.
            own = asked["weights"] == AS_RELEASED
            by_key = {device.key: device.name + ("" if own else f", {device.arithmetic}") for device in devices}
            if by_key:
                usual_key = WIDELY_HELD if WIDELY_HELD in by_key else next(iter(by_key))
                asked["accelerator"] = ui.select("Accelerator", "accelerator", by_key, usual_key, width=290)
    return asked


def figure(kb: KnowledgeBase, x: Side, y: Side, **asked: Any) -> go.Figure:
    """Two sides against each other."""
    return charts.against(ui.cached(type(kb).tradeoffs, kb, **asked), x, y, partial(ui.source_name, kb))


def coverage(held: Measurements, found: TradeOffs) -> None:
    """How many configurations have each value."""
    lengths = sum("context_length" in recorded for recorded in held.recorded.values())
    domains = sum(subject.domain is not None for subject in held.subjects)
    st.caption(
        f"Of {len(found.entries)} models and configurations, these have a value: "
        + ", ".join(f"{label.lower()} {len(found.having((side,)))}" for side, label in SIDES.items())
        + ". Of application performance there are "
        f"the context length of {lengths} configurations and the field of use of {domains}; measured throughput, "
        "latency and price are no metrics here. Rates and times are bounds that a roofline sets, no measurements."
    )
    if found.choice.condition.setting == UNSTATED:
        why = "The setting of these scores is not reported, so they may not be comparable with each other."
        st.warning(why, icon=":material/warning:")


def show_charts(kb: KnowledgeBase, found: TradeOffs, asked: dict[str, Any]) -> tuple[Side, Side]:
    """The chart of two sides that is asked for, whose marks open their models; returns the two sides."""
    pairs = {name: f"{SIDES[y]} against {SIDES[x].lower()}" for name, (x, y) in PAIRS.items()}
    pair = ui.segmented("Chart", "picture", pairs, bare=True)
    x, y = PAIRS[pair]
    title, excluded = found.choice.title, found.excluded_settings
    if found.having((x, y)):
        alt = f"{title(y)} against {title(x)}, with the Pareto frontier"
        ui.chart(ui.cached(figure, kb, x, y, **asked), key=f"trade-offs-{pair}", alt=alt, opens=True)
        st.caption(
            "On the frontier: no other ranked configuration is at least as good in both and better in one. Point at a "
            "mark for its sources; click it for the model's page. ≠ marks a value on which sources differ."
            + (f" Excludes scores under {excluded} other setting{'s' if excluded > 1 else ''}." if excluded else "")
            + (" Base and tuned models stand together; the table says which is which." if y == "accuracy" else "")
        )
    else:
        ui.empty("No configuration has both values.", "Choose another metric; below stands what each one lacks.")
    return x, y


def line(kb: KnowledgeBase, found: TradeOffs, entry: Entry, frontiers: dict[str, set]) -> dict[str, Any]:
    """A row of the table of values."""
    cells = {
        "record": entry.subject.record,
        "label": entry.subject.label,
        "domain": entry.subject.domain,
        "printed": None,
        "frontier": [name for name, best in frontiers.items() if entry.subject.where in best],
    }
    for side, value in entry.values.items():
        place = ui.source_name(kb, value.source, value.locator)
        cells |= {
            side: found.choice.shown(value, side),
            f"{side}-from": f"computed from {place}" if value.kind == "computed" else place,
            f"{side}-link": ui.source_url(kb, value.source),
            f"{side}-note": value.note,
        }
        if side == "accuracy":
            cells["printed"] = value.row
    return cells


def values_table(kb: KnowledgeBase, found: TradeOffs, x: Side, y: Side) -> None:
    """The values of the chart with their sources; a source that performance and cost share is named once."""
    frontiers = {"two": found.frontier((x, y)), "three": found.frontier()}
    lines = [line(kb, found, entry, frontiers) for entry in found.best_first((x, y))]
    if not lines:
        return
    st.header("The values", anchor=False)
    same = all(row.get(f"performance-{cell}") == row.get(f"cost-{cell}") for row in lines for cell in ("from", "note"))
    origins = {"accuracy": "Score", "performance": "Performance", "cost": "Cost"}
    if same:
        origins = {"accuracy": "Score", "cost": "Performance and cost"}
    columns = {
        "printed": ui.Column("As printed", help="What the table of the score calls it", width=150),
        "accuracy": ui.Column(BENCHMARKS[found.choice.benchmark].label, "number", digits=".1f", help="Score"),
    }
    for side, metric in (("performance", found.choice.performance), ("cost", found.choice.cost)):
        columns[side] = ui.Column(metric.title, "number", digits=metric.digits)
    columns["frontier"] = ui.Column(
        "Frontier",
        "tags",
        colours={"two": "blue", "three": "green"},
        help="two: of the chart above; three: of quality, speed and cost together",
    )
    for side, origin in origins.items():
        columns[f"{side}-from"] = ui.Column(f"{origin} from", width=210, minor=True)
        columns[f"{side}-link"] = ui.Column("Link", "link")
        if any(row.get(f"{side}-note") for row in lines):
            columns[f"{side}-note"] = ui.Column(f"Note on {origin.lower()}", width=190, minor=True)
    columns["domain"] = "Field of use"
    ui.record_table(
        lines,
        columns,
        key=f"trade-offs-table-{x}-{y}",
        name="label",
        name_label="Model",
        alt="Models with quality, speed and cost and the sources",
    )


def missing_table(found: TradeOffs) -> None:
    """The configurations that lack a value, with the reason."""
    lacking = found.incomplete()
    if not lacking:
        return
    subject = f"{len(lacking):,} configurations lack" if len(lacking) > 1 else "1 configuration lacks"
    label = f"{subject} a value: which, and why"
    with st.expander(label, icon=":material/search_off:"):
        lacking_table(lacking)


def lacking_table(lacking: Sequence[Entry]) -> None:
    """The same, those that lack least first."""
    st.caption("Those that lack least come first; click a name for the record that a source could complete.")
    ui.record_table(
        [
            {"record": about.record, "label": about.label, "domain": about.domain, **entry.missing}
            for entry in lacking
            if (about := entry.subject)
        ],
        {
            **{side: ui.Column(f"{label}: why not", width=270) for side, label in SIDES.items()},
            "domain": "Field of use",
        },
        key="trade-offs-missing",
        name="label",
        name_label="Model",
        alt="Configurations that lack a value, with the reason",
        height=360,
        sort="sort-missing",
    )


def formulas(kb: KnowledgeBase, found: TradeOffs) -> None:
    """What is computed, and what its letters stand for."""
    choice, setting = found.choice, found.choice.setting
    st.markdown(
        f"- **Accuracy**: {BENCHMARKS[choice.benchmark].label} as the sources print it; where several do, the "
        "preferred value is drawn and the hover has the others."
    )
    for label, metric in ((SIDES["performance"], choice.performance), (SIDES["cost"], choice.cost)):
        if not metric.computed:
            st.markdown(f"- **{label}**: {metric.title}, as the sources give it.")
            continue
        st.markdown(
            f"- **{label}**: {metric.title}, computed from the layers that a configuration's source describes"
            + ("; where none does, as a source prints it." if metric.field else ".")
        )
        ui.latex(metric.formula)
        st.markdown("; ".join(f"{ui.inline_latex(symbol)}: {ui.plain(SYMBOLS[symbol])}" for symbol in metric.symbols))
    if "context" in choice.needs:
        st.markdown(f"Here $L = {setting.context}$; a number of the KV cache takes 2 bytes.")
    if "batch" in choice.needs:
        st.markdown(f"Here $B = {setting.batch}$.")
    if "weights" in choice.needs:
        precision = setting.weights
        said = (
            f"{ui.plain(precision.formula)} ({ui.plain(precision.source)})"
            if precision
            else "that of each configuration's own checkpoint, tensor by tensor; bf16 where records do not say"
        )
        st.markdown(rf"Here $\beta$ is {said}.")
    if choice.device and "device" in choice.needs:
        peaks = [choice.device.arithmetic] if setting.weights else RELEASED_PEAKS & choice.device.peaks.keys()
        fields = (*(f"peak_{precision}" for precision in sorted(peaks)), "memory_bandwidth", "memory_capacity")
        claims = [kb.value(f"accelerator:{choice.device.key}", field) for field in fields]
        st.markdown(
            f"{ui.plain(choice.device.name)}: "
            + "; ".join(
                f"{ui.plain(claim.field.replace('_', ' '))} {ui.plain(claim.shown_with_unit)} "
                f"({ui.source_text(kb, claim.source, claim.locator)})"
                for claim in claims
            )
            + ". Work is divided perfectly, and sending between accelerators takes no time."
        )
    st.caption("Text model only; no multi-token-prediction layers, no vision tower; buffers not counted.")


kb = ui.knowledge_base()
held = ui.cached(type(kb).measurements, kb)
ui.header("Trade-offs", "Models by quality, speed and cost: what records hold, and what follows from the layers.")
if not held.subjects:
    ui.empty("No models yet.", "Add a model as data/models/<key>.yaml.")
    st.stop()

asked = metrics_asked(held)
asked |= setting_asked(kb, PERFORMANCE[asked["performance"]].needs | COST[asked["cost"]].needs)
found = ui.cached(type(kb).tradeoffs, kb, **asked)
coverage(held, found)
x, y = show_charts(kb, found, asked)
values_table(kb, found, x, y)
ui.csv_button(found.table(), "trade-offs", help="All configurations: values, sources, formulas, what is missing")
missing_table(found)
with st.expander("Formulas, symbols and datasheet values of the accelerator", icon=":material/function:"):
    formulas(kb, found)
with st.container(horizontal=True):
    if PROFILING in {brief.record for brief in kb.briefs("design")}:
        ui.record_link(PROFILING, "Where this comparison is from: MoE-CAP", icon=":material/alt_route:")
    setting = found.choice.setting
    ui.page_link("size", "Size of each model", {"context": str(setting.context), "weights": setting.weights_key})
    ui.page_link("evidence", "Measured here: designs under one budget")
