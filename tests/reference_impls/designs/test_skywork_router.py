import torch

from reference_impls.core.routing import Progress
from reference_impls.designs.skywork_router.config import SkyworkConfig
from reference_impls.designs.skywork_router.router import make_layer


def layer_of(**fields):
    layer = make_layer(SkyworkConfig(d_model=8, d_expert=8, **fields))
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


def test_a_layer_without_drops_lets_go_of_balance():
    layer = layer_of(capacity_factor_train=256.0)
    for step in range(400):
        layer.on_step(layer(torch.randn(1, 4, 8))[1], Progress(step + 1, 400))
    assert 0 < float(layer.router.coefficient) < 0.01 * 0.02


def test_sharper_with_a_larger_scale():
    x_BSD, entropies = torch.randn(2, 10, 8), []
    for scale in (0.5, 1.0, 2.0):
        torch.manual_seed(0)
        entropies.append(float(layer_of(logit_scale=scale)(x_BSD)[1].routing.entropy))
    assert entropies == sorted(entropies, reverse=True)
