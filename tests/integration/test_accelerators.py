"""The real accelerators: every figure with its source, and of a size that a device can have."""

import pytest
from databases import sql_rows
from trees import RECORDS

from moe_kb.claims.expand import expand
from moe_kb.corpus import Corpus
from moe_kb.records import Accelerator, Source
from moe_kb.records.measure import parse_measure
from moe_kb.sizing.roofline import fewest_devices, ridge_point

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.load(RECORDS)


@pytest.fixture(scope="module")
def devices(corpus) -> dict[str, Accelerator]:
    return {device.key: device for device in corpus.of(Accelerator)}


def test_devices_have_all_that_a_roofline_needs(devices):
    assert {device.organisation for device in devices.values()} >= {"NVIDIA", "AMD", "Google", "Intel"}
    whole = [d for d in devices.values() if None not in (d.peak("bf16"), d.memory, d.memory_bandwidth)]
    assert len(whole) >= 20


def test_datasheet_values_have_sources_with_addresses(corpus, devices):
    sources = {source.key: source for source in corpus.of(Source)}
    figures = [figure for device in devices.values() for _, figure in device.figures()]
    found_again = [f for f in figures if f.locator and sources[f.source].url and sources[f.source].accessed]
    assert len(found_again) > 150
    assert len(found_again) >= 0.9 * len(figures)


def test_claims_have_the_values_they_print(devices):
    for device in devices.values():
        for claim in expand(device):
            if claim.unit and claim.status == "reported":
                measure = parse_measure(claim.printed)
                assert (measure.value, measure.unit) == (claim.value, claim.unit), (device.key, claim)


def test_datasheet_values_are_plausible(devices):
    """Wide bounds that catch a slip by a power of ten, a figure with sparsity, or one of a whole system."""
    for device in devices.values():
        peak, bandwidth = device.peak("bf16"), device.memory_bandwidth and device.memory_bandwidth.number
        assert 10**9 < (device.memory.number if device.memory else 10**10) < 10**13, device.key
        assert 10**10 < (bandwidth or 10**11) < 10**17, device.key
        assert not (peak and bandwidth) or 1 < ridge_point(peak, bandwidth) < 2000, device.key
        for narrow, wide in (("fp8", "bf16"), ("int8", "bf16"), ("fp4", "fp8"), ("bf16", "tf32")):
            few, many = device.peak(wide), device.peak(narrow)
            if few and many:
                assert 0.99 <= many / few <= 4.1, (device.key, narrow, wide)
        if device.interconnect and device.interconnect.one_way:
            assert 10**9 < device.interconnect.one_way < (bandwidth or 10**17), device.key


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
