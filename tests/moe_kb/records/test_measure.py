"""Quantities with units, as sheets print them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.records.measure import parse_measure

T, G = 10**12, 10**9


@pytest.mark.parametrize(
    ("printed", "value", "unit"),
    [
        ("989 TFLOPS", 989 * T, "operations/s"),
        ("989.4 TFLOPS", 9894 * T // 10, "operations/s"),
        ("459 TFLOPs", 459 * T, "operations/s"),
        ("275 teraflops", 275 * T, "operations/s"),
        ("1,979 TFLOPS", 1979 * T, "operations/s"),
        ("2.3 PF", 2300 * T, "operations/s"),
        ("4.6 POPs", 4600 * T, "operations/s"),
        ("393 TOPs", 393 * T, "operations/s"),
        ("80 GB", 80 * G, "bytes"),
        ("80GB", 80 * G, "bytes"),
        ("95 GiB", 95 * 2**30, "bytes"),
        ("46068 MiB", 46068 * 2**20, "bytes"),
        ("198674743296 B", 198674743296, "bytes"),
        ("3.35 TB/s", 3350 * G, "bytes/s"),
        ("1555 GB/sec", 1555 * G, "bytes/s"),
        ("2039 GBps", 2039 * G, "bytes/s"),
        ("800 GiBps", 800 * 2**30, "bytes/s"),
        ("1600 Gbps", 200 * G, "bytes/s"),
        ("4.8 Tb/s", 600 * G, "bytes/s"),
    ],
)
def test_quantities_are_read_in_whole_units(printed, value, unit):
    measure = parse_measure(printed)
    assert (measure.value, measure.unit) == (value, unit)


NO_QUANTITY = "|TB/s|80|80 GW|up to 5.3 TB/s|8,16 GB|-80 GB|1-2 TB/s|80 gb|1 b/s|0.5 B|80 GB\n80|٣ GB|1e3 GB|"


@pytest.mark.parametrize("printed", [*NO_QUANTITY.split("|"), "9" * 31 + " B"])
def test_what_is_no_quantity_is_none(printed):
    assert parse_measure(printed) is None


def test_the_last_digit_is_in_the_same_unit():
    assert parse_measure("989 TFLOPS").last_digit == T
    assert parse_measure("3.35 TB/s").last_digit == 10 * G
    assert parse_measure("1600 Gbps").last_digit == Decimal(G) / 8
    assert parse_measure("95 GiB").last_digit == 2**30


@given(st.integers(1, 10**9), st.integers(0, 3), st.sampled_from("kMGTP"))
def test_what_is_printed_is_read_back(number, places, prefix):
    text = f"{number / 10**places:,.{places}f}"
    exact = Decimal(text.replace(",", "")) * 1000 ** ("kMGTP".index(prefix) + 1)
    measure = parse_measure(f"{text} {prefix}B/s")
    assert measure.value == exact
    assert measure.last_digit == Decimal(1000) ** ("kMGTP".index(prefix) + 1) / 10**places
