"""All that sizing says of an architecture under one setting, for the command line, Python and the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import Mixture
from moe_kb.sizing.cache import Cache, cache
from moe_kb.sizing.communication import SENT_BYTES, AllToAll, all_to_all
from moe_kb.sizing.context import Context, Phase
from moe_kb.sizing.operations import Operations, operations
from moe_kb.sizing.parameters import PARTS, Parameters, count, expected_experts, granularity, written
from moe_kb.sizing.precision import FORMATS, WeightFormat, arithmetics
from moe_kb.sizing.roofline import Roofline, fewest_devices, roofline
from moe_kb.sizing.storage import AS_RELEASED, Storage, as_released, kept_in
from moe_kb.sizing.weight_traffic import Needed, decoding, needed

SCOPE = "text model; no multi-token-prediction layers, no vision tower; buffers not counted"


@dataclass(frozen=True)
class Setting:
    """What sizes depend on besides the architecture.

    Attributes:
        context: tokens of a sequence: the decoded one with those before it, or all taken at once.
        batch: sequences decoded together.
        expert_parallel: devices that each layer's experts are laid out on.
        weights: the format that all weights are kept in; none: as each configuration's checkpoint keeps them.
        cache_bytes: bytes of a number of the cache.
    """

    context: int = 8192
    batch: int = 1
    expert_parallel: int = 8
    weights: WeightFormat | None = None
    cache_bytes: float = 2

    @property
    def weights_key(self) -> str:
        """What the choice of weights is called in an address, a command and a report."""
        return self.weights.key if self.weights else AS_RELEASED


@dataclass(frozen=True)
class Device:
    """An accelerator as a roofline needs it.

    Attributes:
        key: of its record.
        name: of its record.
        arithmetic: the precision of the peak.
        peak: dense operations/s.
        bandwidth: of its memory, bytes/s.
        memory: bytes.
        link: bytes/s to other devices in one direction; none where no source says.
        peaks: dense operations/s by precision, all that have a source.
    """

    key: str
    name: str
    arithmetic: str
    peak: int
    bandwidth: int
    memory: int
    link: int | None = None
    peaks: Mapping[str, int] = field(default_factory=dict)

    def working_in(self, weights: WeightFormat) -> Device:
        """The same with the peak of the arithmetic that weights of a format are multiplied in, where it has one."""
        for precision in arithmetics(weights):
            if peak := self.peaks.get(precision):
                return replace(self, arithmetic=precision, peak=peak)
        return self


@dataclass(frozen=True)
class Experts:
    """The layers with routed experts, means over them where they differ.

    Attributes:
        layers: how many.
        routed: E.
        chosen: k, in expectation where zero experts compete.
        shared: shared experts.
        granularity: how finely a layer is cut, see `sizing.parameters.granularity`.
    """

    layers: int
    routed: float
    chosen: float
    shared: float
    granularity: float


@dataclass(frozen=True)
class Size:
    """What one architecture costs.

    Attributes:
        parameters: by part.
        setting: what the rest depends on.
        prefill: operations of one token, mean over a prefill of `setting.context` tokens.
        decode: operations of the last of `setting.context` tokens; beside a decoder an encoder does nothing then.
        needed: weights that a pass of each phase needs.
        stored: how the weights are kept under the setting.
        cache: numbers kept of a sequence.
        traffic: all-to-all; none where a layer's experts cannot be laid out evenly, or there are none.
        experts: the layers with routed experts; none where there are none.
    """

    parameters: Parameters
    setting: Setting
    prefill: Operations
    decode: Operations
    needed: Mapping[Phase, Needed]
    stored: Storage
    cache: Cache
    traffic: AllToAll | None
    experts: Experts | None

    def weight_bytes(self, weights: WeightFormat) -> float:
        """Bytes of all parameters, every one kept in `weights`: what the format can save at most."""
        return float(self.parameters.total * weights.bytes_per_weight)

    @property
    def cache_bytes(self) -> float:
        """Bytes kept of one sequence of `setting.context` tokens (an encoder's sequence as long)."""
        return self.cache.bytes(self.setting.context, self.setting.cache_bytes, self.setting.context)

    def work(self, phase: Phase) -> tuple[float, float]:
        """Operations and bytes moved by one pass: a decoding step of the batch, or a prefill of one sequence.

        Bytes are the weights that are needed, once, and the cache, read by every decoded token (but for what an indexer
        passes over) and written once by a prefill. Activations are left out.
        """
        s = self.setting
        if phase == "decode":
            tokens, moved = s.batch, s.batch * self.cache.bytes_read(s.context, s.cache_bytes, s.context)
            done = float(self.decode.total) * s.batch
        else:
            tokens, moved = s.context, self.cache_bytes
            done = float(self.prefill.total) * s.context
        always, experts = self.weights_read(phase, tokens)
        return done, always + experts + moved

    def weights_read(self, phase: Phase, tokens: int) -> tuple[float, float]:
        """Bytes of weights that one pass of so many tokens reads: those that all need, and of routed experts."""
        per_weight, needed = self.stored.per_weight, self.needed[phase]
        always = sum(number * per_weight[part] for part, number in needed.always.items())
        return float(always), needed.experts(tokens) * float(per_weight["routed"])

    def on(self, device: Device, phase: Phase) -> Roofline:
        """One pass under the roof of as many of `device` as hold it, dividing the work perfectly, sending for free."""
        done, moved = self.work(phase)
        together, device = self.devices(device), device.working_in(self.stored.main)
        return roofline(done, moved, together * device.peak, together * device.bandwidth)

    def devices(self, device: Device) -> int:
        """Fewest of `device` that hold the weights and the caches of the batch."""
        needed = float(self.stored.total) + self.setting.batch * self.cache_bytes
        return fewest_devices(round(needed), device.memory)

    def as_dict(self, devices: Sequence[Device] = ()) -> dict[str, Any]:
        """Everything as plain values; parameters exact, whole where they are whole."""
        p, s = self.parameters, self.setting
        told: dict[str, Any] = {
            "scope": SCOPE,
            "params_total": p.total,
            "params_active": _plain(p.active),
            "params_active_excl_input_embedding": _plain(p.active_excl_input_embedding),
            "params_active_excl_embeddings_and_head": _plain(p.active_excl_embeddings_and_head),
            "params_total_excl_embeddings_and_head": p.total_excl_embeddings_and_head,
            "params_by_part": {
                part: {"total": p.parts[part].total, "active": _plain(p.parts[part].active)} for part in PARTS
            },
            "sparsity": p.sparsity,
            "experts": None if self.experts is None else vars(self.experts),
            "setting": {
                "context": s.context, "batch": s.batch, "expert_parallel_degree": s.expert_parallel,
                "weights": s.weights_key,
                "bytes_per_weight": float(self.stored.total / p.total), "cache_bytes_per_number": s.cache_bytes,
            },
            "stored": {
                "format": self.stored.label, "otherwise": self.stored.rest, "assumed": self.stored.assumed,
                "bytes": float(self.stored.total),
            },
            "flops_per_token": {
                phase: {
                    "total": float(done.total), "weights": float(done.weights), "attention": float(done.attention),
                    "state": float(done.state),
                }
                for phase, done in (("prefill", self.prefill), ("decode", self.decode))
            },
            "weight_bytes": {key: self.weight_bytes(weights) for key, weights in FORMATS.items()},
            "cache": {
                "numbers_per_token": float(self.cache.per_token),
                "windows": [{"tokens": w, "numbers_per_token": n} for w, n in self.cache.windows.items()],
                "fixed_numbers": self.cache.fixed,
                "numbers_per_source_token": self.cache.per_source_token,
                "bytes": self.cache_bytes,
                "bytes_read_in_decode": self.cache.bytes_read(s.context, s.cache_bytes, s.context),
            },
            "all_to_all": None if self.traffic is None else {
                "layers": self.traffic.layers,
                "expert_parallel": self.traffic.expert_parallel,
                "bytes_per_token_and_layer": float(self.traffic.merged) * SENT_BYTES,
                "bytes_per_token_and_layer_per_expert": float(self.traffic.per_expert) * SENT_BYTES,
            },
        }  # fmt: skip
        if devices:
            told["devices"] = [
                {
                    "key": device.key,
                    "name": device.name,
                    "arithmetic": device.working_in(self.stored.main).arithmetic,
                    "fewest": self.devices(device),
                    **{phase: _roof(self.on(device, phase)) for phase in ("prefill", "decode")},
                }
                for device in devices
            ]
        return told


def size(architecture: Architecture, setting: Setting | None = None) -> Size:
    """Size `architecture`.

    Raises:
        UnsizedError: naming what the architecture leaves unsaid.
        ValueError: for a setting below one.
    """
    s = setting or Setting()
    if min(s.context, s.batch, s.expert_parallel) < 1:
        raise ValueError("context, batch and expert-parallel degree are at least 1")
    parameters = count(architecture)
    step = decoding(architecture)
    step_parameters = parameters if step is architecture else count(step)
    try:
        traffic = all_to_all(architecture, s.expert_parallel)
    except ValueError:  # experts that do not lie evenly on so many devices
        traffic = None
    stored = kept_in(s.weights, parameters) if s.weights else as_released(architecture, parameters)
    return Size(
        parameters=parameters,
        setting=s,
        prefill=operations(architecture, parameters, Context(s.context, "prefill")),
        decode=operations(step, step_parameters, Context(s.context, "decode")),
        needed={"prefill": needed(architecture, parameters), "decode": needed(step, step_parameters)},
        stored=stored,
        cache=cache(architecture),
        traffic=traffic if traffic and traffic.layers else None,
        experts=_experts(architecture),
    )


def _experts(architecture: Architecture) -> Experts | None:
    mixtures = [
        (times, sublayer)
        for name, stack in architecture.stacks.items()
        for times, sublayer, _ in written(stack.groups, 1, name)
        if isinstance(sublayer, Mixture)
    ]
    if not mixtures:
        return None
    layers = sum(times for times, _ in mixtures)

    def mean(value: Callable[[Mixture], float | Fraction]) -> float:
        return float(sum(times * value(mixture) for times, mixture in mixtures) / layers)

    return Experts(
        layers=layers,
        routed=mean(lambda m: m.n_routed_experts),
        chosen=mean(expected_experts),
        shared=mean(lambda m: m.shared.count if m.shared else 0),
        granularity=mean(lambda m: granularity(m, architecture.d_model or 0)),
    )


def _plain(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _roof(found: Roofline) -> dict[str, Any]:
    return {
        "intensity": found.intensity, "ridge": found.ridge, "bound": found.bound, "attainable": found.attainable,
        "seconds": found.seconds,
    }  # fmt: skip
