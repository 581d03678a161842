"""The roofline and the number of devices, against values worked out by hand and properties that define them."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.sizing.roofline import NOTHING_RESERVED, arithmetic_intensity, fewest_devices, roofline

amounts = st.integers(0, 10**24)
rates = st.integers(1, 10**18)
shares = st.fractions(0, Fraction(99, 100), max_denominator=1000)


@pytest.mark.parametrize(
    ("tokens", "bound", "attainable"), [(1, "memory", 2e12), (500, "compute", 1e15), (1000, "compute", 1e15)]
)
def test_a_matrix_times_vectors_by_hand(tokens, bound, attainable):
    # 4096 x 4096 weights of 2 bytes: for each token an operation a byte, at 2 TB/s; the ridge is at 500.
    work, moved = tokens * 2 * 4096**2, 2 * 4096**2
    found = roofline(work, moved, peak=1000 * 10**12, bandwidth=2 * 10**12)
    assert (found.intensity, found.ridge, found.bound) == (tokens, 500.0, bound)
    assert (found.attainable, found.seconds) == (attainable, work / attainable)


@given(amounts, amounts, rates, rates)
def test_the_slower_part_decides_the_time(work, moved, peak, bandwidth):
    found = roofline(work, moved, peak, bandwidth)
    compute, memory = Fraction(work, peak), Fraction(moved, bandwidth)
    assert found.seconds == float(max(compute, memory))
    assert found.bound == ("compute" if compute >= memory else "memory")
    assert found.attainable <= float(peak)
    if work and moved:
        assert found.attainable * found.seconds == pytest.approx(work, rel=1e-12)
        assert (found.intensity < found.ridge) <= (found.bound == "memory") <= (found.intensity <= found.ridge)


@given(amounts, amounts, rates, rates, st.integers(1, 1000))
def test_faster_devices_take_no_longer(work, moved, peak, bandwidth, factor):
    seconds = roofline(work, moved, peak, bandwidth).seconds
    assert roofline(work, moved, peak * factor, bandwidth).seconds <= seconds
    assert roofline(work, moved, peak, bandwidth * factor).seconds <= seconds
    longer = roofline(work * factor, moved * factor, peak, bandwidth).seconds
    assert longer == pytest.approx(seconds * factor, rel=1e-12)


def test_work_without_traffic_and_traffic_without_work():
    assert arithmetic_intensity(5, 0) == math.inf
    assert arithmetic_intensity(0, 0) == arithmetic_intensity(0, 5) == 0
    still = roofline(6, 0, 3, 1)
    assert (still.bound, still.attainable, still.seconds) == ("compute", 3, 2)
    moving = roofline(0, 6, 1, 3)
    assert (moving.bound, moving.attainable, moving.seconds) == ("memory", 0, 2)
    assert roofline(0, 0, 1, 1).seconds == 0


@pytest.mark.parametrize(("arguments", "named"), [
    ((-1, 1, 1, 1), "operations"), ((1, -1, 1, 1), "moved"), ((1, 1, 0, 1), "peak"), ((1, 1, 1, 0), "bandwidth"),
    ((math.nan, 1, 1, 1), "operations"), ((1, math.inf, 1, 1), "moved"), ((1, 1, math.inf, 1), "peak"),
])  # fmt: skip
def test_impossible_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        roofline(*arguments)


def test_devices_by_hand():
    gib = 2**30
    assert fewest_devices(160 * gib, 80 * gib) == 2
    assert fewest_devices(160 * gib + 1, 80 * gib) == 3
    assert fewest_devices(160 * gib, 80 * gib, Fraction(10, 100)) == 3  # 72 usable: 160 / 72 = 2.2
    assert fewest_devices(0, 80 * gib) == 1
    assert NOTHING_RESERVED == 0


@given(st.integers(0, 10**16), st.integers(1, 10**13), shares)
def test_devices_are_the_fewest_that_hold(needed, capacity, reserved):
    number = fewest_devices(needed, capacity, reserved)
    assert number * capacity * (1 - reserved) >= needed
    assert number == 1 or (number - 1) * capacity * (1 - reserved) < needed


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 1), "needed"), ((1, 0), "capacity")]
    + [((1, 1, share), "reserved") for share in (Fraction(-1, 10), Fraction(1), Fraction(2))],
)
def test_impossible_sizes_are_named(arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        fewest_devices(*arguments)
