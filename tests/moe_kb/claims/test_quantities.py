"""Printed numbers and expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.claims.quantity import evaluate, parse_quantity


@pytest.mark.parametrize(("printed", "value", "last_digit"), [
    ("47B", 47_000_000_000, 1e9), ("1.6T", 1_600_000_000_000, 1e11), ("12.9b", 12_900_000_000, 1e8),
    ("1.1K", 1_100, 100), ("671 B", 671_000_000_000, 1e9), ("70.6", 70.6, 0.1), ("45.0", 45, 0.1), ("1,024", 1024, 1),
    ("37,552,282,624", 37_552_282_624, 1), ("~5B", 5_000_000_000, 1e9), ("100+", 100, 1), ("-3", -3, 1), (" 8 ", 8, 1),
    ("0.001", 0.001, 0.001),
])  # fmt: skip
def test_printed_numbers_have_value_and_last_digit(printed, value, last_digit):
    quantity = parse_quantity(printed)
    assert quantity is not None
    assert (quantity.value, quantity.last_digit) == (value, last_digit)


NO_NUMBER = "|32-64|1/9|4*d_model|B|8x7B|8,16|1,2,3|1,0000|1e5|١٢|²|n/a|1\n2"


@pytest.mark.parametrize("printed", [*NO_NUMBER.split("|"), "9" * 31])
def test_what_is_no_single_number_is_none(printed):
    assert parse_quantity(printed) is None


def test_exact_means_whole_to_the_last_unit():
    exact = {text: parse_quantity(text).exact for text in ("8", "1,024", "47B", "45.0", "0.5")}  # type: ignore[union-attr]
    assert exact == {"8": True, "1,024": True, "47B": False, "45.0": False, "0.5": False}


def test_expressions_are_evaluated_over_their_row():
    results = {"d_ffn": 2048, "4*d_model": 2048, "4 * d_model": 2048, "1/4*d_ffn": 512, "2/4*d_ffn": 1024}
    refused = ("1/3*d_ffn", "1/0*d_ffn", "4*d_head", "d_model*4", "d_model + 1", "4*", "")
    for printed, result in {**results, **dict.fromkeys(refused)}.items():
        assert evaluate(printed, {"d_model": 512, "d_ffn": 2048.0}) == result, printed


@given(st.text(max_size=40))
def test_any_text_is_number_expression_or_neither(text):
    quantity = parse_quantity(text)
    assert quantity is None or quantity.last_digit > 0
    assert evaluate(text, {"a": 3}) is None or "a" in text
