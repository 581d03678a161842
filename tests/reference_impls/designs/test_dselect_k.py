import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.dselect_k.config import DSelectKConfig
from reference_impls.designs.dselect_k.router import EPSILON, make_layer, smooth_step

D = 8


def layer_of(n_experts: int, k: int = 2, **fields):
    layer = make_layer(
        DSelectKConfig.with_experts(n_experts, d_model=D, d_expert=6, experts_per_token=min(k, n_experts), **fields)
    )
    torch.nn.init.normal_(layer.router.bit_MD)
    return layer


@settings(max_examples=50, deadline=None)
@given(
    E=st.integers(2, 17), k=st.integers(1, 4), T=st.integers(1, 10), width=st.floats(1e-3, 20),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_weights_are_a_distribution_over_distinct_experts(E, k, T, width, seed):
    """They add up to one; less only where a selector spells a number that no expert has."""
    torch.manual_seed(seed)
    routing = layer_of(E, k, step_width=width)(torch.randn(1, T, D))[1].routing
    assert (routing.weight_A > 0).all()
    assert len(set(zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True))) == len(routing.token_A)
    total_T = torch.zeros(T).index_add(0, routing.token_A, routing.weight_A.detach())
    assert (total_T <= 1 + 1e-5).all()
    if E & (E - 1) == 0:
        torch.testing.assert_close(total_T, torch.ones(T))


@settings(max_examples=50, deadline=None)
@given(z=st.floats(-50, 50), width=st.floats(0.01, 50))
def test_the_step_lies_between_0_and_1_and_is_exact_beyond_its_ends(z, width):
    value = float(smooth_step(torch.tensor(z, dtype=torch.float64), width))
    assert 0 <= value <= 1
    if abs(z) > width / 2 * (1 + 1e-9):
        assert value == float(z > 0)


def test_experts_of_weight_zero_change_nothing_when_left_out():
    """Outputs and gradients are those of the mixture over all experts."""
    layer = layer_of(8, step_width=1.0).double()
    x_BSD = torch.randn(2, 9, D, dtype=torch.float64)
    routing = layer(x_BSD)[1].routing
    assert len(routing.token_A) < 18 * 8
    router = layer.router
    bit_TKm = router.bits(x_BSD.view(-1, D))
    choice_TKE = torch.where(router.code_Em, bit_TKm[:, :, None], 1 - bit_TKm[:, :, None]).prod(-1)
    share_TK = (x_BSD.view(-1, D) @ router.selector_KD.T + router.selector_bias_K).softmax(-1)
    weight_TE = (share_TK[..., None] * choice_TKE).sum(1)
    dense_TD = sum(weight_TE[:, e, None] * layer.experts(x_BSD.view(-1, D), e) for e in range(8))
    sparse_TD = layer(x_BSD)[0].view(-1, D)
    torch.testing.assert_close(sparse_TD, dense_TD)
    weights = list(layer.parameters())
    ours, all_of_them = (torch.autograd.grad(y.square().sum(), weights) for y in (sparse_TD, dense_TD))
    for one, other in zip(ours, all_of_them, strict=True):
        torch.testing.assert_close(one, other)


def test_the_entropy_loss_converges_the_bits():
    layer = layer_of(8, step_width=2.0).train()
    x_BSD = torch.randn(4, 16, D)
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.02)
    before = layer(x_BSD)[1].stats
    for _ in range(200):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["entropy"].value.backward()
        optimiser.step()
    after = layer(x_BSD)[1].stats
    assert before["experts_used"] > 2.5
    assert after["experts_used"] < 0.75 * before["experts_used"]
    assert after["converged_bits"] > before["converged_bits"]


def test_numbers_without_an_expert_cost_and_powers_of_two_have_none():
    assert "reach" not in layer_of(4)(torch.randn(1, 5, D))[1].losses
    layer = layer_of(5, k=1, step_width=1.0)
    with torch.no_grad():
        layer.router.bit_MD.zero_()
        layer.router.bit_bias_M.fill_(9.0)  # 111: the eighth number, of five
    y_BSD, info = layer(torch.randn(1, 5, D))
    assert not y_BSD.any()
    assert len(info.routing.token_A) == 0
    assert float(info.losses["reach"].value.detach()) == pytest.approx(1 / EPSILON)
    with torch.no_grad():
        layer.router.bit_bias_M.fill_(-9.0)  # 000: the first expert
    assert float(layer(torch.randn(1, 5, D))[1].losses["reach"].value.detach()) == pytest.approx(1.0)
