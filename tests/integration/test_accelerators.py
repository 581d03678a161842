"""The real accelerators: every figure with its source, and of a size that a device can have."""

import pytest
from databases import sql_rows
from trees import REPOSITORY

from moe_kb.claims.expand import expand
from moe_kb.corpus import Corpus
from moe_kb.records import Accelerator, Source
from moe_kb.records.measure import parse_measure
from moe_kb.sizing.roofline import fewest_devices, ridge_point

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.load(REPOSITORY)


@pytest.fixture(scope="module")
def devices(corpus) -> dict[str, Accelerator]:
    return {device.key: device for device in corpus.of(Accelerator)}


def test_devices_have_all_that_a_roofline_needs(devices):
    assert len(devices) >= 20
    assert {device.organisation for device in devices.values()} >= {"NVIDIA", "AMD", "Google", "Intel"}
    for device in devices.values():
        assert None not in (device.peak("bf16"), device.memory, device.memory_bandwidth), device.key


def test_datasheet_values_have_sources_with_addresses(corpus, devices):
    sources = {source.key: source for source in corpus.of(Source)}
    for device in devices.values():
        for name, figure in device.figures():
            assert figure.locator, (device.key, name)
            assert None not in (sources[figure.source].url, sources[figure.source].accessed), figure.source


def test_claims_have_the_values_they_print(devices):
    for device in devices.values():
        for claim in expand(device):
            if claim.unit and claim.status == "reported":
                measure = parse_measure(claim.printed)
                assert (measure.value, measure.unit) == (claim.value, claim.unit), (device.key, claim)


def test_datasheet_values_are_plausible(devices):
    """Wide bounds that catch a slip by a power of ten, a figure with sparsity, or one of a whole system."""
    for device in devices.values():
        assert 10**9 * 10 < device.memory.number < 10**9 * 400, device.key
        assert 0.5e12 < device.memory_bandwidth.number < 10e12, device.key
        assert 100 < ridge_point(device.peak("bf16"), device.memory_bandwidth.number) < 600, device.key
        for narrow, wide in (("fp8", "bf16"), ("int8", "bf16"), ("fp4", "fp8"), ("bf16", "tf32")):
            few, many = device.peak(wide), device.peak(narrow)
            if few and many:
                assert 0.99 <= many / few <= 4.1, (device.key, narrow, wide)
        if device.interconnect and device.interconnect.one_way:
            assert 10**9 < device.interconnect.one_way < device.memory_bandwidth.number, device.key


def test_the_table_holds_what_the_records_say(real_kb, devices):
    rows = {row["key"]: row for row in sql_rows(real_kb, "SELECT * FROM accelerators")}
    assert set(rows) == set(devices)
    for key, device in devices.items():
        figures = {name: figure.number for name, figure in device.figures()}
        assert {name: rows[key][name] for name in figures} == figures
        columns = [name for name in rows[key] if name.startswith(("peak_", "memory_", "interconnect_b"))]
        assert {name for name in columns if rows[key][name] is not None} == set(figures)


def test_hand_checked_devices(devices):
    h100 = devices["h100-sxm"]
    assert round(ridge_point(h100.peak("bf16"), h100.memory_bandwidth.number)) == 295
    assert h100.interconnect.one_way == 450 * 10**9
    # 671e9 weights of one byte, nothing reserved: 671 / 80 = 8.4.
    assert fewest_devices(671 * 10**9, h100.memory.number) == 9
    assert devices["tpu-v5p"].memory.number == 95 * 2**30
    assert devices["gaudi-2"].interconnect.number == 600 * 10**9  # 4.8 Tb/s
