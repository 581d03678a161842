"""How many devices serve a configuration, how many sequences they hold, and bounds on how quick they are.

n devices are D groups of T (n = D T): the tensor-parallel devices of a group share its attention, dense networks and
tables (TP), the groups take different sequences (DP). Routed experts lie on all n: E_p expert-parallel parts (EP), each
cut into X = n / E_p pieces of its width where there are more devices than parts. A number of devices is possible where
T divides the query heads (and divides, or is divided by, the key-value heads), E_p is the greatest part of n that
divides the experts of every layer, and X divides their width. T and X stay within a node.

On one device lie, in bytes,

    weights    w = A / T + R / n                          A: all but routed experts, R: routed experts
    caches     c = g Q_T(L)                               g sequences of a group; Q_T: what one device keeps of one

and w + c <= (1 - r) M for a memory M of which the share r is kept free. Of keys and values a device keeps 1 / T, but at
least one head's; a latent or single head is on all T. A step of a batch of b sequences, g = ceil(b / D), takes at least

    memory     (A_read / T + R_read(b) / n + g Q_read) / B
    arithmetic (g F_other / T + b F_routed / n) / P
    links      bytes sent by a device / B_link

and, as these can overlap, the greatest of the three: a bound from below, no forecast. F is operations of a token, P the
peak of the arithmetic that most weights are in, B the memory's bandwidth. Over the links go, for each token of a group,
2 (T - 1) / T vectors for each sublayer that its devices share (ring all-reduce: Patarasuk and Yuan 2009, doi
10.1016/j.jpdc.2008.09.002) and, where there are groups, the all-to-all of `communication`.

Left out: activations and buffers (the reserve is for them), copies of norms and of key-value projections, waiting and
launching, uneven loads, slower links between nodes, and pipeline parallelism. The way of splitting is Pope et al.'s
(2022, arXiv 2211.05102) for attention and dense networks, and DeepSeek-V3's (arXiv 2412.19437, section 3.4)
for experts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import (
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    LatentAttention,
    LinearAttention,
    Mixture,
    StateSpace,
    Sublayer,
)
from moe_kb.sizing.cache import Cache, cache
from moe_kb.sizing.communication import SENT_BYTES, all_to_all
from moe_kb.sizing.context import Context, Phase
from moe_kb.sizing.operations import Operations, operations
from moe_kb.sizing.parameters import size_of_width, written
from moe_kb.sizing.report import Device, Size

#: Nodes beyond which nothing is looked for.
MOST_NODES = 64
Bound = Literal["memory", "arithmetic", "links"]


class DoesNotFitError(ValueError):
    """No number of devices that was looked at serves it; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a deployment, besides the context, batch and formats of a `Setting`.

    Attributes:
        prompt: tokens of a prompt, for the time to the first token.
        reserve: share of every device's memory that is kept free, at least 0 and below 1.
        node: devices of a node, joined by the device's links.
        price: of a device and hour, in any currency; none where it is not known.

    Raises:
        ValueError: a value out of its range.
    """

    prompt: int = 2048
    reserve: Fraction = Fraction(1, 10)
    node: int = 8
    price: float | None = None

    def __post_init__(self) -> None:
        if self.prompt < 1 or self.node < 1:
            raise ValueError("a prompt has at least one token, and a node at least one device")
        if not 0 <= self.reserve < 1:
            raise ValueError(f"the reserve is a share of at least 0 and below 1, not {self.reserve}")
        if self.price is not None and not 0 <= self.price < math.inf:
            raise ValueError(f"the price of a device and hour is at least 0, not {self.price}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How devices share the work."""

    devices: int
    tensor: int
    """T, devices that share attention, dense networks and tables."""
    experts: int
    """E_p, parts that the routed experts of a layer are in; 1 where there are none."""

    @property
    def groups(self) -> int:
        """D, groups of devices that take different sequences."""
        return self.devices // self.tensor

    @property
    def expert_tensor(self) -> int:
        """X, devices that share the width of an expert."""
        return self.devices // self.experts

    def words(self, *, routed: bool) -> str:
        """In the field's short forms, e.g. `DP 8, EP 8`."""
        named = [("DP", self.groups), ("TP", self.tensor)]
        if routed:
            named += [("EP", self.experts), ("expert TP", self.expert_tensor)]
        return ", ".join(f"{name} {number}" for name, number in named if number > 1) or "one device"


