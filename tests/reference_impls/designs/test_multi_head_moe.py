import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.multi_head_moe.config import MultiHeadConfig
from reference_impls.designs.multi_head_moe.router import distinct_experts, make_layer


def layer_of(heads: int, k: int = 2, **fields):
    return make_layer(
        MultiHeadConfig(d_model=16, d_expert=8, n_experts=5, token_heads=heads, experts_per_token=k, **fields)
    ).double()


@settings(deadline=None, max_examples=25)
@given(
    heads=st.sampled_from([1, 2, 4, 8]), k=st.integers(1, 5), B=st.integers(0, 3), S=st.integers(0, 4),
    inner=st.booleans(),
)  # fmt: skip
def test_parts_are_routed_and_tokens_come_back(heads: int, k: int, B: int, S: int, inner: bool):
    x_BSD = torch.randn(B, S, 16, dtype=torch.float64)
    y_BSD, info = layer_of(heads, k, inner_residual=inner)(x_BSD)
    assert y_BSD.shape == x_BSD.shape
    assert info.routing.n_tokens == B * S * heads
    assert info.routing.expert_A.numel() == B * S * heads * k
    if B * S:
        assert k <= info.stats["experts_per_whole_token"] <= min(heads * k, 5)


def test_what_a_part_holds_reaches_only_its_experts():
    layer = layer_of(4, k=1)
    with torch.no_grad():
        layer.head_DD.copy_(torch.eye(16))
        layer.merge_DD.copy_(torch.eye(16))
    x_BSD = torch.randn(1, 6, 16, dtype=torch.float64)
    other = x_BSD.clone()
    other[..., :4] += 1
    change = (layer(other)[0] - layer(x_BSD)[0]).detach().abs()
    assert float(change[..., 4:].max()) < 1e-15
    assert float(change[..., :4].max()) > 0


def test_the_inner_residual_alone_is_the_two_projections():
    layer = layer_of(4, inner_residual=True)
    with torch.no_grad():
        layer.experts.w_out_EDF.zero_()
    x_BSD = torch.randn(2, 3, 16, dtype=torch.float64)
    torch.testing.assert_close(layer(x_BSD)[0], x_BSD @ layer.head_DD.T @ layer.merge_DD.T)


def test_distinct_experts_are_counted_once():
    assert distinct_experts(torch.tensor([[0, 0, 2], [1, 3, 2]]), 5) == 2.5
    assert distinct_experts(torch.zeros(0, 4, dtype=torch.int64), 5) == 0


@pytest.mark.parametrize(("heads", "k", "active"), [(1, 2, 2), (4, 1, 4), (4, 2, 8), (4, 3, 8)])
def test_active_experts_stop_at_all_of_them(heads: int, k: int, active: int):
    assert MultiHeadConfig(token_heads=heads, experts_per_token=k).active_experts == active


def test_initial_projections_are_xavier_uniform_the_first_divided_by_the_root_of_two():
    layer = make_layer(MultiHeadConfig(d_model=128, token_heads=2))
    bound = (6 / (128 + 128)) ** 0.5
    for weight_DD, largest in ((layer.head_DD, bound / 2**0.5), (layer.merge_DD, bound)):
        assert 0.99 * largest < float(weight_DD.detach().abs().max()) <= largest
        assert float(weight_DD.detach().std()) == pytest.approx(largest / 3**0.5, rel=0.05)
