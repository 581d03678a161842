"""Weights that a pass reads, against every combination of choices, and what a decoded token goes through."""

from fractions import Fraction
from itertools import combinations, product

import pytest
from small import ATTENTION, ATTENTION_EXPERTS, DENSE, MOE, D, V, architecture

from moe_kb.sizing import count, size
from moe_kb.sizing.weight_traffic import decoding, needed

EXPERT = 3 * D * 5


def weights(built, tokens):
    return needed(built, count(built)).by(tokens)


@pytest.mark.parametrize(("E", "k", "tokens"), [(4, 2, 1), (4, 2, 3), (5, 1, 4), (3, 3, 5), (4, 3, 2)])
def test_experts_read_match_all_combinations(E, k, tokens):
    built = architecture(MOE | {"n_routed_experts": E, "experts_per_token": k})
    choices = list(product(combinations(range(E), k), repeat=tokens))
    read = Fraction(sum(len(set().union(*map(set, choice))) for choice in choices), len(choices))
    always = V * D + E * D + 2 * D  # head, router, norms
    assert weights(built, tokens) == pytest.approx(float(always + read * EXPERT), rel=1e-12)


def test_layers_are_read_by_their_own_share():
    groups = [{"sublayers": [MOE]}, {"repeat": 2, "sublayers": [MOE | {"experts_per_token": 8}]}]
    built = architecture(decoder={"groups": groups})
    always = V * D + 3 * 8 * D + 4 * D
    assert weights(built, 2) == pytest.approx(always + 2 * 8 * EXPERT + 8 * EXPERT * (1 - (6 / 8) ** 2), rel=1e-12)


def test_one_token_reads_active_many_read_all():
    built = architecture(ATTENTION, MOE, ATTENTION_EXPERTS, DENSE, repeat=3)
    parameters = count(built)
    assert weights(built, 1) == pytest.approx(float(parameters.active_excl_input_embedding), rel=1e-12)
    assert weights(built, 10_000) == pytest.approx(parameters.total - V * D, rel=1e-12)
    dense = architecture(DENSE)
    assert weights(dense, 1) == weights(dense, 50) == count(dense).total - V * D


def test_decoding_leaves_the_encoder_alone():
    cross, own = ATTENTION | {"cross": True}, {"groups": [{"sublayers": [ATTENTION, DENSE]}]}
    decoder = {"groups": [{"repeat": 2, "groups": [{"sublayers": [ATTENTION, cross]}, {"sublayers": [cross, MOE]}]}]}
    built = architecture(encoder=own, decoder=decoder)
    whole, step = count(built), count(decoding(built))
    encoder = (24 + 12 + 12 + 24) * D + 3 * D * 20 + 3 * D  # with a norm for each sublayer and one at the end
    assert whole.total - step.total == encoder + 4 * (12 + 12) * D
    found = size(built)
    assert found.prefill.weights - found.decode.weights == 2 * (encoder - 3 * D + 4 * (12 + 12) * D)
    prefill, decode = (sum(found.needed[phase].always.values()) for phase in ("prefill", "decode"))
    assert prefill - decode == encoder + 4 * (12 + 12) * D
    alone = architecture(encoder=own)
    assert decoding(alone) is alone
