import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.st_moe_router.config import STMoEConfig
from reference_impls.designs.st_moe_router.router import make_layer

D = 8


def layer_of(n_experts: int, **fields):
    return make_layer(STMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


@settings(max_examples=40, deadline=None)
@given(
    E=st.integers(1, 6), B=st.integers(1, 3), S=st.integers(1, 12), factor=st.floats(0.1, 6), seed=st.integers(0, 2**31)
)
def test_no_expert_takes_more_than_its_capacity_and_no_token_more_than_weight_one(E, B, S, factor, seed):
    torch.manual_seed(seed)
    layer = layer_of(E, capacity_factor_train=factor).train()
    torch.nn.init.normal_(layer.router.weight_ED)
    routing = layer(torch.randn(B, S, D))[1].routing
    cell_A = routing.token_A // S * E + routing.expert_A
    assert int(torch.bincount(cell_A).max()) <= math.ceil(factor * S / E - 1e-9)
    total_T = torch.zeros(B * S).index_add(0, routing.token_A, routing.weight_A)
    assert (total_T <= 1 + 1e-5).all()


def test_the_second_expert_is_used_as_often_as_its_weight_says():
    """In training with probability weight / threshold, outside training always."""
    layer = layer_of(2, second_threshold=0.8, capacity_factor_train=4.0).train()
    with torch.no_grad():
        layer.router.weight_ED.zero_()
        layer.router.weight_ED[0, 0] = math.log(3.0)
    x_BSD = torch.zeros(1, 20_000, D)
    x_BSD[..., 0] = 1.0  # logits ln 3 and 0: weights 3/4 and 1/4
    used = int(layer(x_BSD)[1].routing.load_E[1]) / 20_000
    assert abs(used - 0.25 / 0.8) < 0.02
    assert layer.eval()(x_BSD)[1].routing.load_E.tolist() == [20_000, 20_000]


def test_the_z_loss_pulls_large_logits_down():
    layer = layer_of(4)
    torch.nn.init.normal_(layer.router.weight_ED, std=3.0)
    x_BSD = torch.randn(2, 16, D)
    before = layer(x_BSD)[1].losses["router_z"]
    assert before.coefficient == 0.001
    before.value.backward()
    with torch.no_grad():
        layer.router.weight_ED -= 0.01 * layer.router.weight_ED.grad
    assert layer(x_BSD)[1].losses["router_z"].value < before.value
    with torch.no_grad():
        layer.router.weight_ED.zero_()
    torch.testing.assert_close(layer(x_BSD)[1].losses["router_z"].value.detach(), torch.tensor(math.log(4) ** 2))


def test_layers_start_small():
    layer = make_layer(STMoEConfig(initial_scale=0.1))
    for weight in (p.detach() for p in layer.parameters()):
        std = math.sqrt(0.1 / weight.shape[-1])
        assert float(weight.abs().max()) <= 2 * std + 1e-6
        assert 0.7 * std < float(weight.std()) < std
