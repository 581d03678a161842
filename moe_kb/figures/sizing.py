"""Sizes of configurations side by side: what can be sized, a changed one, and the rows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_kb.format import bytes_text, change_text, compact, rate_text, time_text
from moe_kb.kb import KnowledgeBase
from moe_kb.records.architecture import Architecture, LayerGroup, Stack
from moe_kb.records.sublayers import Mixture, SharedExperts
from moe_kb.sizing import Device, Setting, Size, UnsizedError, count, size
from moe_kb.sizing.context import Phase
from moe_kb.sizing.parameters import size_of_width, written

PASSES: dict[Phase, str] = {"prefill": "prefill", "decode": "decoding step"}
#: Shown where nothing is asked for, as far as they are there.
FIRST = ("mixtral|8x7B", "gpt-oss|20b", "deepseek-v3|671B")
NO_LAYERS = "no source at hand describes its layers"


@dataclass(frozen=True, slots=True)
class Entry:
    """A configuration of a model, sized or not."""

    id: str
    """`<key of the model>|<label>`, as it stands in the address."""
    label: str
    record: str
    architecture: Architecture | None
    why: str
    """What keeps it from being sized; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Sized:
    """What is shown: an entry, a changed one or a file, with its size."""

    key: str
    """Tells it from everything else that was ever shown: the entry's id, with what was changed, or the file's."""
    label: str
    record: str | None
    architecture: Architecture
    size: Size
    is_change: bool = False
    """Whether its experts were changed; drawn hollow or dashed, as it may lie on the original."""


def entries(kb: KnowledgeBase) -> dict[str, Entry]:
    """Every configuration by its id, in the order of names."""
    found = {}
    for model in sorted((kb.model(brief.key) for brief in kb.briefs("model")), key=lambda one: one.name.casefold()):
        for configuration in model.configurations:
            architecture, why = configuration.architecture, ""
            if architecture is None:
                why = NO_LAYERS
            else:
                try:
                    count(architecture)
                except UnsizedError as error:
                    why = "; ".join(error.missing)
            name = f"{model.key}|{configuration.label}"
            label = f"{model.name} {configuration.label}"
            found[name] = Entry(name, label, f"model:{model.key}", architecture, why)
    return found


def first_shown(known: Mapping[str, Entry]) -> list[str]:
    """Configurations to show where nothing is asked for."""
    wanted = [name for name in FIRST if name in known and not known[name].why]
    return wanted or [name for name, entry in known.items() if not entry.why][:3]


def of_entry(entry: Entry, setting: Setting) -> Sized:
    """A configuration with its size.

    Raises:
        UnsizedError: where it cannot be sized.
    """
    if entry.architecture is None:
        raise UnsizedError([entry.why])
    return Sized(entry.id, entry.label, entry.record, entry.architecture, size(entry.architecture, setting))


def of_file(name: str, key: str, architecture: Architecture, setting: Setting) -> Sized:
    """What a file describes, with its size.

    Raises:
        UnsizedError: where it cannot be sized.
    """
    return Sized(f"file:{key}", f"{name} (file)", None, architecture, size(architecture, setting))


def with_experts(one: Sized, experts: Experts) -> Sized:
    """The same with other experts in every mixture, and its size.

    Raises:
        ValueError: where more experts would be chosen than there are.
    """
    architecture = changed(one.architecture, experts)
    found = size(architecture, one.size.setting)
    return Sized(f"{one.key}, {experts}", f"{one.label}, changed", None, architecture, found, is_change=True)


# --- what if -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Experts:
    """What of its mixtures can be changed."""

    routed: int
    """E"""
    chosen: int
    """k"""
    width: int
    """F"""
    shared: int


