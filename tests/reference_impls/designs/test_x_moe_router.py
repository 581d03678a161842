import pytest
import torch

from reference_impls.designs.x_moe_router.config import XMoEConfig
from reference_impls.designs.x_moe_router.router import LEAST_TEMPERATURE, make_layer

D = 8


def layer_of(n_experts: int, **fields):
    return make_layer(XMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


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
