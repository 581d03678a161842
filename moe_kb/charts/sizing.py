"""Charts of sizes: parameters and operations by part, memory, cache, all-to-all and the roofline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.deployments import Answer, devices_text
from moe_kb.charts.palette import BLUE, COLOURS, FILL_GREY, FILLS, GREEN, GREY, ORANGE, PINK, RED, SKY, YELLOW, quiet
from moe_kb.charts.safe import safe
from moe_kb.format import bytes_text, compact, escaped, rate_text
from moe_kb.sizing import Device
from moe_kb.sizing.communication import SENT_BYTES, all_to_all
from moe_kb.sizing.context import Phase
from moe_kb.sizing.deployment import Deployment
from moe_kb.sizing.parameters import PartName
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.storage import as_released
from moe_kb.sizing.what_if import Sized

#: What stands together in a bar, and its colour.
PARTS: dict[str, tuple[str, tuple[PartName, ...]]] = {
    "attention and other mixers": (BLUE, ("mixer",)),
    "routed experts": (ORANGE, ("routed",)),
    "shared experts": (GREEN, ("shared",)),
    "dense networks": (PINK, ("dense",)),
    "embedding": (YELLOW, ("embedding",)),
    "head": (SKY, ("head",)),
    "routers, norms, other": (GREY, ("router", "norm", "other")),
}
PRODUCTS = {"queries with keys and values": RED, "recurrent states": "#7a5cc0"}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "cross", "x")
#: Contexts of the cache's chart, and numbers of devices of the all-to-all's.
CONTEXTS = tuple(2**power for power in range(6, 21))
GROUPS = tuple(2**power for power in range(10))
#: Pixels of a bar, and of what stands under all of them: the axis and a legend of several lines.
ROW, UNDER = 34, 170


@safe
def parameters(shown: Sequence[Sized], field: str) -> go.Figure:
    """Parameters by part, stacked: all of them (`total`), or those of one token (`active`)."""

    def counted(sized: Sized) -> dict[str, float]:
        own = sized.size.parameters.parts
        return {part: float(sum(getattr(own[n], field) for n in names)) for part, (_, names) in PARTS.items()}

    colours = {part: colour for part, (colour, _) in PARTS.items()}
    return _bars(shown, [counted(sized) for sized in shown], colours, "parameters", compact)


@safe
def operations(shown: Sequence[Sized], phase: str) -> go.Figure:
    """Operations of one token by part, stacked: the mean of a `prefill`, or the last token's (`decode`)."""

    def counted(sized: Sized) -> dict[str, float]:
        done = getattr(sized.size, phase)
        parts = {part: float(sum(done.by_part.get(n, 0) for n in names)) for part, (_, names) in PARTS.items()}
        return parts | dict(zip(PRODUCTS, (float(done.attention), float(done.state)), strict=True))

    colours = {part: colour for part, (colour, _) in PARTS.items()} | PRODUCTS
    return _bars(shown, [counted(sized) for sized in shown], colours, "FLOPs per token", _operations)


def _bars(
    shown: Sequence[Sized],
    counts: Sequence[dict[str, float]],
    colours: dict[str, str],
    unit: str,
    text: Callable[[float], str],
) -> go.Figure:
    """A stacked bar a configuration; the legend stands under the bars, where it may wrap."""
    figure = go.Figure()
    labels = [sized.label for sized in shown]
    for part, colour in colours.items():
        if not any(row[part] for row in counts):
            continue
        figure.add_bar(
            x=[row[part] for row in counts],
            y=labels,
            orientation="h",
            name=part,
            marker={"color": colour, "line": {"width": 0}},
            customdata=[f"{text(row[part])} · {row[part] / (sum(row.values()) or 1):.1%}" for row in counts],
            hovertemplate="%{y}<br>" + part + ": %{customdata}<extra></extra>",
        )
    totals = [sum(row.values()) for row in counts]
    figure.add_scatter(
        x=totals,
        y=labels,
        mode="text",
        text=[f" {text(total)}" for total in totals],
        textposition="middle right",
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
    )
    height = ROW * len(shown) + 16
    quiet(figure, height + UNDER).update_layout(
        barmode="stack",
        bargap=0.3,
        legend={"y": -56 / height, "yanchor": "top", "traceorder": "normal"},
        margin={"b": UNDER - 10},
    )
    figure.update_xaxes(
        title=unit,
        range=[0, 1.25 * max(totals)],
        exponentformat="B" if text is compact else "SI",
        nticks=6,
        showgrid=True,
    )
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