def experts_of(architecture: Architecture) -> tuple[Experts, bool] | None:
    """The experts of most of its layers, and whether other layers have others; none where it has no mixture."""
    layers: dict[Experts, int] = {}
    for name, stack in architecture.stacks.items():
        for times, sublayer, _ in written(stack.groups, 1, name):
            if isinstance(sublayer, Mixture):
                shared = sublayer.shared.count if sublayer.shared else 0
                one = Experts(
                    sublayer.n_routed_experts, sublayer.experts_per_token, size_of_width(sublayer), shared
                )  # fmt: skip
                layers[one] = layers.get(one, 0) + times
    if not layers:
        return None
    return max(layers, key=lambda one: layers[one]), len(layers) > 1


def changed(architecture: Architecture, experts: Experts) -> Architecture:
    """The same with these experts in every mixture; shared ones keep their width, new ones take that of the routed.

    Raises:
        ValueError: where more experts would be chosen than there are.
    """

    def group(one: LayerGroup) -> LayerGroup:
        sublayers = one.sublayers and [_mixture(x, experts) if isinstance(x, Mixture) else x for x in one.sublayers]
        return one.model_copy(update={"sublayers": sublayers, "groups": one.groups and [group(x) for x in one.groups]})

    def stack(one: Stack) -> Stack:
        return one.model_copy(update={"groups": [group(x) for x in one.groups]})

    return architecture.model_copy(update={name: stack(one) for name, one in architecture.stacks.items()})


def _mixture(mixture: Mixture, experts: Experts) -> Mixture:
    choice = experts.routed + (mixture.zero.count if mixture.zero else 0)
    if experts.chosen > choice:
        raise ValueError(f"{experts.chosen} experts cannot be chosen of {choice}: make k smaller or E larger")
    width = mixture.shared.d_expert if mixture.shared else experts.width
    gate = mixture.shared.gate if mixture.shared else "none"
    return mixture.model_copy(
        update={
            "n_routed_experts": experts.routed,
            "experts_per_token": experts.chosen,
            "d_expert": experts.width,
            "shared": SharedExperts(count=experts.shared, d_expert=width, gate=gate) if experts.shared else None,
        }
    )


# --- rows --------------------------------------------------------------------------------------------------------

#: The conventions of parameters in use: name, what is counted.
CONVENTIONS = {
    "total": ("Total", "every parameter, a tied table once"),
    "active": ("Active, with embeddings and head", "all that a token passes through, both tables counted whole"),
    "active_excl_input_embedding": (
        "Active, without input embedding",
        "the same without the table that a row is only looked up in; a tied table is the head, so it stays",
    ),
    "active_excl_embeddings_and_head": ("Active, without both", "the same without either table"),
}


def parameter_rows(shown: Sequence[Sized]) -> list[dict[str, str]]:
    """The conventions, and what follows from them, a row each, a column a configuration."""
    rows = [
        {"Parameters": name, "What is counted": what}
        | {one.label: f"{round(getattr(one.size.parameters, field)):,}" for one in shown}
        for field, (name, what) in CONVENTIONS.items()
    ]
    rows.append(
        {"Parameters": "Sparsity", "What is counted": "share of all parameters that a token does not use"}
        | {one.label: f"{one.size.parameters.sparsity:.1%}" for one in shown}
    )
    rows.append(
        {
            "Parameters": "Granularity",
            "What is counted": "8 D² over the weights of one expert: how finely a layer is cut",
        }
        | {one.label: f"{one.size.experts.granularity:.3g}" if one.size.experts else "no experts" for one in shown}
    )
    return rows


def cache_rows(shown: Sequence[Sized]) -> list[dict[str, str]]:
    """Slope, windows and fixed state of every configuration's cache, and what it comes to."""
    rows = []
    for one in shown:
        kept, setting = one.size.cache, one.size.setting
        windows = ", ".join(
            f"{bytes_text(n * setting.cache_bytes)} a token up to {w:,}" for w, n in kept.windows.items()
        )
        source = f"{bytes_text(kept.per_source_token * setting.cache_bytes)} a token" if kept.per_source_token else ""
        row = {
            "Configuration": one.label,
            "Slope": f"{bytes_text(float(kept.per_token) * setting.cache_bytes)} a token",
            "Windows": windows or "none",
            "Fixed state": bytes_text(kept.fixed * setting.cache_bytes) if kept.fixed else "none",
            "Encoder's tokens": source,
            f"At {setting.context:,} tokens": bytes_text(one.size.cache_bytes),
            "Read by one token": bytes_text(
                float(kept.read(setting.context, setting.context)) * setting.cache_bytes
            ),
        }  # fmt: skip
        rows.append(row)
    if not any(row["Encoder's tokens"] for row in rows):
        for row in rows:
            del row["Encoder's tokens"]
    return rows


