"""What sizing works on: configurations with layers, and accelerators with the peaks they need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError

if TYPE_CHECKING:
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing.precision import WeightFormat
    from moe_kb.sizing.report import Device

#: Precisions in which a device's datasheet may give a peak, and a configuration be computed.
PEAKS = ("fp32", "fp32_vector", "bf16", "fp16", "fp8", "fp4", "int8")
NO_LAYERS = "its layers are not reported"


@dataclass(frozen=True, slots=True)
class Sizable:
    """A configuration of a model, whether it can be sized or not."""

    id: str
    """`<key of the model>|<label>`, as it stands in the address."""
    label: str
    """Name of the model and label."""
    record: str
    architecture: Architecture | None
    why: str
    """What keeps it from being sized; empty where nothing does."""


def layers_of(reader: Reader, model: str, label: str | None = None) -> dict[str, Architecture]:
    """Configurations of a model (full name) by label, those whose layers a source describes; none where none does."""
    found = reader.tuples(
        "SELECT label, architecture FROM configurations WHERE record = ? AND architecture IS NOT NULL "
        "AND label = coalesce(?, label) ORDER BY position",
        (model, label),
    )
    if not found:
        return {}
    from moe_kb.records.architecture import Architecture
    from moe_kb.records.base import stored

    return {name: stored(Architecture, json.loads(text)) for name, text in found}


def architectures(reader: Reader, model: str, label: str | None = None) -> dict[str, Architecture]:
    """Configurations of a model (full name) by label, those whose layers a source describes.

    Raises:
        NotFoundError: The record is not a model, the label is unknown, or no layers are described.
    """
    if not model.startswith("model:"):
        raise NotFoundError(f"{model} is not a model; a model or a config.json can be sized")
    found = layers_of(reader, model, label)
    if found:
        return found
    known = ", ".join(
        reader.values(
            "SELECT label FROM configurations WHERE record = ? AND architecture IS NOT NULL ORDER BY position", (model,)
        )
    )
    raise NotFoundError(
        f"{model} has no configuration{f' {label}' if label else ''} with layers. Those that have: "
        f"{known or 'none, its layers are not reported; moe-kb import hf CONFIG.json adds them'}."
    )


def sizable(reader: Reader) -> dict[str, Sizable]:
    """Every configuration by its id, in the order of names."""
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing import UnsizedError, count

    found = {}
    for record, key, name, label, text in reader.tuples(
        "SELECT m.record, m.key, m.name, c.label, c.architecture FROM configurations c "
        "JOIN models m ON m.record = c.record ORDER BY m.name COLLATE NOCASE, m.key, c.position"
    ):
        architecture, why = Architecture.model_validate_json(text) if text else None, ""
        try:
            if architecture is None:
                why = NO_LAYERS
            else:
                count(architecture)
        except UnsizedError as error:
            why = "; ".join(error.missing)
        found[f"{key}|{label}"] = Sizable(f"{key}|{label}", f"{name} {label}", record, architecture, why)
    return found


def devices(reader: Reader, weights: WeightFormat | None = None) -> list[Device]:
    """Accelerators whose memory, its bandwidth and a peak for `weights` (default: bf16) have a source, the largest
    memory first."""
    from moe_kb.sizing.precision import BF16, arithmetics
    from moe_kb.sizing.report import Device

    columns = [f"peak_{precision}" for precision in PEAKS]
    found = []
    for key, name, bandwidth, capacity, link, *figures in reader.tuples(
        f"SELECT key, name, memory_bandwidth, memory_capacity, interconnect_one_way, {', '.join(columns)} "
        "FROM accelerators WHERE memory_capacity IS NOT NULL AND memory_bandwidth IS NOT NULL "
        "ORDER BY memory_capacity DESC, key"
    ):
        peaks = {precision: peak for precision, peak in zip(PEAKS, figures, strict=True) if peak}
        usable = [precision for precision in arithmetics(weights or BF16) if precision in peaks]
        if usable:
            found.append(Device(key, name, usable[0], peaks[usable[0]], bandwidth, capacity, link, peaks))
    return found
