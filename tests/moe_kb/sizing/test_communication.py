"""All-to-all traffic, against every choice of experts counted out."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, MOE, D, architecture

from moe_kb.records.sublayers import Mixture
from moe_kb.sizing.communication import all_to_all, devices_reached

ZERO = {"count": 3, "kind": "identity"}


def mixture(E, k, zero=0):
    fields = {"n_routed_experts": E, "experts_per_token": k} | ({"zero": ZERO | {"count": zero}} if zero else {})
    return MOE | fields


def every_choice(E, k, zero, P):
    """Devices that hold one of the chosen and experts that were chosen, both on average; zero experts are nowhere."""
    choices = [[expert for expert in chosen if expert < E] for chosen in combinations(range(E + zero), k)]
    devices = sum(len({expert // (E // P) for expert in chosen}) for chosen in choices)
    return Fraction(devices, len(choices)), Fraction(sum(map(len, choices)), len(choices))


@pytest.mark.parametrize("P", [1, 2, 3, 6])
@pytest.mark.parametrize(("k", "zero"), [(1, 0), (2, 0), (4, 0), (6, 0), (1, 3), (4, 3), (8, 3)])
def test_devices_reached_are_those_of_all_choices(P, k, zero):
    devices, chosen = every_choice(6, k, zero, P)
    assert devices_reached(Mixture.model_validate(mixture(6, k, zero)), P) == devices
    found = all_to_all(architecture(mixture(6, k, zero), repeat=4), P)
    # Both ways, and not to the token's own device, which is any of them.
    assert found.merged == 2 * D * devices * Fraction(P - 1, P)
    assert found.per_expert == 2 * D * chosen * Fraction(P - 1, P)
    assert (found.layers, found.expert_parallel) == (4, P)


def test_differing_layers_are_averaged():
    group = [{"sublayers": [mixture(4, 1)]}, {"repeat": 3, "sublayers": [mixture(8, 2) | {"d_latent": 5}]}]
    found = all_to_all(architecture(decoder={"groups": group}), 4)
    of_three = 4 * (1 - Fraction(6 * 5, 8 * 7))
    assert found.layers == 4
    assert found.merged == (2 * D * 1 + 3 * 2 * 5 * of_three) * Fraction(3, 4) / 4
    assert found.per_expert == (2 * D * 1 + 3 * 2 * 5 * 2) * Fraction(3, 4) / 4


def test_one_device_sends_nothing():
    assert all_to_all(architecture(MOE), 1).merged == all_to_all(architecture(MOE), 1).per_expert == 0
    assert devices_reached(Mixture.model_validate(mixture(8, 8)), 4) == 4
    assert all_to_all(architecture(ATTENTION), 8).layers == 0


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 40), st.integers(0, 9))
def test_merging_never_sends_more(each, P, k, zero):
    E = each * P
    found = all_to_all(architecture(mixture(E, min(k, E), zero)), P)
    assert 0 <= found.merged <= found.per_expert
    if min(k, E) == 1 or each == 1:
        assert found.merged == found.per_expert
    assert devices_reached(Mixture.model_validate(mixture(E, min(k, E), zero)), P) <= P


def test_what_cannot_be_laid_out_is_refused():
    with pytest.raises(ValueError, match="decoder, group 1: 8 experts cannot be laid out evenly on 3 devices"):
        all_to_all(architecture(MOE), 3)
    with pytest.raises(ValueError, match="expert-parallel degree 0: at least 1"):
        all_to_all(architecture(MOE), 0)
