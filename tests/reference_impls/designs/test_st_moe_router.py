import math

import torch

from reference_impls.designs.st_moe_router.config import STMoEConfig
from reference_impls.designs.st_moe_router.router import make_layer

D = 8


def layer_of(n_experts: int, **fields):
    return make_layer(STMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


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
