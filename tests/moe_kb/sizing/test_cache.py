"""What is kept of a sequence, by hand for every kind of mixer, and what must hold as it grows."""

from fractions import Fraction

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, COMPRESSED, INDEXER, MLA, D, architecture

from moe_kb.sizing.cache import cache

KINDS = [
    # Sublayer, numbers for each token, windows, fixed, what is picked.
    (ATTENTION, 2 * (6 + 6), {}, 0, {}),
    ({"kind": "attention", "n_heads": 4, "d_head": 6}, 4 * (6 + 6), {}, 0, {}),
    (ATTENTION | {"d_value": 3}, 2 * (6 + 3), {}, 0, {}),
    (ATTENTION | {"values_are_keys": True}, 2 * (6 + 6), {}, 0, {}),
    (ATTENTION | {"shares_kv_with_previous": True}, 0, {}, 0, {}),
    (ATTENTION | {"window": 7}, 0, {7: 2 * (6 + 6)}, 0, {}),
    (ATTENTION | {"indexer": INDEXER}, 2 * (6 + 6) + 4, {}, 0, {9: 2 * (6 + 6)}),
    (ATTENTION | {"indexer": INDEXER, "window": 7}, 0, {7: 2 * (6 + 6) + 4}, 0, {}),
    (MLA, 5 + 2, {}, 0, {}),
    (MLA | {"indexer": INDEXER}, 5 + 2 + 4, {}, 0, {9: 5 + 2}),
    (MLA | {"window": 7}, 0, {7: 5 + 2}, 0, {}),
    (MLA | {"indexer": INDEXER | {"takes_over_choice": True}}, 5 + 2, {}, 0, {9: 5 + 2}),
    (COMPRESSED, Fraction(6, 4), {16: 6}, 0, {}),
    (COMPRESSED | {"ratio": 0}, 0, {16: 6}, 0, {}),
    (COMPRESSED | {"indexer": INDEXER}, Fraction(6 + 4, 4), {16: 6}, 0, {9 * 4: Fraction(6, 4)}),
    (small.ATTENTION_EXPERTS, 2 * 3 * 4, {}, 0, {}),
    (small.MAMBA, 0, {}, 2 * D * 3 + 3 * 2 * D, {}),
    (small.MAMBA2, 0, {}, 5 * 7 * 3 + 3 * (5 * 7 + 2 * 2 * 3), {}),
    (small.DELTA, 0, {}, 4 * 3 * 5 + 3 * (2 * 3 + 2 * 3 + 4 * 5), {}),
    (small.KDA, 0, {}, 4 * 3 * 5 + 3 * (4 * 3 + 4 * 3 + 4 * 5), {}),
    (small.LIGHTNING, 0, {}, 2 * 3 * 3, {}),
    (small.CONVOLUTION, 0, {}, 2 * D, {}),
    (small.DENSE, 0, {}, 0, {}),
    (small.MOE, 0, {}, 0, {}),
]


@pytest.mark.parametrize(("sublayer", "per_token", "windows", "fixed", "picked"), KINDS)
def test_what_a_mixer_keeps_by_hand(sublayer, per_token, windows, fixed, picked):
    found = cache(architecture(sublayer))
    assert (found.per_token, found.windows, found.fixed, found.picked) == (per_token, windows, fixed, picked)
    assert found.per_source_token == 0
    thrice = cache(architecture(sublayer, repeat=3))
    assert (thrice.per_token, thrice.fixed) == (3 * per_token, 3 * fixed)
    assert thrice.windows == {window: 3 * each for window, each in windows.items()}


def test_windows_fill_up_and_then_slide():
    found = cache(architecture(ATTENTION | {"window": 7}, MLA, small.MAMBA))
    state = 24 * 3 + 3 * 24
    assert found.numbers(1) == (5 + 2) + 24 + state
    assert found.numbers(7) == 7 * (5 + 2) + 7 * 24 + state
    assert found.numbers(100) == 100 * (5 + 2) + 7 * 24 + state
    assert found.bytes(100, 2) == 2 * found.numbers(100)


def test_indexers_spare_reading_what_they_skip():
    found = cache(architecture(MLA | {"indexer": INDEXER}))
    assert found.read(9) == found.numbers(9) == 9 * (5 + 2 + 4)
    assert found.read(100) == 9 * (5 + 2) + 100 * 4
    assert found.numbers(100) == 100 * (5 + 2 + 4)


def test_encoders_cache_nothing_cross_attention_its_source():
    found = cache(
        architecture(
            encoder={"groups": [{"sublayers": [ATTENTION]}]},
            decoder={"groups": [{"repeat": 2, "sublayers": [ATTENTION, ATTENTION | {"cross": True}]}]},
        )
    )
    assert (found.per_token, found.per_source_token) == (2 * 24, 2 * 24)
    assert found.numbers(10, 3) == 10 * 48 + 3 * 48


@given(
    st.lists(st.sampled_from([sublayer for sublayer, *_ in KINDS]), min_size=1, max_size=4),
    st.integers(0, 90), st.integers(0, 90),
)  # fmt: skip
def test_a_longer_sequence_keeps_and_reads_no_less(sublayers, tokens, more):
    found = cache(architecture(*sublayers))
    assert found.numbers(tokens) <= found.numbers(tokens + more)
    assert found.read(tokens) <= found.read(tokens + more)
    assert 0 <= found.read(tokens) <= found.numbers(tokens)
    alone = sum(cache(architecture(sublayer)).numbers(tokens) for sublayer in sublayers)
    assert found.numbers(tokens) == alone
