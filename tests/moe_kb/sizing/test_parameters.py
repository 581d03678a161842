"""Parameters: every kind of sublayer by hand, parts, conventions, and what is missing."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, INDEXER, MLA, MOE, D, V, architecture

from moe_kb.sizing import UnsizedError, count


def sized(*sublayers, **fields):
    return count(architecture(*sublayers, **fields))


SMALL_KDA = {"kind": "kda", "n_heads": 2, "d_key": 3, "d_value": 4, "d_conv": 5}


@pytest.mark.parametrize(
    ("sublayer", "size"),
    [
        (ATTENTION, 24 * D + 2 * 12 * D + 24 * D),
        (ATTENTION | {"qkv_bias": True, "output_bias": True}, 96 * D - 24 * D + 48 + D),
        (ATTENTION | {"qk_norm": "per-head", "sinks": True}, 72 * D + 12 + 4),
        (ATTENTION | {"qk_norm": "across-heads"}, 72 * D + 24 + 12),
        (ATTENTION | {"qk_norm": "weightless"}, 72 * D),
        (ATTENTION | {"output_gate": True}, 96 * D),
        (ATTENTION | {"values_are_keys": True}, 60 * D),
        (ATTENTION | {"d_value": 3}, 24 * D + 12 * D + 6 * D + 12 * D),
        (ATTENTION | {"shares_kv_with_previous": True}, 48 * D),
        (ATTENTION | {"indexer": INDEXER}, 72 * D + 3 * (4 * D + D) + 4 * D + 8),
        (ATTENTION | {"indexer": INDEXER | {"takes_over_choice": True}}, 72 * D),
        (ATTENTION | {"weights": [{"name": "w", "shape": [3, 7]}]}, 72 * D + 21),
        (MLA, D * 4 * 8 + D * 7 + 5 + 5 * 4 * 9 + 12 * D),
        (MLA | {"q_rank": 7}, D * 7 + 7 + 7 * 4 * 8 + D * 7 + 5 + 5 * 4 * 9 + 12 * D),
        ({"kind": "short-convolution", "d_conv": 3}, D * 3 * D + 3 * D + D * D),
        (SMALL_KDA, 20 * (D + 5) + 8 * D + 4 * (D + 6) + 4 * (D + 8) + 2 * D + 6 + 2 + 4),
        (SMALL_KDA | {"full_gates": True}, 20 * (D + 5) + 8 * D + 6 * D + 8 * D + 2 * D + 6 + 2 + 4),
        ({"kind": "lightning", "n_heads": 2, "d_key": 3, "d_value": 3}, 3 * 6 * D + 6 * D + 6 * D + 6),
    ],
)
def test_a_mixer_is_the_sum_of_its_matrices(sublayer, size):
    parts = sized(sublayer).parts
    assert parts["mixer"] == (size, size)
    assert parts["norm"].total == 2 * D


def test_a_mixture_by_part():
    parts = sized(
        MOE | {"shared": {"count": 2, "d_expert": 3, "gate": "sigmoid"}, "zero": {"count": 4, "kind": "identity"}},
        repeat=3,
    ).parts
    expert = 3 * D * 5
    assert parts["routed"] == (3 * 8 * expert, Fraction(3 * expert * 2 * 8, 12))
    assert parts["shared"].total == 3 * (3 * D * 6 + D)
    assert parts["router"].total == 3 * 12 * D


def test_product_keys_replace_keys_of_experts():
    assert sized(MOE | {"router": {"product_keys": 3}}).parts["router"] == (2 * 3 * D, 2 * 3 * D)


@given(
    experts=st.integers(1, 64), chosen=st.integers(1, 64), width=st.integers(1, 40),
    latent=st.none() | st.integers(1, 9), bias=st.booleans(), gated=st.booleans(), layers=st.integers(1, 5),
)  # fmt: skip
def test_a_mixture_as_tensors_written_out(experts, chosen, width, latent, bias, gated, layers):
    chosen = min(experts, chosen)
    inner = latent or D
    tensors = [(inner, width)] * (3 if gated else 2) + ([(width,)] * (2 if gated else 1) + [(inner,)] if bias else [])
    expert = sum(a * (b[0] if b else 1) for a, *b in tensors)
    moe = {
        "kind": "moe", "n_routed_experts": experts, "experts_per_token": chosen, "d_expert": width, "bias": bias,
        "activation": "swiglu" if gated else "relu", "d_latent": latent,
    }  # fmt: skip
    parameters = sized({name: value for name, value in moe.items() if value is not None}, repeat=layers)
    assert parameters.parts["routed"].total == layers * experts * expert
    assert parameters.total - parameters.active == layers * (experts - chosen) * expert


def test_the_three_conventions_and_a_tied_table():
    untied, tied = sized(MOE), sized(MOE, tied_embeddings=True)
    assert untied.active_excl_input_embedding == untied.active - V * D
    assert untied.active_excl_embeddings_and_head == untied.active - 2 * V * D
    assert tied.total == untied.total - V * D
    assert tied.active_excl_input_embedding == tied.active
    assert tied.active_excl_embeddings_and_head == untied.active_excl_embeddings_and_head
    assert untied.sparsity == pytest.approx(float(1 - untied.active / untied.total))


def test_norms_streams_and_tensors_outside_the_layers():
    plain = sized(ATTENTION)
    assert sized(ATTENTION | {"norms": 2}).total == plain.total + D
    assert sized(ATTENTION | {"norms": 0}).total == plain.total - D
    assert sized(ATTENTION, norm="layer").parts["norm"].total == 2 * plain.parts["norm"].total
    assert sized(ATTENTION, weights=[{"name": "positions", "shape": [7, D]}]).total == plain.total + 7 * D
    assert sized(ATTENTION, residual_streams=4).parts["other"].total == (24 * 4 * D + 24 + 3) + (4 * 4 * D + 4 + 1)


def test_what_is_missing_is_named_with_its_place():
    with pytest.raises(UnsizedError) as error:
        sized(
            {"kind": "attention", "n_heads": 4},
            {"kind": "dense", "d_ffn": {"printed": "4*d_model"}},
            {"kind": "moe", "n_routed_experts": 4, "experts_per_token": 2, "d_expert": 3},
            {"kind": "unknown"},
            vocab_size=None,
        )
    assert error.value.missing == (
        "vocab_size is not given",
        "decoder, group 1: d_head of attention is not given",
        "decoder, group 1: d_ffn of dense is only given as '4*d_model'",
        "decoder, group 1: activation of moe is not given, so that two or three matrices are possible",
        "decoder, group 1: the token mixer is unknown",
    )


def test_tables_are_looked_up_like_embeddings():
    table = [{"name": "n-grams", "shape": [70, D], "table": True}]
    for tied in (True, False):
        plain, with_table = (sized(ATTENTION, tied_embeddings=tied, weights=weights) for weights in ([], table))
        assert with_table.active == plain.active + 70 * D
        assert with_table.active_excl_input_embedding == plain.active_excl_input_embedding
        assert with_table.active_excl_embeddings_and_head == plain.active_excl_embeddings_and_head