def _operations(number: float) -> str:
    units = {"P": 1e15, "T": 1e12, "G": 1e9}
    letter, factor = next(((letter, unit) for letter, unit in units.items() if number >= unit), ("M", 1e6))
    return f"{number / factor:.3g}{letter}"


@safe
def deployment(found: Sequence[Answer]) -> go.Figure:
    """Memory of one device of each configuration, stacked: weights, what is left for caches, and the reserve."""
    served = [(answer.sized.label, answer.found) for answer in found if answer.found]
    labels = [f"{escaped(label)}<br>{devices_text(deployment)}" for label, deployment in served]
    figure = go.Figure()
    parts: dict[str, tuple[str, Callable[[Deployment], float]]] = {
        "weights": (FILLS[0], lambda deployment: deployment.weights),
        "left for KV cache": (FILLS[2], lambda deployment: deployment.left),
        "reserve": (FILL_GREY, lambda deployment: deployment.reserved),
    }
    for part, (colour, of) in parts.items():
        sizes = [of(deployment) for _, deployment in served]
        figure.add_bar(
            x=[size / 1e9 for size in sizes],
            y=labels,
            orientation="h",
            name=part,
            marker={"color": colour, "line": {"width": 0}},
            text=[bytes_text(size) for size in sizes],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#ffffff"},
            hovertemplate="%{y}<br>" + part + ": %{text}<extra></extra>",
        )
    quiet(figure, 110 + 48 * len(served), top=36)
    figure.update_layout(
        barmode="stack",
        bargap=0.35,
        legend={"y": 1.02, "traceorder": "normal"},
        uniformtext={"minsize": 11, "mode": "hide"},
    )
    figure.update_xaxes(title="GB of one device", showgrid=True, nticks=8)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


@safe
def weights(shown: Sequence[Sized], devices: Sequence[Device]) -> go.Figure:
    """Bytes of the weights as released and in every format, over the memory of one accelerator and of eight."""
    figure = go.Figure()
    rows = ["as released", *(format.label for format in FORMATS.values())]
    for number, sized in enumerate(shown):
        own = float(as_released(sized.architecture, sized.size.parameters).total)
        sizes = [own, *(sized.size.weight_bytes(format) for format in FORMATS.values())]
        figure.add_scatter(
            x=sizes,
            y=rows,
            mode="markers",
            name=sized.label,
            text=[bytes_text(size) for size in sizes],
            marker=_marker(number, sized, SYMBOLS[number % len(SYMBOLS)], 11),
            hovertemplate="%{fullData.name}<br>%{y}: %{text}<extra></extra>",
        )
    for times, row in ((1, "memory of one accelerator"), (8, "memory of eight")):
        figure.add_scatter(
            x=[times * device.memory for device in devices],
            y=[row] * len(devices),
            mode="markers",
            showlegend=False,
            marker={"size": 13, "symbol": "line-ns-open", "color": GREY, "line": {"width": 2}},
            text=[f"{times} × {device.name}: {bytes_text(times * device.memory)}" for device in devices],
            customdata=[f"accelerator:{device.key}" for device in devices],
            hovertemplate="%{text}<extra></extra>",
        )
    quiet(figure, 60 + 32 * (len(rows) + 2), top=40)
    order = [*rows, "memory of one accelerator", "memory of eight"]
    every = [size for trace in figure.data for size in trace.x]
    figure.update_yaxes(categoryorder="array", categoryarray=order, autorange="reversed", automargin=True)
    figure.update_xaxes(**_bytes_axis(every), title="bytes", showgrid=True)
    return figure


