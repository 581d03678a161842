"""What is held equal when designs are compared, and what they are compared with."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from reference_impls.config import RunConfig, check_config
from reference_impls.core.build import dense_layer
from reference_impls.entry import Entry
from reference_impls.tasks.sizes import VOCABULARY

TOLERANCE = 0.03  # active parameters may differ from the dense control's by this share


@dataclass(frozen=True)
class Protocol:
    """A task, its budget, and the fields that every design shares.

    Attributes:
        name: what results call it; changes with anything that changes the numbers.
        task: the task.
        fields: fields of every config.
        match: whether expert widths are chosen so that active parameters are equal.
    """

    name: str
    task: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    match: bool = False


PROTOCOLS = {
    "text": Protocol(
        "text-1",
        "text",
        {
            "steps": 300, "batch_size": 8, "sequence_length": 128, "d_model": 64, "n_layers": 4, "n_heads": 4,
            "moe_every": 1, "validation_every": 75, "validation_sequences": 64, "threads": 1,
        },
        match=True,
    ),
    "clusters": Protocol("clusters-1", "clusters", {"threads": 1}),
}  # fmt: skip
QUICK = (
    "control-dense",
    "control-no-experts",
    "frozen-random-router",
    "switch-top1-router",
    "gshard-top2",
    "mixtral-top2-router",
    "deepseek-v3-router",
    "expert-choice",
    "hash-routing",
    "base-assignment",
    "lory-segment-merging",
    "noisy-top-k",
)
"""Twelve of every kind, for a first look."""

BASIS = "mixtral-top2-router"  # the design whose config class the controls share
WIDEST = 16_384  # an expert may be set to
DENSE_WIDTH = 256  # hidden width of the dense control's feed-forward in the text protocol


@dataclass(frozen=True)
class Candidate:
    """One row of the comparison.

    Attributes:
        key: the implementation's, or the control's.
        entry: the implementation; a control has that of the design whose config class it shares.
        config: with seed 0.
        group: `matched` in active parameters and in what a token costs, `unmatched`, or `control`.
        why: of a design that cannot be matched.
    """

    key: str
    entry: Entry
    config: RunConfig
    group: str
    why: str = ""


class NoLayer(nn.Module):
    """Adds nothing: the control without feed-forwards."""

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Zeros."""
        return x_BSD * 0


def active_parameters(entry: Entry, config: RunConfig) -> int:
    """Parameters that a token uses, without embedding and output head; points have neither, only a small read-out."""
    around = 2 * VOCABULARY * config.layer.d_model if config.task.name == "text" else 0
    return entry.estimate(config).params_active - around


CONTROLS: dict[str, Callable[[Any], nn.Module]] = {
    "control-dense": dense_layer,
    "control-no-experts": lambda config: NoLayer(),
}
"""A dense model of equal active size, and one without feed-forwards. The third control, a router that never
learns, is an implementation (`frozen-random-router`); on the clustered task each result
carries its own dense baseline."""


def controls(protocol: Protocol, basis: Entry) -> list[Candidate]:
    """The controls of a protocol; they share the config class of `basis`."""
    if not protocol.match:
        return []
    config = check_config(
        basis.config_class, {**protocol.fields, "n_experts": 1, "experts_per_token": 1, "d_expert": DENSE_WIDTH}
    )
    return [Candidate(key, basis, config, "control") for key in CONTROLS]


def candidate(protocol: Protocol, entry: Entry, target: int) -> Candidate:
    """The design under the protocol, its experts as wide as brings its active parameters closest to `target`."""
    shared = {name: value for name, value in protocol.fields.items() if name in entry.config_class.flat_fields()}
    fields = {**shared, "task": protocol.task}
    if not protocol.match:
        return Candidate(entry.key, entry, check_config(entry.config_class, fields), "matched")

    def parameters(width: int) -> int:
        return active_parameters(entry, check_config(entry.config_class, {**fields, "d_expert": width}))

    width = _width(parameters, target, 4 * DENSE_WIDTH)
    config = check_config(entry.config_class, {**fields, "d_expert": width})
    off = active_parameters(entry, config) / target - 1
    if entry.beyond:
        return Candidate(entry.key, entry, config, "unmatched", entry.beyond)
    if abs(off) <= TOLERANCE:
        return Candidate(entry.key, entry, config, "matched")
    return Candidate(entry.key, entry, config, "unmatched", f"active parameters {off:+.0%} at the nearest width")


def dense_control(config: RunConfig, target: int, basis: Entry) -> RunConfig | None:
    """A run of a dense model with about `target` active parameters under a run's budget; None on a task not `basis`'s.

    One expert that every token takes with weight 1 is a dense feed-forward.

    Args:
        config: the run to stand beside.
        target: active parameters without embedding and head.
        basis: the design whose layer, with one expert, is the feed-forward.
    """
    if config.task.name not in basis.tasks:
        return None
    known = basis.config_class.flat_fields()
    own = type(config).layer_class().model_fields
    alike = {"d_model", "n_layers"}
    shared = {
        name: value for name, value in config.flat().items() if name in known and (name not in own or name in alike)
    }
    fields = {**shared, "n_experts": 1, "experts_per_token": 1, "balance_coefficient": 0.0}

    def parameters(width: int) -> int:
        return active_parameters(basis, check_config(basis.config_class, {**fields, "d_expert": width}))

    return check_config(basis.config_class, {**fields, "d_expert": _width(parameters, target, WIDEST)})


def _width(parameters: Callable[[int], int], target: int, widest: int) -> int:
    """The width of experts that brings parameters closest to `target`."""
    # A wider expert has more parameters: the first width that has enough, or the one before.
    widths = range(4, widest)
    above = min(bisect_left(widths, target, key=parameters), len(widths) - 1)
    return min(widths[max(above - 1, 0) : above + 1], key=lambda width: abs(parameters(width) / target - 1))
