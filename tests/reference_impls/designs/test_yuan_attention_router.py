import math

import pytest
import torch

from reference_impls.designs.yuan_attention_router.config import YuanAttentionConfig
from reference_impls.designs.yuan_attention_router.router import make_layer


def test_a_flat_attention_has_no_preference():
    layer = make_layer(YuanAttentionConfig(d_model=8, d_expert=8, n_experts=4))
    torch.nn.init.zeros_(layer.router.query_ED)
    logit_TE, _ = layer.router.attend(torch.randn(5, 8))
    assert torch.allclose(logit_TE, logit_TE[:, :1].expand_as(logit_TE), atol=1e-6)
    assert layer(torch.randn(1, 5, 8))[1].stats["attention_entropy"] == pytest.approx(math.log(4))


def test_the_z_loss_is_there_if_it_is_set():
    for coefficient in (0.0, 0.1):
        layer = make_layer(YuanAttentionConfig(d_model=8, d_expert=8, z_coefficient=coefficient))
        assert ("router_z" in layer(torch.randn(1, 5, 8))[1].losses) == (coefficient > 0)
