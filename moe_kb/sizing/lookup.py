"""What the knowledge base gives sizing: configurations with layers, and accelerators with the peaks they need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moe_kb.errors import NotFoundError
from moe_kb.records.architecture import Architecture
from moe_kb.sizing.precision import FORMATS, WeightFormat
from moe_kb.sizing.report import Device

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

SIXTEEN_BITS = ("bf16", "fp16")
ARITHMETIC = {
    "fp32": ("fp32", "fp32_vector"),
    "fp8": ("fp8", *SIXTEEN_BITS),
    "fp8-block-128": ("fp8", *SIXTEEN_BITS),
    "mxfp4": ("fp4", *SIXTEEN_BITS),
    "nvfp4": ("fp4", *SIXTEEN_BITS),
}
"""What weights of a format are multiplied in, the first that a device's sheet gives; narrow ones can be unpacked to 16
bits, as all others are. A device that has none of them is left out."""


def architectures(kb: KnowledgeBase, name: str, label: str | None = None) -> dict[str, Architecture]:
    """Configurations of a model by label, those whose layers a source describes.

    Raises:
        NotFoundError: for an unknown model or label, or where no layers are described.
    """
    record = kb.resolve(name, None if ":" in name else "model")
    if not record.startswith("model:"):
        raise NotFoundError(f"{name} is not a model; a model or a config.json can be sized")
    configurations = json.loads(kb.page(record).content).get("configurations", ())
    found = {
        configuration["label"]: Architecture.model_validate(configuration["architecture"])
        for configuration in configurations
        if configuration.get("architecture")
    }
    if label is None and found:
        return found
    if label is not None and label in found:
        return {label: found[label]}
    known = ", ".join(found) or "none: no source at hand describes its layers; moe-kb import hf CONFIG.json adds them"
    raise NotFoundError(f"{name} has no configuration {label or ''} with layers. Those that have: {known}.")


def devices(kb: KnowledgeBase, weights: WeightFormat = FORMATS["bf16"]) -> list[Device]:
    """Accelerators whose memory, its rate and a peak for `weights` have a source, the widest memory first."""
    found = []
    for row in kb.rows("SELECT * FROM accelerators ORDER BY memory_capacity DESC, key"):
        if row["memory_capacity"] is None or row["memory_bandwidth"] is None:
            continue
        for precision in ARITHMETIC.get(weights.key, SIXTEEN_BITS):
            if peak := row[f"peak_{precision}"]:
                found.append(
                    Device(row["key"], row["name"], precision, peak, row["memory_bandwidth"], row["memory_capacity"])
                )
                break
    return found
