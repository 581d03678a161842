"""Layer diagrams: a configuration's stacks drawn as blocks, layer groups with their sublayers, repeats and experts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, entry, quiet
from moe_kb.charts.safe import safe
from moe_kb.records.architecture import Architecture, LayerGroup, Stack
from moe_kb.records.sublayers import (
    AnySublayer,
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    Expression,
    LatentAttention,
    LinearAttention,
    Mixture,
    ShortConvolution,
    StateSpace,
    UnknownMixer,
)

#: Fill and edge of the kinds of sublayer. The fills are light enough for dark text whatever the theme.
COLOURS = {
    "attention": ("#bcdcf0", BLUE),
    "linear mixer": ("#c6e8dc", GREEN),
    "dense FFN": ("#dfe2e6", GREY),
    "MoE layer": ("#f8d2b5", ORANGE),
    "unknown": ("#eeeeee", GREY),
}
_INK = "#1c2430"
_NAMES = {
    "mla": "Latent attention",
    "compressed-attention": "Compressed attention",
    "attention": "Attention",
    "attention-experts": "Mixture of attention heads",
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "gated-deltanet": "Gated DeltaNet",
    "kda": "Kimi delta attention",
    "lightning": "Lightning attention",
    "short-convolution": "Short convolution",
    "unknown": "Mixer not described",
    "dense": "Dense FFN",
    "moe": "MoE layer",
}
_ROW = 1.0
_GAP = 0.35
_PIXELS_PER_ROW = 34


@dataclass(frozen=True, slots=True)
class LayerSetting:
    """A setting of a sublayer, with how many layers have it."""

    stack: str
    layers: int
    sublayer: str
    setting: str
    value: str


@dataclass(frozen=True, slots=True)
class Block:
    """One row of the picture: a sublayer."""

    family: str
    text: str
    detail: str
    bottom: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A repeated group around its rows."""

    bottom: float
    top: float
    depth: int
    repeat: int
    layers: int


def describe(sublayer: AnySublayer) -> str:
    """A sublayer in a line."""
    parts = [_NAMES[sublayer.kind]]
    match sublayer:
        case Attention():
            parts = ["Cross-attention" if sublayer.cross else "Attention"]
            shared = f" over {sublayer.n_kv_heads} key-value" if sublayer.n_kv_heads else ""
            parts.append(f"{sublayer.n_heads} heads{shared}")
            if sublayer.window:
                parts.append(f"window {sublayer.window:,}")
            if sublayer.shares_kv_with_previous:
                parts.append("keys and values of the layer before")
        case LatentAttention():
            parts += [f"{sublayer.n_heads} heads", f"rank {sublayer.kv_rank}"]
            if sublayer.window:
                parts.append(f"window {sublayer.window:,}")
        case CompressedAttention():
            parts += [f"{sublayer.n_heads} heads", f"{sublayer.ratio} to 1" if sublayer.ratio else "window only"]
        case AttentionExperts():
            parts.append(f"{sublayer.experts_per_token} of {sublayer.n_routed_experts} experts")
        case StateSpace() | LinearAttention():
            if sublayer.n_heads:
                parts.append(f"{sublayer.n_heads} heads")
        case ShortConvolution():
            parts.append(f"kernel {sublayer.d_conv}")
        case Dense():
            parts.append(f"width {_width(sublayer.d_ffn)}")
        case Mixture():
            parts.append(f"{sublayer.experts_per_token} of {sublayer.n_routed_experts} experts")
            if sublayer.zero:
                parts.append(f"{sublayer.zero.count} zero experts")
            if sublayer.shared:
                parts.append(f"{sublayer.shared.count} shared")
            parts.append(f"width {_width(sublayer.d_expert)}")
    return " · ".join(parts)


def facts(part: object) -> list[tuple[str, str]]:
    """Every stated value of a sublayer, its router or indexer, under the name of its field."""
    out: list[tuple[str, str]] = []
    for name in type(part).model_fields:  # type: ignore[attr-defined]
        value = getattr(part, name)
        if value is None or value is False or name == "kind":
            continue
        if isinstance(value, Expression):
            out.append((name, _width(value)))
        elif hasattr(type(value), "model_fields"):
            out += [(f"{name}.{inner}", text) for inner, text in facts(value)]
        elif isinstance(value, list):  # tensors that no field stands for
            out += [(f"{name}: {tensor.name}", " x ".join(f"{side:,}" for side in tensor.shape)) for tensor in value]
        else:
            number = isinstance(value, int) and value is not True
            out.append((name, f"{value:,}" if number else "yes" if value is True else str(value)))
    return out


def layer_table(architecture: Architecture) -> list[LayerSetting]:
    """The exact values of every different sublayer."""
    rows = []
    for side, stack in architecture.stacks.items():
        counted: list[tuple[AnySublayer, int]] = []
        for times, sublayers in _runs(stack.groups, 1):
            for sublayer in sublayers:
                place = next((i for i, (known, _) in enumerate(counted) if known == sublayer), None)
                if place is None:
                    counted.append((sublayer, times))
                else:
                    counted[place] = (sublayer, counted[place][1] + times)
        for sublayer, times in counted:
            for setting, value in facts(sublayer):
                rows.append(LayerSetting(side, times, _NAMES[sublayer.kind], setting, value))
    return rows