@safe
def cache(shown: Sequence[Sized]) -> go.Figure:
    """Bytes of one sequence's cache as it grows, both axes logarithmic; windows are where the slope changes."""
    figure = go.Figure()
    setting = shown[0].size.setting
    every: list[float] = []
    for number, sized in enumerate(shown):
        kept = sized.size.cache
        knees = [window for window in kept.windows if CONTEXTS[0] <= window <= CONTEXTS[-1]]
        contexts = sorted({*CONTEXTS, *knees, min(max(setting.context, CONTEXTS[0]), CONTEXTS[-1])})
        sizes = {n: kept.bytes(n, setting.cache_bytes, n) for n in contexts}
        if not any(sizes.values()):
            continue
        every += sizes.values()
        figure.add_scatter(
            x=contexts,
            y=list(sizes.values()),
            mode="lines",
            name=sized.label,
            legendgroup=sized.label,
            line={"color": _colour(number), "width": 2, "dash": "dash" if sized.modified else "solid"},
            text=[bytes_text(size) for size in sizes.values()],
            hovertemplate="%{fullData.name}<br>%{x:,} tokens: %{text}<extra></extra>",
        )
        figure.add_scatter(
            x=knees,
            y=[sizes[n] for n in knees],
            mode="markers",
            legendgroup=sized.label,
            showlegend=False,
            marker={"size": 10, "symbol": "circle-open", "color": _colour(number), "line": {"width": 2}},
            hovertemplate=sized.label + "<br>a window of %{x:,} tokens is full<extra></extra>",
        )
    if CONTEXTS[0] <= setting.context <= CONTEXTS[-1]:
        figure.add_vline(x=setting.context, line={"color": GREY, "width": 1, "dash": "dash"})
    quiet(figure, 400, top=40)
    figure.update_xaxes(
        type="log",
        title="tokens of the sequence",
        tickvals=CONTEXTS[::2],
        ticktext=[_tokens(n) for n in CONTEXTS[::2]],
        showgrid=True,
    )
    figure.update_yaxes(**_bytes_axis(every), title="bytes of one sequence", showgrid=True, automargin=True)
    return figure


@safe
def traffic(shown: Sequence[Sized]) -> go.Figure:
    """Bytes that one token sends and gets in a layer, by the size of the expert-parallel group."""
    figure = go.Figure()
    groups = sorted({*GROUPS, shown[0].size.setting.expert_parallel})
    for number, sized in enumerate(shown):
        found = []
        for n_devices in groups:
            with suppress(ValueError):  # its experts do not lie evenly on so many
                found.append(all_to_all(sized.architecture, n_devices))
        found = [each for each in found if each.layers]
        ways = (("merged", "solid", "one vector a device"), ("per_expert", "dot", "one an expert"))
        for field, dash, words in ways if found else ():
            sent = [float(getattr(each, field)) * SENT_BYTES for each in found]
            figure.add_scatter(
                x=[str(each.expert_parallel) for each in found],
                y=[value / 1e3 for value in sent],
                name=sized.label,
                legendgroup=sized.label,
                showlegend=field == "merged",
                mode="lines+markers",
                line={"color": _colour(number), "dash": dash, "width": 2},
                marker={"size": 7},
                text=[bytes_text(value) for value in sent],
                hovertemplate="%{fullData.name}<br>" + words + ", %{x} devices: %{text}<extra></extra>",
            )
    quiet(figure, 400, top=40)
    figure.update_xaxes(
        title="devices that each layer's experts lie on",
        type="category",
        categoryorder="array",
        categoryarray=[str(n_devices) for n_devices in groups],
        showgrid=True,
    )
    figure.update_yaxes(title="kB per token and layer, both ways", rangemode="tozero", showgrid=True, automargin=True)
    return figure