@dataclass(frozen=True, slots=True)
class Load:
    """A batch of sequences at a context, decoded on a layout."""

    layout: Layout
    batch: int
    seconds: float
    """Least time of a step, in which every sequence gets a token."""
    bound: Bound
    """What takes longest."""
    price: float | None
    """Least price of a million decoded tokens, where the price of a device and hour is known."""

    @property
    def per_user(self) -> float:
        """Tokens/s of one sequence, at most."""
        return 1 / self.seconds

    @property
    def per_device(self) -> float:
        """Tokens/s of one device, at most."""
        return self.batch / (self.seconds * self.layout.devices)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The fewest devices, in whole nodes, that serve a configuration; all bytes are those of one device.

    Attributes:
        device: the accelerator, in the arithmetic of the weights.
        nodes: whole nodes; 1 where it is a part of one.
        weights: bytes of weights, on the layout of the largest batch.
        reserved: bytes kept free.
        left: bytes left for caches.
        sequence: bytes that one sequence at the context takes of a device of its group.
        largest: the largest batch at the context; none where sequences take nothing, so that nothing limits it.
        asked: the batch that was asked for, on the layout that is quickest for it.
        full: the largest batch (that asked for, where nothing limits it), on the layout that holds most.
        first_token: least seconds from a prompt to its first token, alone on the layout of `asked`.
        remarks: how heads and experts divide, and which smaller numbers have memory but do not divide.
    """

    device: Device
    nodes: int
    weights: float
    reserved: float
    left: float
    sequence: float
    largest: int | None
    asked: Load
    full: Load
    first_token: float
    remarks: tuple[str, ...]

    @property
    def devices(self) -> int:
        """How many devices."""
        return self.full.layout.devices

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values: bytes of one device, seconds, tokens/s."""

        def load(found: Load) -> dict[str, Any]:
            return {
                "batch": found.batch, "data_parallel": found.layout.groups, "tensor_parallel": found.layout.tensor,
                "expert_parallel": found.layout.experts, "expert_tensor_parallel": found.layout.expert_tensor,
                "seconds_per_step": found.seconds, "bound": found.bound, "tokens_per_second_user": found.per_user,
                "tokens_per_second_device": found.per_device, "price_per_million_tokens": found.price,
            }  # fmt: skip

        return {
            "accelerator": self.device.key, "devices": self.devices, "nodes": self.nodes,
            "weight_bytes": self.weights, "reserved_bytes": self.reserved, "bytes_left_for_cache": self.left,
            "cache_bytes_per_sequence": self.sequence, "largest_batch": self.largest,
            "seconds_to_first_token": self.first_token, "asked": load(self.asked), "full": load(self.full),
            "remarks": list(self.remarks),
        }  # fmt: skip


def deploy(architecture: Architecture, size: Size, device: Device, plan: Plan | None = None) -> Deployment:
    """The fewest of `device` that hold the weights and the setting's batch at its context.

    Numbers tried are 1, 2, 4 ... below a node, then whole nodes.

    Args:
        architecture: the layers.
        size: their size; its setting gives context, batch and formats.
        device: the accelerator.
        plan: what else is asked; 10 % kept free and nodes of eight, unless given.

    Raises:
        DoesNotFitError: no number of up to `MOST_NODES` nodes does.
    """
    return _Serving(architecture, size, device.working_in(size.stored.main), plan or Plan()).fewest()


def counts(node: int) -> Iterator[int]:
    """Numbers of devices in the order in which they are tried: powers of two below a node, then whole nodes.

    >>> list(counts(8))[:6]
    [1, 2, 4, 8, 16, 24]
    """
    number = 1
    while number < node:
        yield number
        number *= 2
    yield from range(node, MOST_NODES * node + 1, node)


