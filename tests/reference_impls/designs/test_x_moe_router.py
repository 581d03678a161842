import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.x_moe_router.config import XMoEConfig
from reference_impls.designs.x_moe_router.router import LEAST_TEMPERATURE, make_layer

D = 8


def layer_of(n_experts: int, **fields):
    return make_layer(XMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


@settings(max_examples=40, deadline=None)
@given(
    E=st.integers(1, 6), R=st.integers(1, 5), B=st.integers(1, 3), S=st.integers(1, 10), factor=st.floats(0.1, 6),
    gate=st.sampled_from(["softmax", "sigmoid"]), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_capacity_holds_and_weights_are_those_of_the_gate(E, R, B, S, factor, gate, seed):
    torch.manual_seed(seed)
    layer = layer_of(E, d_router=R, capacity_factor_train=factor, gate=gate).train()
    x_BSD = torch.randn(B, S, D)
    routing = layer(x_BSD)[1].routing
    cell_A = routing.token_A // S * E + routing.expert_A
    assert int(torch.bincount(cell_A).max()) <= math.ceil(factor * S / E - 1e-9)
    best_T = layer.router.scores(x_BSD.view(-1, D)).max(-1).values / 0.3
    least = 1 / E if gate == "softmax" else 0.0
    assert ((routing.weight_A >= least - 1e-6) & (routing.weight_A <= 1)).all()
    if gate == "sigmoid":
        torch.testing.assert_close(routing.weight_A, best_T.sigmoid()[routing.token_A])


def test_the_temperature_is_learned_and_never_reaches_zero():
    layer = layer_of(4).train()
    optimiser = torch.optim.SGD(layer.router.parameters(), lr=0.1)
    y_BSD, info = layer(torch.randn(2, 9, D))
    assert info.stats["temperature"] == pytest.approx(0.3)
    y_BSD.square().sum().backward()
    optimiser.step()
    assert float(layer.router.temperature.detach()) != pytest.approx(0.3)
    with torch.no_grad():
        layer.router.temperature.fill_(-1.0)
    y_BSD, info = layer(torch.randn(2, 9, D))
    assert y_BSD.isfinite().all()
    assert info.stats["temperature"] == pytest.approx(LEAST_TEMPERATURE)


def test_a_lower_temperature_changes_weights_and_not_choices():
    layer = layer_of(5).eval()
    x_BSD = torch.randn(2, 9, D)
    warm = layer(x_BSD)[1].routing
    with torch.no_grad():
        layer.router.temperature.fill_(0.05)
    cold = layer(x_BSD)[1].routing
    assert torch.equal(warm.expert_A, cold.expert_A)
    assert (cold.weight_A >= warm.weight_A).all()
    assert cold.entropy < warm.entropy