@safe
def roofline(shown: Sequence[Sized], device: Device) -> go.Figure:
    """The roof of one device, and where a prefill and a decoding step of each configuration stand under it."""
    figure = go.Figure()
    roofs = {found.arithmetic: found for found in (device.working_in(sized.size.stored.main) for sized in shown)}
    device = max(roofs.values(), key=lambda found: found.peak)
    ridge = device.peak / device.bandwidth
    phases: tuple[tuple[Phase, str, str], ...] = (("prefill", "circle", "prefill"), ("decode", "diamond", "decode"))
    marks = [
        (number, sized, symbol, words, sized.size.on(device, phase), sized.size.devices(device))
        for number, sized in enumerate(shown)
        for phase, symbol, words in phases
    ]
    intensities = [found.intensity for *_, found, _ in marks]
    low, high = min([*intensities, ridge / 100]) / 2, max([*intensities, ridge * 10]) * 2
    for roof in roofs.values():
        knee = roof.peak / roof.bandwidth
        figure.add_scatter(
            x=[low, knee, high],
            y=[low * roof.bandwidth, roof.peak, roof.peak],
            mode="lines",
            showlegend=False,
            line={"color": GREY, "width": 3},
            hoverinfo="skip",
        )
    for number, sized, symbol, words, found, together in marks:
        figure.add_scatter(
            x=[found.intensity],
            y=[found.attainable / together],
            mode="markers",
            name=sized.label,
            legendgroup=sized.label,
            showlegend=words == "prefill",
            marker=_marker(number, sized, symbol, 13),
            text=[f"{found.intensity:,.3g} FLOP/B, {rate_text(found.attainable / together, 'FLOP/s')}"],
            hovertemplate=sized.label + ", " + words + "<br>%{text}<extra></extra>",
        )
    figure.add_vline(x=ridge, line={"color": GREY, "width": 1, "dash": "dash"})
    below = {"x": log10(ridge), "y": 0.04, "xref": "x", "yref": "paper", "xanchor": "left", "xshift": 6}
    figure.add_annotation(text=f"ridge at {ridge:,.0f} FLOP/B", showarrow=False, **below)
    for roof in roofs.values():
        above = {"x": 1, "y": log10(roof.peak), "xref": "paper", "yref": "y", "xanchor": "right", "yshift": 10}
        peak = f"peak {rate_text(roof.peak, 'FLOP/s')} in {roof.arithmetic}"
        figure.add_annotation(text=peak, showarrow=False, **above)
    quiet(figure, 440, top=40)
    figure.update_xaxes(type="log", title="arithmetic intensity, FLOP per byte", range=[log10(low), log10(high)])
    ticks = [10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1)]
    numbers = [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]
    figure.update_xaxes(tickvals=ticks, ticktext=numbers, showgrid=True)
    powers = range(int(log10(low * device.bandwidth)), int(log10(device.peak)) + 2)
    figure.update_yaxes(
        type="log",
        title="attainable FLOP/s on one device",
        tickvals=[10.0**p for p in powers],
        ticktext=[rate_text(10.0**p, "") for p in powers],
        showgrid=True,
        automargin=True,
        range=[log10(low * device.bandwidth), log10(device.peak) + 0.35],
    )
    return figure


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _marker(number: int, sized: Sized, symbol: str, size: int) -> dict[str, Any]:
    if sized.modified:
        return {"size": size + 5, "symbol": f"{symbol}-open", "color": _colour(number), "line": {"width": 2}}
    return {"size": size, "symbol": symbol, "color": _colour(number)}


def _tokens(number: int) -> str:
    return f"{number // 2**20}M" if number >= 2**20 else f"{number // 2**10}K" if number >= 2**10 else str(number)


def _bytes_axis(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis of bytes with a tick at every power of ten."""
    found = [value for value in values if value > 0] or [1.0]
    powers = range(int(log10(min(found))), int(log10(max(found))) + 2)
    ticks = [10.0**power for power in powers]
    if log10(max(found) / min(found)) < 2.5:
        ticks = [step * tick for tick in ticks for step in (1, 2, 5)]
    span = log10(max(found) / min(found)) or 1
    return {
        "type": "log",
        "tickvals": ticks,
        "ticktext": [bytes_text(tick) for tick in ticks],
        "range": [log10(min(found)) - 0.06 * span, log10(max(found)) + 0.06 * span],
    }
