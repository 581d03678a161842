"""Configurations with their sizes, and the same with other experts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import Mixture, SharedExperts, Sublayer
from moe_kb.sizing import Setting, Size, size
from moe_kb.sizing.parameters import edited, size_of_width, written


@dataclass(frozen=True, slots=True)
class Sized:
    """A configuration, a modified one or a file, with its size."""

    key: str
    """Tells it from everything else that was ever shown: its id, with what was modified, or the file's."""
    label: str
    record: str | None
    architecture: Architecture
    size: Size
    modified: bool = False
    """Whether its experts were changed; drawn hollow or dashed, as it may lie on the baseline."""


@dataclass(frozen=True, slots=True)
class Experts:
    """What of its MoE layers can be changed."""

    routed: int
    """E"""
    active: int
    """k"""
    width: int
    """F"""
    shared: int


def sized(architecture: Architecture, setting: Setting, *, key: str, label: str, record: str | None = None) -> Sized:
    """An architecture with its size.

    Raises:
        UnsizedError: It cannot be sized.
    """
    return Sized(key, label, record, architecture, size(architecture, setting))


def with_experts(baseline: Sized, experts: Experts) -> Sized:
    """The same with other experts in every MoE layer, and its size.

    Raises:
        ValueError: More experts would be active than there are.
    """
    architecture = edited(baseline.architecture, partial(_with_experts, experts))
    found = size(architecture, baseline.size.setting)
    return Sized(f"{baseline.key}, {experts}", f"{baseline.label}, modified", None, architecture, found, modified=True)


def experts_of(architecture: Architecture) -> tuple[Experts, bool] | None:
    """The experts of most of its layers, and whether other layers have others; None where it has no MoE layer."""
    layers: dict[Experts, int] = {}
    for name, stack in architecture.stacks.items():
        for times, sublayer, _ in written(stack.groups, 1, name):
            if isinstance(sublayer, Mixture):
                shared = sublayer.shared.count if sublayer.shared else 0
                width = size_of_width(sublayer)
                experts = Experts(sublayer.n_routed_experts, sublayer.experts_per_token, width, shared)
                layers[experts] = layers.get(experts, 0) + times
    return (max(layers, key=layers.__getitem__), len(layers) > 1) if layers else None


def _with_experts(experts: Experts, mixture: Sublayer) -> Sublayer:
    """These experts in an MoE layer; shared ones keep their width, new ones take that of the routed."""
    if not isinstance(mixture, Mixture):
        return mixture
    choice = experts.routed + (mixture.zero.count if mixture.zero else 0)
    if experts.active > choice:
        raise ValueError(f"{experts.active} of {choice} experts cannot be active: make k smaller or E larger")
    width = mixture.shared.d_expert if mixture.shared else experts.width
    gate = mixture.shared.gate if mixture.shared else "none"
    return mixture.model_copy(
        update={
            "n_routed_experts": experts.routed,
            "experts_per_token": experts.active,
            "d_expert": experts.width,
            "shared": SharedExperts(count=experts.shared, d_expert=width, gate=gate) if experts.shared else None,
        }
    )
