"""The memory of HOMOE: what it returns at its limits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.homoe_hopfield_soft.config import HOMOEConfig
from reference_impls.designs.homoe_hopfield_soft.router import make_layer


def layer(P: int, beta: float):
    return make_layer(HOMOEConfig(d_model=8, d_expert=4, n_prototypes=P, inverse_temperature=beta)).double()


@settings(max_examples=30, deadline=None)
@given(P=st.integers(1, 6), T=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_without_temperature_the_memory_returns_the_mean_of_its_patterns(P, T, seed):
    torch.manual_seed(seed)
    cold = layer(P, 0.0)
    x_TD = torch.randn(T, 8, dtype=torch.float64)
    mean = cold.router.memory_PD.mean(0).expand(T, 8)
    torch.testing.assert_close(cold.router.retrieve(x_TD)[0], mean)
    assert cold(x_TD[None])[1].stats["retrieval_entropy"] == pytest.approx(math.log(P))


@settings(max_examples=30, deadline=None)
@given(P=st.integers(1, 6), T=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_a_very_exact_memory_returns_the_pattern_of_largest_product(P, T, seed):
    torch.manual_seed(seed)
    exact = layer(P, 1000.0)
    x_TD = 100 * torch.randn(T, 8, dtype=torch.float64)
    patterns = exact.router.memory_PD
    nearest = patterns[(x_TD @ patterns.T).argmax(-1)]
    torch.testing.assert_close(exact.router.retrieve(x_TD)[0], nearest, rtol=1e-3, atol=1e-3)