class _Serving:
    """One configuration on one kind of device."""

    def __init__(self, architecture: Architecture, size: Size, device: Device, plan: Plan) -> None:
        self.architecture, self.size, self.device, self.plan = architecture, size, device, plan
        placed = [
            (times, sublayer)
            for name, stack in architecture.stacks.items()
            for times, sublayer, _ in written(stack.groups, 1, name)
        ]
        self.sublayers = [sublayer for _, sublayer in placed]
        self.mixtures = [sublayer for sublayer in self.sublayers if isinstance(sublayer, Mixture)]
        self.n_mixtures = sum(times for times, sublayer in placed if isinstance(sublayer, Mixture))
        self.n_others = sum(times for times, sublayer in placed if not isinstance(sublayer, Mixture))
        self.routed = float(size.stored.parts["routed"])
        self.other = float(size.stored.total) - self.routed
        self.usable = device.memory * float(1 - plan.reserve)
        self.caches: dict[int, list[tuple[float, Cache]]] = {}
        self.sent: dict[int, float] = {}

    @cached_property
    def prefill(self) -> Operations:
        """Operations of a token of a prompt."""
        return operations(self.architecture, self.size.parameters, Context(self.plan.prompt, "prefill"))

    # --- which layouts are possible ----------------------------------------------------------------------------------

    def layouts(self, devices: int) -> list[Layout]:
        """Every layout of so many devices."""
        parts = self.expert_parts(devices)
        if parts is None:
            return []
        within = (tensor for tensor in range(1, min(devices, self.plan.node) + 1) if devices % tensor == 0)
        return [Layout(devices, tensor, parts) for tensor in within if not self.undivided(tensor)]

    def expert_parts(self, devices: int) -> int | None:
        """E_p of so many devices; none where the pieces do not come out even."""
        if not self.mixtures:
            return devices  # no experts: nothing to cut
        parts = math.gcd(devices, *(mixture.n_routed_experts for mixture in self.mixtures))
        pieces = devices // parts
        even = all(size_of_width(mixture) % pieces == 0 for mixture in self.mixtures)
        return parts if even and pieces <= self.plan.node else None

    def undivided(self, tensor: int) -> str:
        """What so many tensor-parallel devices cannot share evenly; empty where they can."""
        for sublayer in self.sublayers:
            heads = _heads(sublayer)
            if heads is None:
                continue
            queries, keys = heads
            if queries % tensor:
                return f"{queries} heads are not divided by {tensor}"
            if keys % tensor and tensor % keys:
                return f"{keys} key-value heads do not fit {tensor} devices"
        return ""

    # --- what a device holds -----------------------------------------------------------------------------------------

    def weights(self, layout: Layout) -> float:
        """Bytes of weights of a device."""
        return self.other / layout.tensor + self.routed / layout.devices

    def kept(self, tensor: int) -> list[tuple[float, Cache]]:
        """What is kept of a sequence, by the part of it that a device of its group has."""
        if tensor not in self.caches:
            self.caches[tensor] = [
                (float(part), self.having(part, tensor))
                for part in sorted({_share(sublayer, tensor) for sublayer in self.sublayers})
            ]
        return self.caches[tensor]

    def having(self, part: Fraction, tensor: int) -> Cache:
        """The cache of the sublayers of which a device has this part."""
        return cache(self.architecture, lambda sublayer: _share(sublayer, tensor) == part)

    def sequence(self, layout: Layout, tokens: int | None = None) -> float:
        """Bytes of a sequence of so many tokens (the context) on a device of its group."""
        length, number = tokens or self.size.setting.context, self.size.setting.cache_bytes
        return sum(part * cache.bytes(length, number, length) for part, cache in self.kept(layout.tensor))

    def most(self, layout: Layout) -> float:
        """The largest batch; infinite where a sequence takes nothing, below 0 where the weights do not fit."""
        left = self.usable - self.weights(layout)
        if left < 0:
            return -1
        each = self.sequence(layout)
        return layout.groups * math.floor(left / each) if each else math.inf

    # --- how long it takes -------------------------------------------------------------------------------------------

    def load(self, layout: Layout, batch: int) -> Load:
        """A decoding step of a batch."""
        setting = self.size.setting
        group = math.ceil(batch / layout.groups)
        length, number = setting.context, setting.cache_bytes
        read = sum(part * cache.bytes_read(length, number, length) for part, cache in self.kept(layout.tensor))
        seconds, bound = self.time(
            layout, "decode", done=self.size.decode, group=group, tokens=batch, moved=group * read
        )
        price = None
        if self.plan.price is not None:
            price = self.plan.price * layout.devices * seconds / 3600 / batch * 1e6
        return Load(layout, batch, seconds, bound, price)

    def first_token(self, layout: Layout) -> float:
        """Seconds of a prompt's prefill, alone."""
        prompt = self.plan.prompt
        stored = self.sequence(layout, prompt)
        return self.time(layout, "prefill", done=self.prefill, group=prompt, tokens=prompt, moved=stored)[0]

    def time(
        self, layout: Layout, phase: Phase, *, done: Operations, group: int, tokens: int, moved: float
    ) -> tuple[float, Bound]:
        """Least seconds of a pass of `tokens` tokens, at most `group` of them in one group, and what takes longest."""
        always, experts = self.size.weights_read(phase, tokens)
        routed = float(done.by_part["routed"])
        other = float(done.total) - routed
        memory = (always / layout.tensor + experts / layout.devices + moved) / self.device.bandwidth
        work = group * other / layout.tensor + tokens * routed / layout.devices
        times: dict[Bound, float] = {"memory": memory, "arithmetic": work / self.device.peak}
        if self.device.link:
            times["links"] = self.sends(layout, group) / self.device.link
        bound = max(times, key=times.__getitem__)
        return times[bound], bound

    def sends(self, layout: Layout, group: int) -> float:
        """Bytes that a device sends for `group` tokens of its group."""
        shared = self.n_others + (self.n_mixtures if layout.groups == 1 else 0)
        vector = (self.architecture.d_model or 0) * SENT_BYTES
        reduced = 2 * (layout.tensor - 1) / layout.tensor * shared * vector
        if layout.groups == 1 or not self.mixtures:
            return group * reduced
        if layout.experts not in self.sent:
            traffic = all_to_all(self.architecture, layout.experts)
            self.sent[layout.experts] = float(traffic.merged) * traffic.layers * SENT_BYTES
        return group * (reduced + self.sent[layout.experts] / layout.tensor)

    # --- the answer --------------------------------------------------------------------------------------------------

    def fewest(self) -> Deployment:
        batch, skipped = self.size.setting.batch, list[str]()
        for devices in counts(self.plan.node):
            possible = [layout for layout in self.layouts(devices) if self.most(layout) >= batch]
            if possible:
                return self.answer(possible, skipped)
            if self.roomy(devices, batch) and (why := self.why_not(devices)):
                skipped.append(f"{devices:,}: {why}")
        most = MOST_NODES * self.plan.node
        reasons = f" ({skipped[0]})" if skipped else ""
        raise DoesNotFitError(f"up to {most:,} {self.device.name} do not hold a batch of {batch:,}{reasons}")

    def roomy(self, devices: int, batch: int) -> bool:
        """Whether the memory of so many would do, divided as finely as needed."""
        needed = self.other + self.routed + batch * self.size.cache_bytes
        return needed <= devices * self.usable

    def why_not(self, devices: int) -> str:
        """What keeps so many from sharing the work."""
        if self.expert_parts(devices) is None:
            experts = sorted({mixture.n_routed_experts for mixture in self.mixtures})
            return f"{', '.join(map(str, experts))} experts do not lie evenly on {devices:,} devices"
        return self.undivided(math.gcd(devices, self.plan.node)) or "what each device repeats leaves too little room"

    def answer(self, possible: list[Layout], skipped: list[str]) -> Deployment:
        batch = self.size.setting.batch
        asked = min((self.load(layout, batch) for layout in possible), key=lambda load: load.seconds)
        roomiest = max(possible, key=lambda layout: (self.most(layout), layout.tensor))
        most = self.most(roomiest)
        largest = None if most == math.inf else int(most)
        full = self.load(roomiest, largest or batch)
        weights = self.weights(roomiest)
        return Deployment(
            device=self.device,
            nodes=math.ceil(roomiest.devices / self.plan.node),
            weights=weights,
            reserved=self.device.memory - self.usable,
            left=self.usable - weights,
            sequence=self.sequence(roomiest),
            largest=largest,
            asked=asked,
            full=full,
            first_token=self.first_token(asked.layout),
            remarks=(*self.remarks(asked.layout, roomiest), *skipped),
        )

    def remarks(self, asked: Layout, full: Layout) -> Iterator[str]:
        """How experts and heads lie on the devices."""
        if self.mixtures and full.devices > 1:
            each = ", ".join(
                f"{number // full.experts:,} of {number:,}"
                for number in sorted({mixture.n_routed_experts for mixture in self.mixtures})
            )
            cut = f", each cut in {full.expert_tensor}" if full.expert_tensor > 1 else ""
            yield f"routed experts on a device: {each}{cut}"
        tensor = max(asked.tensor, full.tensor)
        if tensor > 1:
            copies = {_share(sublayer, tensor) * tensor for sublayer in self.sublayers if _heads(sublayer)}
            if max(copies, default=Fraction(1)) > 1:
                yield f"with TP {tensor} keys and values are kept {max(copies)} times, as there are fewer heads"
        if full.devices > self.plan.node:
            yield "links between nodes are slower than those within, which the bounds take for all"
        if not self.device.link:
            yield f"no source gives the links of {self.device.name} in one direction, so sending is free here"


def _heads(sublayer: Sublayer) -> tuple[int, int] | None:
    """Query heads and heads of what is kept; None of a sublayer without heads."""
    if isinstance(sublayer, Attention | AttentionExperts):
        return sublayer.n_heads, sublayer.n_kv_heads or sublayer.n_heads
    if isinstance(sublayer, LatentAttention | CompressedAttention):
        return sublayer.n_heads, 1
    if isinstance(sublayer, LinearAttention | StateSpace) and sublayer.n_heads:
        return sublayer.n_heads, sublayer.n_heads
    return None


def _share(sublayer: Sublayer, tensor: int) -> Fraction:
    """Of what a sublayer keeps of a sequence, the part on one of so many devices: at least a head."""
    if isinstance(sublayer, Dense | Mixture):
        return Fraction(1)  # keeps nothing
    heads = _heads(sublayer)
    return Fraction(1, tensor) if heads is None else Fraction(1, min(tensor, heads[1]))
