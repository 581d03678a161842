"""Operations of every kind of sublayer by hand, and what must hold of all of them."""

from fractions import Fraction

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, COMPRESSED, INDEXER, MLA, D, V, architecture

from moe_kb.sizing import count
from moe_kb.sizing.context import Context
from moe_kb.sizing.operations import operations

L = 20


def done(*sublayers, phase="decode", tokens=L, **fields):
    built = architecture(*sublayers, **fields)
    return operations(built, count(built), Context(tokens, phase))


# Each written as the mean over tokens 1 ... L of what token t does, or what token L does.
def mean(of):
    return Fraction(sum(of(t) for t in range(1, L + 1)), L)


@pytest.mark.parametrize(
    ("sublayer", "decode", "prefill"),
    [
        (ATTENTION, 2 * 4 * (6 + 6) * 20, mean(lambda t: 2 * 4 * (6 + 6) * t)),
        (ATTENTION | {"d_value": 3}, 2 * 4 * (6 + 3) * 20, mean(lambda t: 2 * 4 * (6 + 3) * t)),
        (ATTENTION | {"window": 7}, 2 * 4 * 12 * 7, mean(lambda t: 2 * 4 * 12 * min(t, 7))),
        (ATTENTION | {"shares_kv_with_previous": True}, 2 * 4 * 12 * 20, mean(lambda t: 2 * 4 * 12 * t)),
        (ATTENTION | {"cross": True}, 2 * 4 * 12 * 20, 2 * 4 * 12 * 20),
        (
            ATTENTION | {"indexer": INDEXER},
            2 * 4 * 12 * 9 + 2 * 3 * 4 * 20,
            mean(lambda t: 2 * 4 * 12 * min(t, 9) + 2 * 3 * 4 * t),
        ),
        # Decoding multiplies each of 4 queries with 5 + 2 cached numbers and sums 5; prefill works on heads of 6 + 2.
        (MLA, 2 * 4 * (5 + 2 + 5) * 20, mean(lambda t: 2 * 4 * (6 + 2 + 3) * t)),
        (
            MLA | {"indexer": INDEXER},
            2 * 4 * 12 * 9 + 2 * 3 * 4 * 20,
            mean(lambda t: 2 * 4 * 11 * min(t, 9) + 2 * 3 * 4 * t),
        ),
        (MLA | {"window": 7}, 2 * 4 * 12 * 7, mean(lambda t: 2 * 4 * 11 * min(t, 7))),
        (
            MLA | {"indexer": INDEXER | {"takes_over_choice": True}},
            2 * 4 * 12 * 9,
            mean(lambda t: 2 * 4 * 11 * min(t, 9)),
        ),
        # A window of 16, and an entry for each 4 tokens.
        (COMPRESSED, 4 * 4 * 6 * (16 + 5), mean(lambda t: 4 * 4 * 6 * (min(t, 16) + Fraction(t, 4)))),
        (COMPRESSED | {"ratio": 0}, 4 * 4 * 6 * 16, mean(lambda t: 4 * 4 * 6 * min(t, 16))),
        (
            COMPRESSED | {"indexer": INDEXER | {"top_k": 3}},
            4 * 4 * 6 * (16 + 3) + 2 * 3 * 4 * 5,
            mean(lambda t: 4 * 4 * 6 * (min(t, 16) + min(Fraction(t, 4), 3)) + 2 * 3 * 4 * Fraction(t, 4)),
        ),
        (small.ATTENTION_EXPERTS, 2 * 2 * 3 * (4 + 4) * 20, mean(lambda t: 2 * 2 * 3 * (4 + 4) * t)),
    ],
)
def test_attention_by_hand(sublayer, decode, prefill):
    assert (done(sublayer).attention, done(sublayer, phase="prefill").attention) == (decode, prefill)
    assert done(sublayer).state == 0
    assert done(sublayer, repeat=3).attention == 3 * decode


@pytest.mark.parametrize(("sublayer", "state"), [
    (small.LIGHTNING, 2 * (2 * 3 * 3 + 2 * 3 * 3)), (small.DELTA, 4 * (3 * 5 + 3 * 5 + 3 * 5) * 2),
    (small.KDA, 4 * (3 * 5 + 3 * 5 + 3 * 5) * 2), (small.MAMBA, 2 * (24 * 3 + 24 * 3)),
    (small.MAMBA2, 2 * (5 * 7 * 3 + 5 * 7 * 3)), (small.CONVOLUTION, 0), (small.DENSE, 0), (small.MOE, 0),
])  # fmt: skip
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_a_state_costs_the_same_at_every_token(sublayer, state, phase):
    assert done(sublayer, phase=phase).state == state == done(sublayer, phase=phase, tokens=1).state
    assert done(sublayer, phase=phase).attention == 0


def test_weights_but_norms_and_tables_are_multiplied():
    attention, router, experts = (24 + 12 + 12 + 24) * D, 8 * D, 2 * 3 * D * 5
    assert done(ATTENTION, small.MOE).weights == 2 * (attention + router + experts + V * D)
    assert done(ATTENTION, small.MOE, tied_embeddings=True).weights == done(ATTENTION, small.MOE).weights
    found = done(ATTENTION, small.LIGHTNING, small.MOE)
    assert found.total == found.weights + found.attention + found.state


def test_an_encoder_looks_to_both_sides():
    stack = {"groups": [{"sublayers": [ATTENTION]}]}
    for phase in ("prefill", "decode"):
        assert done(phase=phase, encoder=stack).attention == 2 * 4 * 12 * L
        assert (
            done(phase=phase, encoder={"groups": [{"sublayers": [small.ATTENTION_EXPERTS]}]}).attention
            == 4 * 2 * 3 * 4 * L
        )


@given(
    heads=st.integers(1, 9), d=st.integers(1, 9), d_value=st.none() | st.integers(1, 9),
    window=st.none() | st.integers(1, 60), top_k=st.none() | st.integers(1, 60), tokens=st.integers(1, 60),
)  # fmt: skip
def test_the_last_token_does_the_most(heads, d, d_value, window, top_k, tokens):
    index = {"n_heads": 2, "d_head": 3, "top_k": top_k} if top_k else None
    sublayer = {"kind": "attention", "n_heads": heads, "d_head": d, "d_value": d_value, "window": window}
    sublayer = {name: value for name, value in (sublayer | {"indexer": index}).items() if value is not None}
    last, average = (done(sublayer, phase=phase, tokens=tokens) for phase in ("decode", "prefill"))
    assert last.attention >= average.attention
    assert last.weights == average.weights
    each = [done(sublayer, tokens=token).attention for token in range(1, tokens + 1)]
    assert average.attention * tokens == sum(each)
