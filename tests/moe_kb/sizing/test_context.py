"""How far a token looks, against a loop over all tokens."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.sizing.context import Context

lengths = st.integers(1, 300)
limits = st.none() | st.integers(1, 400)


@given(lengths, limits)
def test_prefill_is_the_mean_of_all_tokens(length, most):
    seen = [min(token, most or token) for token in range(1, length + 1)]
    assert Context(length, "prefill").seen(most) == Fraction(sum(seen), length)
    assert Context(length, "decode").seen(most) == seen[-1]


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@given(length=lengths, most=limits)
def test_both_sided_tokens_see_the_same(phase, length, most):
    assert Context(length, phase).seen(most, both_sides=True) == min(length, most or length)


def test_by_hand():
    assert Context(8, "prefill").seen() == Fraction(1 + 2 + 3 + 4 + 5 + 6 + 7 + 8, 8)
    assert Context(8, "prefill").seen(3) == Fraction(1 + 2 + 3 + 3 + 3 + 3 + 3 + 3, 8)
    assert Context(1, "prefill").seen() == Context(1, "decode").seen() == 1
