import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.designs.topk_softmax_router.experts import ClampedSwiGLUExperts

D = 8


@settings(max_examples=40, deadline=None)
@given(limit=st.floats(0.1, 10), scale=st.floats(0.1, 1e4), seed=st.integers(0, 2**31))
def test_the_clamps_bound_what_an_expert_can_say(limit, scale, seed):
    torch.manual_seed(seed)
    bank = ClampedSwiGLUExperts(1, D, 6, gain=1.702, limit=limit)
    y_RD = bank(scale * torch.randn(20, D), 0)
    # |up + 1| is at most limit + 1; the gate times its sigmoid is at most limit, and at least -0.17.
    most_D = max(limit, 0.17) * (limit + 1) * bank.w_out_EDF[0].abs().sum(1)
    assert (y_RD.abs() <= most_D * (1 + 1e-5)).all()


def test_an_expert_without_input_says_its_bias():
    bank = ClampedSwiGLUExperts(2, D, 6, gain=1.702, limit=7.0)
    with torch.no_grad():
        bank.b_out_ED.normal_()
        torch.testing.assert_close(bank(torch.zeros(3, D), 1), bank.b_out_ED[1].expand(3, D))


def test_a_block_of_another_design_is_refused():
    from transformers import GptOssConfig
    from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP

    block = GptOssMLP(GptOssConfig(hidden_size=D, intermediate_size=6, num_local_experts=4, num_experts_per_tok=2))
    make_layer("topk-softmax-router", d_model=D, d_expert=6, n_experts=4, experts_per_token=2).load_transformers_block(
        block
    )
    with pytest.raises(ValueError, match=r"experts\.w_in_EID is \(4, 24, 8\) here, \(4, 12, 8\) in GptOssMLP"):
        make_layer(
            "topk-softmax-router", d_model=D, d_expert=12, n_experts=4, experts_per_token=2
        ).load_transformers_block(block)
    with pytest.raises(ValueError, match="for which this layer has no place"):
        make_layer("mixtral-top2-router", d_model=D, d_expert=6, n_experts=4).load_transformers_block(block)
