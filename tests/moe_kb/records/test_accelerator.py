"""What an accelerator's record may say."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError
from trees import FILES

from moe_kb.records import Accelerator

ZETA = "data/accelerators/zeta.yaml"


@pytest.fixture
def data():
    return yaml.safe_load(FILES[ZETA])


def test_values_are_read_from_print(data):
    zeta = Accelerator.model_validate(data)
    assert zeta.peak("bf16") == 300 * 10**12
    assert zeta.peak("fp32", "vector") == 19_500_000_000_000
    assert zeta.peak("fp32") is None
    assert zeta.peak("fp8") == 600 * 10**12  # the derived figure, not the printed one
    assert (zeta.memory.number, zeta.memory_bandwidth.number) == (80 * 10**9, 2 * 10**12)
    names = "peak_fp32_vector peak_bf16 peak_fp8 memory_capacity memory_bandwidth interconnect_bandwidth"
    assert " ".join(name for name, _ in zeta.figures()) == names


@pytest.mark.parametrize(
    ("direction", "one_way"), [("both-ways", 300 * 10**9), ("one-way", 600 * 10**9), ("unstated", None)]
)
def test_one_way_bandwidth_needs_a_stated_direction(data, direction, one_way):
    data["interconnect"]["direction"] = direction
    assert Accelerator.model_validate(data).interconnect.one_way == one_way


def test_bare_devices_have_no_values():
    bare = Accelerator.model_validate({"key": "bare", "name": "Bare"})
    assert (bare.figures(), bare.peak("bf16")) == ([], None)


REFUSED = {
    "no quantity": (("memory", "printed"), "eighty", "is no number with a unit"),
    "no unit": (("memory", "printed"), "80", "is no number with a unit"),
    "another unit": (("memory", "printed"), "80 GB/s", "is in bytes/s, and this field is in bytes"),
    "bytes for operations": (("peaks", 1, "printed"), "80 GB", "is in bytes, and this field is in operations/s"),
    "value without derivation": (("memory", "value"), 80, "`value` is for derived figures"),
    "derivation without value": (("memory", "status"), "derived", "`value` is for derived figures"),
    "derivation without note": (("peaks", 2, "note"), None, "needs a `note`"),
    "nothing": (("peaks", 2, "value"), 0, "greater than 0"),
    "unknown precision": (("peaks", 1, "precision"), "int5", "Input should be"),
    "vector units in another precision": (("peaks", 0, "precision"), "fp8", "only fp32, fp16 and bf16 are kept"),
    "unknown direction": (("interconnect", "direction"), "up", "Input should be"),
    "no direction": (("interconnect", "direction"), None, "Input should be"),
    "the same peak twice": (("peaks", 2, "precision"), "bf16", "twice: peak_bf16"),
    "unknown field": (("memory", "typ"), "HBM", "Extra inputs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_values_are_refused(data, name):
    path, value, message = REFUSED[name]
    part = data
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(ValidationError, match=message):
        Accelerator.model_validate(data)
