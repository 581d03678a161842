"""When two claims agree, and when they are about the same thing at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.claims.agreement import agree, comparable
from moe_kb.claims.claim import Claim
from moe_kb.claims.quantity import parse_quantity


def claim(value: Any, printed: str | None = None, field: str = "params_total", **more: Any) -> Claim:
    return Claim("model:a", "model:a", None, field, value, "a-source", printed=printed, **more)


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        (claim(37_000_000_000, "37B"), claim(37_552_282_624), True),  # cut
        (claim(37_000_000_000, "37B"), claim(36_600_000_000), True),  # rounded
        (claim(37_000_000_000, "37B"), claim(36_400_000_000), False),
        (claim(37_000_000_000, "37B"), claim(38_000_000_000), False),
        (claim(37_000_000_000, "37B"), claim(37_000_000_000, "37.0B"), True),
        (claim(37_000_000_000, "37B"), claim(37_900_000_000, "37.9B"), True),
        (claim(70.6, "70.6"), claim(70.64, "70.64"), True),
        (claim(70.6, "70.6"), claim(70.7, "70.7"), False),
        (claim(1.1, "1.1"), claim(1.2, "1.2"), False),  # as floats, 1.1 + 0.1 > 1.2
        (claim(8), claim(9), False),
        (claim(8), claim(8.0), True),
        (claim(1e-05), claim(0.01), False),  # a coefficient's precision is its own last digit
        (claim(1e-05), claim(2e-05), False),
        (claim(1e-05), claim(0.00001), True),
        (claim(45.0, "0.45"), claim(45.0, "45.0"), True),  # a print that is not the value says nothing of its precision
    ],
)
def test_numbers_agree_within_what_was_printed(left, right, result):
    assert agree(left, right) is result
    assert agree(right, left) is result


@pytest.mark.parametrize(("left", "right", "result"), [
    ("2024", "2024-06-26", True), ("2024-06", "2024-07", False), ("2024-Q2", "2024-06-30", True),
    ("2024-Q2", "2024-07-01", False), ("2024-Q4", "2024-12", True), ("2023-11/2024-02", "2024-01-15", True),
    ("2023-11/2024-02", "2024-03", False), ("2024-06-26", "2024-06-26", True),
])  # fmt: skip
def test_dates_agree_where_they_overlap(left, right, result):
    a, b = claim(left, field="date"), claim(right, field="date")
    assert comparable(a, b)
    assert agree(a, b) is result
    assert agree(b, a) is result


def test_words_agree_without_case_and_punctuation():
    assert agree(claim("SwiGLU", field="activation"), claim("swi-glu", field="activation"))
    assert not agree(claim("gelu", field="activation"), claim("relu", field="activation"))


@pytest.mark.parametrize(("left", "right", "result"), [
    ({}, {}, True), ({"counting": "incl-shared"}, {"counting": "excl-shared"}, False),
    ({"counting": "incl-shared"}, {}, True), ({"scope": "with-mtp"}, {"scope": "without-mtp"}, False),
    ({"scope": "with-mtp"}, {}, True), ({"setting": "5-shot"}, {"setting": "0-shot"}, False),
    ({"setting": "5-shot"}, {}, False), ({"unit": "percent"}, {"unit": "parameters"}, False),
    ({"unit": "percent"}, {}, True), ({"field": "title", "value": "A"}, {"field": "title", "value": "B"}, False),
])  # fmt: skip
def test_only_claims_about_the_same_thing_are_compared(left, right, result):
    a, b = claim(left.pop("value", 1), **left), claim(right.pop("value", 2), **right)
    assert comparable(a, b) is result
    assert comparable(b, a) is result


NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18),
    st.floats(-1e12, 1e12, allow_nan=False),
    st.decimals(-1000, 1000, places=2).map(float),
)


def value_of(printed: str) -> float:
    quantity = parse_quantity(printed)
    assert quantity is not None
    return quantity.value


@st.composite
def printed_claims(draw):
    digits = f"{draw(st.integers(0, 9999))}" + draw(st.sampled_from(["", ".0", ".5", ".25", ".999"]))
    suffix = draw(st.sampled_from(["", "K", "M", "B", "T"]))
    return claim(value_of(digits + suffix), digits + suffix)


DATES = st.sampled_from(
    [f"{y}{rest}" for y in (2023, 2024) for rest in ("", "-01", "-06", "-12", "-Q1", "-Q3", "-06-15", "-12-31")]
    + ["2023/2024", "2023-06/2024-01", "2024-Q2/2024-Q3"]
)
DATED = st.tuples(*[DATES.map(lambda date: claim(date, field="released"))] * 2)
COUNTED = st.tuples(*[NUMBERS.map(claim) | printed_claims()] * 2)


@given(DATED | COUNTED)
def test_agreement_is_symmetric(pair):
    left, right = pair
    assert agree(left, right) == agree(right, left)
    assert agree(left, left)


@given(st.integers(0, 10**14), st.integers(0, 3), st.sampled_from([("K", 3), ("M", 6), ("B", 9), ("T", 12), ("", 0)]))
def test_numbers_agree_with_themselves_rounded_or_cut(number, places, unit):
    suffix, power = unit
    places = min(places, power)
    step = 10 ** (power - places)
    for whole in ((number // step), (number + step // 2) // step):
        digits = f"{whole:0{places + 1}d}"
        printed = (f"{digits[:-places]}.{digits[-places:]}" if places else digits) + suffix
        assert agree(claim(number), claim(value_of(printed), printed))
        assert agree(claim(value_of(printed), printed), claim(number))
