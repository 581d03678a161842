"""What serves configurations, as a table: each quantity with what it means, a column a configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.format import bytes_text, time_text

if TYPE_CHECKING:
    from moe_kb.sizing import Device
    from moe_kb.sizing.deployment import Deployment, Load, Plan
    from moe_kb.sizing.what_if import Sized


@dataclass(frozen=True, slots=True)
class Answer:
    """A configuration with what serves it."""

    sized: Sized
    found: Deployment | None
    why: str = ""
    """Why nothing does."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a deployment."""

    name: str
    help: str
    """What it means and how it comes about, in a sentence or two."""
    cell: Callable[[Sized, Deployment], str]
    short: str = ""
    """What it is called in the summary above the table; it stands only in the table where this is empty."""


def answers(configurations: Sequence[Sized], device: Device, plan: Plan) -> list[Answer]:
    """The fewest of a device, in whole nodes, that serve each configuration under its setting."""
    from moe_kb.sizing.deployment import DoesNotFitError, deploy

    out = []
    for sized in configurations:
        try:
            out.append(Answer(sized, deploy(sized.architecture, sized.size, device, plan)))
        except DoesNotFitError as error:
            out.append(Answer(sized, None, str(error)))
    return out


def devices_text(found: Deployment) -> str:
    """How many of which device, in how many nodes."""
    nodes = f", {found.nodes} nodes" if found.nodes > 1 else ""
    return f"{found.devices} × {found.device.name}{nodes}"


def storage_text(sized: Sized) -> str:
    """How the weights are kept, with what stays in another format and what is assumed."""
    stored = sized.size.stored
    parts = [stored.label, stored.rest, f"assumed: {stored.assumed}" if stored.assumed else ""]
    return "; ".join(part for part in parts if part)


def quantities(context: int, batch: int, plan: Plan) -> list[Quantity]:
    """The numbers of a deployment in reading order."""
    at_batch, at_largest = f"batch {batch:,}", "largest batch"
    bound = "A bound from the roofline, no forecast: no real system overlaps perfectly and reaches its peaks."
    rows = [
        Quantity("Weight format", "How the weights are kept, and what stays in another format.", _storage),
        Quantity(
            "Weights",
            "Bytes of all weights in that format, scales included.",
            lambda sized, _: bytes_text(float(sized.size.stored.total)),
        ),
        Quantity(
            "Devices",
            f"The smallest of 1, 2, 4 … and then whole nodes of {plan.node} that holds the weights and a batch of "
            f"{batch:,} at {context:,} tokens, keeps {float(plan.reserve):.0%} of every memory free, and divides "
            "heads and experts evenly.",
            lambda _, found: devices_text(found),
            short="Devices",
        ),
        Quantity(
            "Weights on a device",
            "Attention, dense networks and tables over the tensor-parallel group, routed experts over all devices.",
            lambda _, found: bytes_text(found.weights),
        ),
        Quantity(
            "Reserve on a device",
            f"{float(plan.reserve):.0%} of its memory, for activations, buffers and fragmentation.",
            lambda _, found: bytes_text(found.reserved),
        ),
        Quantity(
            "Left for KV cache on a device",
            "Memory less reserve and weights, in the layout that holds the largest batch.",
            lambda _, found: bytes_text(found.left),
        ),
        Quantity(
            "KV cache of a sequence on a device",
            f"Of {context:,} tokens, on each device of the group that has the sequence. Each device keeps at least "
            "one key-value head, and all of a latent.",
            lambda _, found: bytes_text(found.sequence),
        ),
        Quantity(
            f"Largest batch at {context:,} tokens",
            "Sequences of this length that fit into what is left, over all devices.",
            lambda _, found: "no limit" if found.largest is None else f"{found.largest:,}",
            short="Largest batch",
        ),
        Quantity(
            f"Tokens/s per user, {at_batch}",
            f"At most: one over the least time of a decoding step of {at_batch}. {bound}",
            lambda _, found: f"≤ {_rate(found.asked.per_user)}",
            short="Tokens/s per user",
        ),
        Quantity(
            f"Tokens/s per user, {at_largest}",
            f"The same when the cache is full: users share the devices. {bound}",
            lambda _, found: f"≤ {_rate(found.full.per_user)}",
        ),
        Quantity(
            f"Tokens/s per device, {at_largest}",
            f"At most: the largest batch over the least time of its step, divided by the devices. {bound}",
            lambda _, found: f"≤ {_rate(found.full.per_device)}",
            short="Tokens/s per device",
        ),
        Quantity(
            f"Limited by, {at_batch} / {at_largest}",
            "What takes longest in a step: reading memory, arithmetic, or the links between devices.",
            lambda _, found: f"{found.asked.bound} / {found.full.bound}",
        ),
        Quantity(
            f"Time to first token, {plan.prompt:,}-token prompt",
            f"At least: the prefill of one prompt, alone, without waiting and launching. {bound}",
            lambda _, found: f"≥ {time_text(found.first_token)}",
            short="Time to first token",
        ),
    ]
    if plan.price is not None:
        rows.append(
            Quantity(
                "Price of a million tokens",
                f"At least: {plan.price:g} a device and hour, over the most tokens an hour, at the largest batch. In "
                "the currency of the price, with every hour full of requests.",
                lambda _, found: f"≥ {_price(found.full)}",
                short="Price of 1M tokens",
            )
        )
        rows.append(
            Quantity(
                f"Price of a million tokens, {at_batch}",
                f"The same for {at_batch}, when the devices wait for its users.",
                lambda _, found: f"≥ {_price(found.asked)}",
            )
        )
    rows += [
        Quantity(
            f"Parallelism, {at_batch} / {at_largest}",
            "DP: groups with different sequences. TP: devices that share attention. EP: parts of the experts. The "
            "layout that is quickest for the batch, and the one that holds most.",
            _layouts,
        ),
        Quantity(
            "Arithmetic", "The precision of the peak that the bounds use.", lambda _, found: found.device.arithmetic
        ),
        Quantity(
            "Remarks",
            "How experts and heads divide, and which smaller numbers of devices do not come out even.",
            lambda _, found: "; ".join(found.remarks),
        ),
    ]
    return rows


def deployment_rows(found: Sequence[Answer], asked: Sequence[Quantity]) -> list[dict[str, str]]:
    """A row a quantity, a column a configuration; where nothing serves it, the first rows say why."""
    return [
        {"Quantity": quantity.name}
        | {
            answer.sized.label: quantity.cell(answer.sized, answer.found)
            if answer.found
            else (answer.why if quantity.name == "Devices" else "")
            for answer in found
        }
        for quantity in asked
    ]


def _storage(sized: Sized, _: Deployment) -> str:
    return storage_text(sized)


def _layouts(sized: Sized, found: Deployment) -> str:
    routed = sized.size.experts is not None
    words = [load.layout.words(routed=routed) for load in (found.asked, found.full)]
    return " / ".join(dict.fromkeys(words))


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _price(load: Load) -> str:
    return f"{load.price:,.2f}" if load.price and load.price >= 0.1 else f"{load.price:.2g}"
