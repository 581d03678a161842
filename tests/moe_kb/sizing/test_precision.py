"""Bytes of a weight in every format, against a count of each byte."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.sizing.precision import FORMATS, FP8_BLOCK, INT4_GROUP_128, WeightFormat

formats = pytest.mark.parametrize("weight_format", FORMATS.values(), ids=FORMATS)
sizes = st.integers(0, 700)


@pytest.mark.parametrize(
    ("key", "bytes_per_weight", "formula"),
    [
        ("fp32", Fraction(4), "32 / 8 = 4"),
        ("bf16", Fraction(2), "16 / 8 = 2"),
        ("fp8", Fraction(1), "8 / 8 = 1"),
        ("fp8-block-128", 1 + Fraction(4, 128 * 128), "(8 + 32 / (128 * 128)) / 8 = 1.0002441"),
        ("int4-group-128", Fraction(64 + 2, 128) + Fraction(1, 256), "(4 + 20 / 128) / 8 = 0.51953125"),
        ("int4-group-32", Fraction(18, 32), "(4 + 16 / 32) / 8 = 0.5625"),
        ("mxfp4", Fraction(17, 32), "(4 + 8 / 32) / 8 = 0.53125"),
        ("nvfp4", Fraction(9, 16), "(4 + 8 / 16) / 8 = 0.5625"),
    ],
)
def test_bytes_of_a_weight_by_hand(key, bytes_per_weight, formula):
    assert (FORMATS[key].bytes_per_weight, FORMATS[key].formula) == (bytes_per_weight, formula)


def test_formats_name_their_specification():
    assert len(FORMATS) == 8
    assert all(
        weight_format.source and weight_format.label and key == weight_format.key
        for key, weight_format in FORMATS.items()
    )
    assert len({weight_format.label for weight_format in FORMATS.values()}) == len(FORMATS)


def test_matrices_by_hand():
    # Of DeepSeek-V3: a byte a weight, and 16 x 56 scales of four bytes; a row and a column more open new blocks.
    assert FP8_BLOCK.matrix_bytes(2048, 7168) == 2048 * 7168 + 16 * 56 * 4
    assert FP8_BLOCK.matrix_bytes(2049, 7169) == 2049 * 7169 + 17 * 57 * 4
    # 8 outputs of 256 inputs: 1024 bytes of weights; 2 groups an output, each with 16 + 4 bits.
    assert INT4_GROUP_128.matrix_bytes(8, 256) == 1024 + 16 * Fraction(20, 8)


@formats
@given(rows=sizes, columns=sizes)
def test_a_matrix_takes_what_its_blocks_take(weight_format, rows, columns):
    r, c = weight_format.block
    blocks = sum(1 for _ in range(0, rows, r)) * sum(1 for _ in range(0, columns, c))
    assert weight_format.matrix_bytes(rows, columns) == Fraction(
        rows * columns * weight_format.weight_bits + blocks * weight_format.block_bits, 8
    )
    assert weight_format.matrix_bytes(rows, columns) >= rows * columns * weight_format.bytes_per_weight
    even = rows * r * columns * c
    assert weight_format.matrix_bytes(rows * r, columns * c) == even * weight_format.bytes_per_weight


@formats
def test_no_matrix_has_negative_sizes(weight_format: WeightFormat):
    with pytest.raises(ValueError, match="no negative sizes: -1 x 4"):
        weight_format.matrix_bytes(-1, 4)
