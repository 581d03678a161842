"""Tables of sizes: configurations side by side, a change, and computed parameters beside those claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from moe_kb.format import bytes_text, change_text, compact, rate_text, time_text
from moe_kb.queries.values import Value, shown
from moe_kb.sizing.cache import STATE_BYTES
from moe_kb.sizing.communication import SENT_BYTES

if TYPE_CHECKING:
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing import Device
    from moe_kb.sizing.context import Phase
    from moe_kb.sizing.what_if import Sized

Cells = dict[str, str]
"""A row as text, by heading."""

PASSES: dict[Phase, str] = {"prefill": "prefill", "decode": "decoding step"}

#: The conventions of parameters in use: name, what each includes.
CONVENTIONS = {
    "total": ("Total", "every parameter, a tied table once"),
    "active": ("Active, with embeddings and head", "all that a token passes through, both tables counted whole"),
    "active_excl_input_embedding": (
        "Active, without input embedding",
        "the same without the table that a row is only looked up in; a tied table is the head, so it stays",
    ),
    "active_excl_embeddings_and_head": ("Active, without both", "the same without either table"),
}


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """An accelerator with how many of it hold each configuration."""

    record: str
    name: str
    devices: tuple[int, ...]
    memory: float
    """GB."""
    bandwidth: float
    """TB/s."""
    peak: float
    """TFLOP/s."""
    arithmetic: str


def parameter_rows(configurations: Sequence[Sized]) -> list[Cells]:
    """The conventions, and what follows from them, a row each, a column a configuration."""

    def row(name: str, includes: str, cell: Callable[[Sized], str]) -> Cells:
        return {"Parameters": name, "Includes": includes} | {sized.label: cell(sized) for sized in configurations}

    def counted(field: str) -> Callable[[Sized], str]:
        return lambda sized: f"{round(getattr(sized.size.parameters, field)):,}"

    def sparsity(sized: Sized) -> str:
        return f"{sized.size.parameters.sparsity:.1%}"

    def granularity(sized: Sized) -> str:
        return f"{sized.size.experts.granularity:.3g}" if sized.size.experts else "no experts"

    return [
        *(row(name, includes, counted(field)) for field, (name, includes) in CONVENTIONS.items()),
        row("Sparsity", "share of all parameters that a token does not use", sparsity),
        row("Granularity", "8 D² over the weights of one expert: how finely a layer is cut", granularity),
    ]


def cache_rows(configurations: Sequence[Sized]) -> list[Cells]:
    """What every configuration keeps of a token, of a window and whatever the length, and what it comes to."""
    rows = []
    for sized in configurations:
        cache, setting = sized.size.cache, sized.size.setting

        def kept(numbers: float | Fraction, bytes_of_number: float = setting.cache_bytes) -> str:
            return bytes_text(float(numbers) * bytes_of_number)

        row = {
            "Configuration": sized.label,
            "KV cache per token": kept(cache.per_token),
            "Windows": ", ".join(f"{kept(n)} a token up to {window:,}" for window, n in cache.windows.items())
            or "none",
            "Constant state": kept(cache.fixed, STATE_BYTES) if cache.fixed else "none",
            "Encoder's tokens": f"{kept(cache.per_source_token)} a token" if cache.per_source_token else "",
            f"At {setting.context:,} tokens": bytes_text(sized.size.cache_bytes),
            "Read per decoded token": bytes_text(
                cache.bytes_read(setting.context, setting.cache_bytes, setting.context)
            ),
        }
        rows.append(row)
    empty = set() if any(row["Encoder's tokens"] for row in rows) else {"Encoder's tokens"}
    return [{name: cell for name, cell in row.items() if name not in empty} for row in rows]


def roofline_rows(configurations: Sequence[Sized], device: Device) -> list[Cells]:
    """What limits each pass of each configuration on as many of a device as hold it."""
    rows = []
    for sized in configurations:
        n_devices = sized.size.devices(device)
        for phase, name in PASSES.items():
            roofline = sized.size.on(device, phase)
            digits = ",.0f" if roofline.intensity >= 100 else ".3g"
            rows.append(
                {
                    "Configuration": sized.label,
                    "Pass": name,
                    "Minimum devices": f"{n_devices:,}",
                    "Intensity": f"{roofline.intensity:{digits}} FLOP/B",
                    "Limited by": "arithmetic" if roofline.bound == "compute" else "memory",
                    "Attainable on each": rate_text(roofline.attainable / n_devices, "FLOP/s"),
                    "Minimum time": time_text(roofline.seconds),
                }
            )
    return rows


def device_rows(configurations: Sequence[Sized], devices: Sequence[Device]) -> list[DeviceRow]:
    """The minimum number of every accelerator that holds each configuration with the caches of its batch."""
    return [
        DeviceRow(
            f"accelerator:{device.key}",
            device.name,
            tuple(sized.size.devices(device) for sized in configurations),
            device.memory / 1e9,
            device.bandwidth / 1e12,
            device.peak / 1e12,
            device.arithmetic,
        )
        for device in devices
    ]


def change_rows(baseline: Sized, modified: Sized, device: Device | None) -> list[Cells]:
    """What a change does to each quantity."""
    old, new = baseline.size, modified.size
    quantities: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("Total parameters", old.parameters.total, new.parameters.total, compact),
        ("Active parameters", float(old.parameters.active), float(new.parameters.active), compact),
        ("FLOPs per token, prefill", float(old.prefill.total), float(new.prefill.total), _gigaflops),
        ("FLOPs per token, decode", float(old.decode.total), float(new.decode.total), _gigaflops),
        (f"Weights in {old.stored.label}", float(old.stored.total), float(new.stored.total), bytes_text),
    ]
    if device is not None:
        quantities.append((f"Minimum number of {device.name}", old.devices(device), new.devices(device), compact))

    def row(name: str, before: str, after: str, change: str) -> Cells:
        return {"Quantity": name, "Baseline": before, "Modified": after, "Change": change}

    rows = [
        row(name, text(before), text(after), change_text(before, after)) for name, before, after, text in quantities
    ]
    sparsity = old.parameters.sparsity, new.parameters.sparsity
    points = f"{100 * (sparsity[1] - sparsity[0]):+.2f} points"
    rows.append(row("Sparsity", f"{sparsity[0]:.1%}", f"{sparsity[1]:.1%}", points))
    sent = [size.traffic and float(size.traffic.merged) * SENT_BYTES for size in (old, new)]
    if any(sent):
        before, after = sent
        rows.append(
            row(
                f"All-to-all per token and layer on {old.setting.expert_parallel}",
                bytes_text(before) if before else "not even",
                bytes_text(after) if after else "not even",
                change_text(before, after) if before and after else "",
            )
        )
    return rows


def _gigaflops(number: float) -> str:
    return f"{number / 1e9:,.4g} GFLOP"


def claimed_rows(architecture: Architecture, values: Mapping[str, Value]) -> list[Cells]:
    """Parameters that follow from the layers beside those that sources claim, with the difference of each claim.

    A claim of active parameters stands beside the convention that it comes nearest to, as sources seldom say which they
    use.

    Raises:
        UnsizedError: The layers leave unsaid what the size depends on.
    """
    from moe_kb.sizing import count

    counted = count(architecture)
    numbers = {field: float(getattr(counted, field)) for field in CONVENTIONS}
    claimed: dict[str, dict[str, float]] = {field: {} for field in CONVENTIONS}
    for name, fields in (("params_total", ["total"]), ("params_active", [f for f in CONVENTIONS if f != "total"])):
        for claim in values[name].claims if name in values else ():
            if claim.number is not None:
                number = float(claim.number)
                _, nearest = min((abs(numbers[field] - number), field) for field in fields)
                claimed[nearest][shown(claim)] = number
    return [
        {
            "Parameters": name,
            "Computed": f"{round(numbers[field]):,}",
            "Claimed": "; ".join(claimed[field]),
            "Difference": "; ".join(
                change_text(round(numbers[field]), round(number)) for number in claimed[field].values()
            ),
        }
        for field, (name, _) in CONVENTIONS.items()
    ]
