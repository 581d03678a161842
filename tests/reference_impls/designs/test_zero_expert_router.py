import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.zero_expert_router.config import LongCatZeroConfig
from reference_impls.designs.zero_expert_router.router import make_layer


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), N=st.integers(1, 5), Z=st.integers(0, 4), data=st.data())
def test_true_and_identity_weights_add_up_to_those_of_the_choices(seed, N, Z, data):
    torch.manual_seed(seed)
    K = data.draw(st.integers(1, N + Z))
    config = LongCatZeroConfig(
        d_model=8, d_expert=8, n_experts=N, zero_experts=Z, choices_per_token=K, expected_experts=1
    )
    layer = make_layer(config)
    torch.nn.init.normal_(layer.router.weight_ED)
    x_BSD = torch.randn(2, 7, 8)
    routing = layer(x_BSD)[1].routing
    best_TK = layer.router.logits(x_BSD.view(14, 8)).softmax(-1).topk(K, dim=-1).values
    total_T = routing.identity_T.index_add(0, routing.token_A, routing.weight_A)
    assert torch.allclose(total_T, 4 * best_TK.sum(-1), rtol=1e-4)
    assert routing.n_dropped == 0
    assert routing.n_experts == N


def test_a_token_of_zero_experts_alone_is_its_own_output_but_for_a_factor():
    config = LongCatZeroConfig(d_model=8, d_expert=8)
    layer = make_layer(config)
    layer.router.bias_E[:8] = -10
    x_BSD = torch.randn(2, 7, 8)
    y_BSD, info = layer(x_BSD)
    assert info.stats["true_experts"] == 0
    assert torch.allclose(y_BSD, info.routing.identity_T.view(2, 7, 1) * x_BSD)
