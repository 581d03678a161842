"""What Soft MoE promises for any sizes, and how its cost is counted."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.soft import group_softmax, slot_entropy
from reference_impls.designs.soft_moe_slots.config import SoftMoEConfig


@settings(max_examples=30, deadline=None)
@given(T=st.integers(0, 12), G=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_softmax_by_groups_is_the_softmax_of_each_group(T, G, seed):
    generator = torch.Generator().manual_seed(seed)
    logit_TES = 30 * torch.randn(T, 2, 3, generator=generator, dtype=torch.float64)
    group_T = torch.randint(G, (T,), generator=generator)
    weight_TES = group_softmax(logit_TES, group_T, G)
    for g in range(G):
        torch.testing.assert_close(weight_TES[group_T == g], logit_TES[group_T == g].softmax(0))


def test_slots_of_plain_means_have_the_largest_entropy():
    group_T = torch.tensor([0, 0, 0, 0, 2, 2, 2, 2])
    dispatch_TES = torch.full((8, 2, 1), 0.25)
    assert slot_entropy(dispatch_TES, group_T, 3) == pytest.approx(math.log(4))
    assert slot_entropy(dispatch_TES[:0], group_T[:0], 3) == 0


def test_cost_is_that_of_the_slots():
    assert SoftMoEConfig(n_experts=8, slots_per_expert=2).active_experts_of(sequences=32, tokens=16) == 1
    assert SoftMoEConfig(n_experts=32, slots_per_expert=1).active_experts_of(sequences=32, tokens=16) == 2
    assert SoftMoEConfig(n_experts=8, slots_per_expert=4).active_experts_of(sequences=32, tokens=16) == 2
