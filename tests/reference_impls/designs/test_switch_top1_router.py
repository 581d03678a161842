"""Switch: noise and initial weights."""

import pytest
import torch

from reference_impls.designs.switch_top1_router.config import SwitchTop1Config
from reference_impls.designs.switch_top1_router.router import make_layer

D, F, E, B, S = 32, 48, 8, 3, 40


def test_jitter_multiplies_the_routers_input_in_training_only():
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, jitter=0.3)
    router = make_layer(config).router
    x_TD = torch.ones(200, D)
    noisy = router._jittered(x_TD)
    assert 0.7 <= float(noisy.min()) < 0.75
    assert 1.25 < float(noisy.max()) <= 1.3
    layer = make_layer(config)
    x = torch.randn(B, S, D)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_initial_weights_have_the_papers_scale():
    layer = make_layer(SwitchTop1Config(d_model=256, d_expert=512, n_experts=4, initial_scale=0.1))
    for weight, inputs in ((layer.experts.w_in_EID, 256), (layer.experts.w_out_EDF, 512)):
        std = (0.1 / inputs) ** 0.5
        weight = weight.detach()
        assert float(weight.abs().max()) <= 2 * std + 1e-6
        # Cut at two deviations, a normal keeps 0.88 of its own.
        assert float(weight.std()) == pytest.approx(0.88 * std, rel=0.02)
