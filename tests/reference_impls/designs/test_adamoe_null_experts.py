import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.adamoe_null_experts.config import AdaMoEConfig
from reference_impls.designs.adamoe_null_experts.router import make_layer


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), N=st.integers(1, 5), M=st.integers(0, 5), data=st.data())
def test_weights_of_the_true_experts_add_up_to_one_or_there_are_none(seed, N, M, data):
    torch.manual_seed(seed)
    K = data.draw(st.integers(1, N + M))
    config = AdaMoEConfig(d_model=8, d_expert=8, n_experts=N, null_experts=M, choices_per_token=K)
    layer = make_layer(config)
    torch.nn.init.normal_(layer.router.weight_ED)
    y_BSD, info = layer(torch.randn(2, 9, 8))
    routing = info.routing
    sum_T = torch.zeros(18).index_add(0, routing.token_A, routing.weight_A.detach())
    number_T = torch.bincount(routing.token_A, minlength=18)
    assert torch.allclose(sum_T, (number_T > 0).float(), atol=1e-5)
    assert (y_BSD.view(18, 8)[number_T == 0] == 0).all()
    assert number_T.min() >= K - M
    assert info.stats["true_experts"] == pytest.approx(float(number_T.double().mean()))


def test_the_loss_pulls_the_average_use_of_null_experts_towards_an_even_share():
    torch.manual_seed(0)
    config = AdaMoEConfig(d_model=16, d_expert=8, n_experts=4, null_experts=4, choices_per_token=4)
    layer = make_layer(config)
    with torch.no_grad():
        layer.router.weight_ED.normal_()
        layer.router.weight_ED[:4, 0] += 8  # tokens of positive first coordinate would use true experts only
    x_BSD = torch.randn(8, 32, 16)
    x_BSD[..., 0] = x_BSD[..., 0].abs()
    before = layer(x_BSD)[1].stats["true_experts"]
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["load_balance"].value.backward()
        optimiser.step()
    after = layer(x_BSD)[1].stats
    assert before > 2.7
    assert after["true_experts"] == pytest.approx(2, abs=0.3)
    assert after["true_experts_deviation"] > 0.2  # on average, not for each token
