import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.yuan_attention_router.config import YuanAttentionConfig
from reference_impls.designs.yuan_attention_router.router import make_layer


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), E=st.integers(1, 6), data=st.data())
def test_weights_add_up_to_one(seed, E, data):
    torch.manual_seed(seed)
    K = data.draw(st.integers(1, E))
    layer = make_layer(YuanAttentionConfig(d_model=8, d_expert=8, n_experts=E, experts_per_token=K))
    info = layer(torch.randn(2, 5, 8))[1]
    assert torch.allclose(info.routing.weight_A.view(10, K).sum(-1), torch.ones(10))
    assert 0 <= info.stats["attention_entropy"] <= math.log(E) + 1e-5


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
