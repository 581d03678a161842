"""The exact settings of an architecture's sublayers, under names that people use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from moe_kb.fields import label_of, value_label
from moe_kb.records.sublayers import Sublayer

if TYPE_CHECKING:
    from moe_kb.records.architecture import Architecture, LayerGroup
    from moe_kb.records.sublayers import AnySublayer, Expression

NO_NAMES: Mapping[str, str] = MappingProxyType({})
#: Kinds of sublayer.
KINDS = {
    "attention": "Attention",
    "mla": "Multi-head latent attention",
    "compressed-attention": "Compressed attention",
    "attention-experts": "Mixture of attention heads",
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "gated-deltanet": "Gated DeltaNet",
    "kda": "Kimi delta attention",
    "lightning": "Lightning attention",
    "short-convolution": "Short convolution",
    "unknown": "Token mixer not described",
    "dense": "Dense feed-forward network",
    "moe": "MoE layer",
}
#: Activations.
ACTIVATIONS = {
    "relu": "ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "relu2": "squared ReLU",
    "reglu": "ReGLU",
    "geglu": "GEGLU",
    "swiglu": "SwiGLU",
    "clamped-swiglu": "clamped SwiGLU",
    "swiglu-times-up": "SwiGLU times a further projection",
}
#: Fields of sublayers, routers and indexers that `moe_kb.fields` does not name, or names more narrowly.
LABELS = {
    "n_heads": "Heads",
    "n_key_heads": "Key heads",
    "d_value": "Value head width",
    "d_key": "Key head width",
    "d_nope": "Head width without position",
    "d_rope": "Head width with rotary position",
    "q_rank": "Query rank",
    "kv_rank": "Key-value rank",
    "o_groups": "Output groups",
    "o_rank": "Width of an output group",
    "window": "Sliding window",
    "ratio": "Tokens per compressed entry",
    "qkv_bias": "Bias of queries, keys and values",
    "output_bias": "Output bias",
    "qk_norm": "Norm of queries and keys",
    "output_gate": "Output gate",
    "full_gates": "Gates of full width",
    "sinks": "Attention sinks",
    "values_are_keys": "Values are the keys",
    "cross": "Cross-attention",
    "shares_kv_with_previous": "Keys and values of the layer before",
    "d_state": "State width",
    "d_conv": "Convolution kernel",
    "expand": "Expansion",
    "dt_rank": "Step rank",
    "n_groups": "Groups",
    "d_latent": "Latent width",
    "d_ffn": "Width",
    "bias": "Biases",
    "count": "Number",
    "kind": "Kind",
    "gate": "Gate",
    "norms": "Norms",
    "input_of": "Takes the input of sublayer",
    "top_k": "Tokens picked",
    "takes_over_choice": "Takes the choice of the layer before",
    "design": "Design",
    "score": "Score",
    "order": "Order",
    "renormalise": "Weights renormalised",
    "scale": "Factor on the weights",
    "weights_on": "Weights multiply the",
    "selection_bias": "Bias for the choice only",
    "logit_bias": "Bias of the logits",
    "product_keys": "Product keys in each half",
    "top_groups": "Groups a token may use",
    "group_score": "Score of a group",
    "second_expert": "Second expert",
    "jitter": "Jitter",
    "capacity": "Capacity, tokens",
    "capacity_factor": "Capacity factor in training",
    "capacity_factor_eval": "Capacity factor in evaluation",
    "min_capacity": "Minimum capacity, tokens",
    "drop_tokens": "Drops tokens beyond capacity",
    "group_size": "Tokens that share capacity",
    "note": "Note",
    "shared": "Shared experts",
    "zero": "Zero-computation experts",
    "router": "Router",
    "indexer": "Indexer",
    "weights": "Other tensor",
    "expert_weights": "Other tensor of an expert",
}


@dataclass(frozen=True, slots=True)
class LayerSetting:
    """A setting of a sublayer, with how many layers have it."""

    stack: str
    layers: int
    sublayer: str
    setting: str
    value: str


def label(field: str) -> str:
    """What people call a field of a sublayer."""
    return LABELS.get(field) or label_of(field)


def facts(part: Any, designs: Mapping[str, str] = NO_NAMES) -> list[tuple[str, str]]:
    """Everything that a sublayer, its router or its indexer states, under the names of its fields.

    `designs` are the names of designs by key.

    What a field says where nothing is written (`gate: none`, `cross: false`) is no statement and is left out; a `false`
    of a field that may be unknown is one.
    """
    out: list[tuple[str, str]] = []
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if value in (None, []) or value == field.default or (name == "kind" and isinstance(part, Sublayer)):
            continue
        if isinstance(value, list):
            out += [
                (f"{label(name)}: {tensor.name}", " × ".join(f"{side:,}" for side in tensor.shape)) for tensor in value
            ]
        elif hasattr(value, "printed"):
            out.append((label(name), width_text(value)))
        elif hasattr(type(value), "model_fields"):
            out += [(f"{label(name)}: {inner[0].lower()}{inner[1:]}", text) for inner, text in facts(value, designs)]
        elif isinstance(value, bool):
            out.append((label(name), "yes" if value else "no"))
        elif name == "activation":
            out.append((label(name), ACTIVATIONS[value]))
        else:
            word = designs.get(str(value), str(value)) if name == "design" else value_label(name, str(value))
            out.append((label(name), f"{value:,}" if isinstance(value, (int, float)) else word))
    return out


def layer_table(architecture: Architecture, designs: Mapping[str, str] = NO_NAMES) -> list[LayerSetting]:
    """The exact values of every different sublayer; `designs` are the names of designs by key."""
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
            for setting, value in facts(sublayer, designs):
                rows.append(LayerSetting(side, times, KINDS[sublayer.kind], setting, value))
    return rows


def _runs(groups: list[LayerGroup], times: int) -> Iterator[tuple[int, list[AnySublayer]]]:
    for group in groups:
        if group.sublayers is not None:
            yield times * group.repeat, group.sublayers
        else:
            yield from _runs(group.groups or [], times * group.repeat)


def width_text(width: int | Expression) -> str:
    """A width, with the expression that its source prints."""
    if isinstance(width, int):
        return f"{width:,}"
    return f"{width.value:,} ({width.printed})" if width.value is not None else width.printed