@safe
def layer_diagram(architecture: Architecture) -> go.Figure:
    """The stacks side by side, the input at the bottom; hovering over a block gives its exact values."""
    stacks = architecture.stacks
    figure = go.Figure()
    tallest = 0.0
    families: set[str] = set()
    for number, (side, stack) in enumerate(stacks.items()):
        blocks, frames, height = _layout(stack)
        tallest = max(tallest, height)
        families |= {block.family for block in blocks}
        _draw(figure, number * 1.08, blocks, frames)
        below = {"encoder": "encoder input", "decoder": "input tokens"}.get(side, "input")
        width = f", {architecture.d_model:,} wide" if architecture.d_model else ""
        _write(figure, [number * 1.08 + 0.395], [-0.45], [f"{below}{width}"])
        order = " (order of the groups not reported)" if stack.order == "unknown" else ""
        title = {"stack": "Layers"}.get(side, side.capitalize())
        _write(figure, [number * 1.08 + 0.395], [height + 0.3], [f"<b>{title}: {stack.n_layers} layers</b>{order}"])
    for family in [name for name in COLOURS if name in families]:
        fill, edge = COLOURS[family]
        figure.add_trace(entry(family[0].upper() + family[1:], fill, "square", edge))
    return quiet(figure, int(90 + _PIXELS_PER_ROW * (tallest + 1.3))).update_layout(
        xaxis={"visible": False, "range": [-0.02, len(stacks) * 1.08 - 0.06], "fixedrange": True},
        yaxis={"visible": False, "range": [-0.9, tallest + 0.8], "fixedrange": True},
        legend={"y": -0.02, "yanchor": "top"},
        hovermode="closest",
    )


def _layout(stack: Stack) -> tuple[list[Block], list[Frame], float]:
    blocks: list[Block] = []
    frames: list[Frame] = []

    def place(group: LayerGroup, bottom: float, depth: int) -> float:
        at = bottom + _GAP / 2
        for sublayer in group.sublayers or []:
            detail = "<br>".join(f"{name}: {value}" for name, value in facts(sublayer))
            blocks.append(Block(_family(sublayer), describe(sublayer), detail, at))
            at += _ROW
        for inner in group.groups or []:
            at = place(inner, at, depth + 1)
        top = at + _GAP / 2
        layers = sum(1 for _ in group.layers())
        frames.append(Frame(bottom + 0.04, top - 0.04, depth, group.repeat, layers))
        return top

    at = 0.0
    for group in stack.groups:
        at = place(group, at, 0)
    return blocks, frames, at


def _draw(figure: go.Figure, left: float, blocks: list[Block], frames: list[Frame]) -> None:
    # A repeated group inside a repeated group has its own number beside it, inside the outer frame.
    room = 0.09 if any(frame.depth and frame.repeat > 1 for frame in frames) else 0.0
    for frame in frames:
        inset = 0.012 * frame.depth
        right = left + 0.79 - inset - (room if frame.depth else 0)
        grey = {"line": {"width": 1, "color": "rgba(128,134,143,0.7)"}, "fillcolor": "rgba(128,134,143,0.06)"}
        figure.add_shape(type="rect", x0=left + inset, x1=right, y0=frame.bottom, y1=frame.top, layer="below", **grey)
        if frame.depth == 0 or frame.repeat > 1:
            middle = (frame.bottom + frame.top) / 2
            _write(figure, [right + 0.015], [middle], [f"× {frame.repeat}"], size=15, place="middle right")
    x0, x1 = left + 0.035, left + 0.755 - room
    for block in blocks:
        figure.add_shape(
            type="rect",
            x0=x0,
            x1=x1,
            y0=block.bottom + 0.06,
            y1=block.bottom + 0.94,
            layer="below",
            line={"width": 1.5, "color": COLOURS[block.family][1]},
            fillcolor=COLOURS[block.family][0],
        )
    middle = (x0 + x1) / 2
    # Shapes have no hover of their own: points that nobody sees carry it.
    figure.add_scatter(
        x=[middle + shift for _ in blocks for shift in (-0.25, 0, 0.25)],
        y=[block.bottom + 0.5 for block in blocks for _ in range(3)],
        mode="markers",
        showlegend=False,
        marker={"size": 24, "opacity": 0, "color": "rgb(128,134,143)"},
        text=[f"<b>{block.text}</b><br>{block.detail}" for block in blocks for _ in range(3)],
        hovertemplate="%{text}<extra></extra>",
    )
    _write(figure, [middle] * len(blocks), [b.bottom + 0.5 for b in blocks], [b.text for b in blocks], ink=_INK)


def _write(
    figure: go.Figure,
    x: list[float],
    y: list[float],
    text: list[str],
    *,
    size: int = 13,
    place: str = "middle center",
    ink: str | None = None,
) -> None:
    """Text as a trace: it takes the colour of the theme, which annotations do not."""
    figure.add_scatter(
        x=x,
        y=y,
        text=text,
        mode="text",
        textposition=place,
        textfont={"size": size, "color": ink},
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
    )


def _runs(groups: list[LayerGroup], times: int) -> Iterator[tuple[int, list[AnySublayer]]]:
    for group in groups:
        if group.sublayers is not None:
            yield times * group.repeat, group.sublayers
        else:
            yield from _runs(group.groups or [], times * group.repeat)


def _family(sublayer: AnySublayer) -> str:
    families: Mapping[type, str] = {
        Dense: "dense FFN",
        Mixture: "MoE layer",
        AttentionExperts: "MoE layer",
        StateSpace: "linear mixer",
        LinearAttention: "linear mixer",
        ShortConvolution: "linear mixer",
        UnknownMixer: "unknown",
    }
    return families.get(type(sublayer), "attention")


def _width(width: int | Expression) -> str:
    if isinstance(width, Expression):
        return f"{width.value:,} ({width.printed})" if width.value is not None else width.printed
    return f"{width:,}"
