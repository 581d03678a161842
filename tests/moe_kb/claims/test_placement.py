"""Printed placements: the count of layers and their share come from one reading."""

from fractions import Fraction

import pytest

from moe_kb.claims.placement import layers_with_experts, share_with_experts


@pytest.mark.parametrize(
    ("printed", "layers", "count"),
    [
        ("1/4, add extra FFN", 27, 6),
        ("1/2, except 1st layer", 25, 12),
        ("1, except first 3 layers", 61, 58),
        ("1/2", 24, 12),
    ],
)
def test_count_and_share_agree(printed, layers, count):
    assert layers_with_experts(printed, layers) == count
    assert share_with_experts(printed, layers) == Fraction(count, layers)


@pytest.mark.parametrize("printed", ["every other", "3/2", "1/2, except the last", ""])
def test_other_texts_say_nothing(printed):
    assert layers_with_experts(printed, 24) is share_with_experts(printed, 24) is None