def roofline_rows(shown: Sequence[Sized], device: Device) -> list[dict[str, str]]:
    """What limits each pass of each configuration on as many of a device as hold it."""
    rows = []
    for one in shown:
        for phase, name in PASSES.items():
            found = one.size.on(device, phase)
            together = one.size.devices(device)
            rows.append(
                {
                    "Configuration": one.label,
                    "Pass": name,
                    "Devices": f"{together:,}",
                    "Intensity": f"{found.intensity:,.0f} FLOP/B"
                    if found.intensity >= 100
                    else f"{found.intensity:.3g} FLOP/B",
                    "Limited by": "arithmetic" if found.bound == "compute" else "memory",
                    "Attainable on each": rate_text(found.attainable / together, "FLOP/s"),
                    "Least time": time_text(found.seconds),
                }
            )
    return rows


def device_rows(shown: Sequence[Sized], devices: Sequence[Device]) -> list[dict[str, Any]]:
    """Fewest of every accelerator that hold each configuration with the caches of its batch."""
    return [
        {
            "record": f"accelerator:{device.key}",
            "name": device.name,
            **{one.label: one.size.devices(device) for one in shown},
            "memory": bytes_text(device.memory),
            "bandwidth": rate_text(device.bandwidth, "B/s"),
            "peak": rate_text(device.peak, "FLOP/s"),
            "arithmetic": device.arithmetic,
        }
        for device in devices
    ]


def change_rows(before: Sized, after: Sized, device: Device | None) -> list[dict[str, str]]:
    """What a change does to each quantity."""
    pairs: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("Total parameters", before.size.parameters.total, after.size.parameters.total, compact),
        ("Active parameters", float(before.size.parameters.active), float(after.size.parameters.active), compact),
        ("FLOPs a token, prefill", float(before.size.prefill.total), float(after.size.prefill.total), _gigaflops),
        ("FLOPs a token, decode", float(before.size.decode.total), float(after.size.decode.total), _gigaflops),
        (
            f"Weights in {before.size.setting.weights.label}",
            before.size.weight_bytes(before.size.setting.weights),
            after.size.weight_bytes(after.size.setting.weights),
            bytes_text,
        ),
    ]
    if device is not None:
        pairs.append(
            (f"Fewest {device.name}", before.size.devices(device), after.size.devices(device), compact)
        )  # fmt: skip
    rows = [
        {"Quantity": name, "As it is": text(old), "Changed": text(new), "Change": change_text(old, new)}
        for name, old, new, text in pairs
    ]
    a, b = (one.size.parameters.sparsity for one in (before, after))
    rows.append(
        {
            "Quantity": "Sparsity",
            "As it is": f"{a:.1%}",
            "Changed": f"{b:.1%}",
            "Change": f"{100 * (b - a):+.2f} points",
        }
    )
    sent = [
        one.size.traffic and float(one.size.traffic.merged) * one.size.setting.cache_bytes for one in (before, after)
    ]
    if any(sent):
        old, new = sent
        rows.append(
            {
                "Quantity": f"All-to-all a token and layer on {before.size.setting.expert_parallel}",
                "As it is": bytes_text(old) if old else "not even",
                "Changed": bytes_text(new) if new else "not even",
                "Change": change_text(old, new) if old and new else "",
            }
        )
    return rows


def _gigaflops(number: float) -> str:
    return f"{number / 1e9:,.4g} GFLOP"
