"""Noisy, smooth and hierarchical gates."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.losses import squared_cv
from reference_impls.core.noise import NoisyLogits
from reference_impls.designs.dselect_k import router as dselect_k
from reference_impls.designs.dselect_k.config import DSelectKConfig
from reference_impls.designs.dselect_k.router import EPSILON, smooth_step
from reference_impls.designs.hierarchical_noisy_top_k import router as noisy_topk_hierarchical
from reference_impls.designs.hierarchical_noisy_top_k.config import HierarchicalNoisyTopKConfig
from reference_impls.designs.hierarchical_two_stage_gate.config import TwoStageConfig
from reference_impls.designs.hierarchical_two_stage_gate.router import gate_logits
from reference_impls.designs.noisy_top_k import router as noisy_topk
from reference_impls.designs.noisy_top_k.config import NoisyTopKConfig

D = 8


def flat(n_experts: int, k: int):
    return noisy_topk.make_layer(NoisyTopKConfig.with_experts(n_experts, d_model=D, d_expert=6, experts_per_token=k))


def hierarchical(a: int, b: int, k1: int, k2: int):
    config = HierarchicalNoisyTopKConfig(
        d_model=D, d_expert=6, n_experts=a * b, n_groups=a, groups_per_token=k1, experts_per_group=k2
    )
    return noisy_topk_hierarchical.make_layer(config)


@settings(max_examples=30, deadline=None)
@given(a=st.integers(2, 4), b=st.integers(2, 4), seed=st.integers(0, 2**31))
def test_a_token_stays_within_its_groups(a, b, seed):
    torch.manual_seed(seed)
    layer = hierarchical(a, b, 1, 2).train()
    routing = layer(torch.randn(1, 12, D))[1].routing
    groups = (routing.expert_A // b).view(12, 2)
    assert (groups[:, 0] == groups[:, 1]).all()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 7), seed=st.integers(0, 2**31), data=st.data())
def test_probabilities_of_being_chosen_agree_with_the_choice_where_noise_is_small(n, seed, data):
    k = data.draw(st.integers(1, n))
    torch.manual_seed(seed)
    clean = torch.randperm(n)[None].double()
    logits = NoisyLogits(clean, clean, torch.full_like(clean, 1e-3), drawn=True)
    chosen = clean >= n - k
    torch.testing.assert_close(logits.inclusion(k), chosen.double())
    certain = NoisyLogits(clean, clean, torch.ones_like(clean), drawn=False)
    torch.testing.assert_close(certain.inclusion(k), chosen.double())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8), st.floats(0.01, 100))
def test_squared_cv_is_nonnegative_at_most_n_minus_1_and_blind_to_scale(values, scale):
    value_E = torch.tensor(values, dtype=torch.float64)
    spread = squared_cv(value_E)
    assert 0 <= spread <= len(values) - 1 + 1e-9
    torch.testing.assert_close(squared_cv(scale * value_E), spread, rtol=1e-6, atol=1e-12)


def test_squared_cv_of_zeros_is_zero_and_has_no_gradient():
    zeros_E = torch.zeros(4, requires_grad=True)
    squared_cv(zeros_E).backward()
    assert not zeros_E.grad.any()


def test_the_load_loss_teaches_the_noise_and_only_in_training():
    layer = flat(6, 2).train()
    x_BSD = torch.randn(2, 30, D)
    layer(x_BSD)[1].losses["load"].value.backward()
    assert layer.router.gate.noise_ED.grad.any()
    assert not layer.eval()(x_BSD)[1].losses["load"].value.requires_grad


def dselect_k_layer(n_experts: int, k: int = 2, **fields):
    layer = dselect_k.make_layer(
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
    routing = dselect_k_layer(E, k, step_width=width)(torch.randn(1, T, D))[1].routing
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
    layer = dselect_k_layer(8, step_width=1.0).double()
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
    layer = dselect_k_layer(8, step_width=2.0).train()
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
    assert "reach" not in dselect_k_layer(4)(torch.randn(1, 5, D))[1].losses
    layer = dselect_k_layer(5, k=1, step_width=1.0)
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


@pytest.mark.parametrize(("n_experts", "n_groups"), [(1, 1), (3, 1), (4, 2), (5, 1), (6, 2), (8, 4), (32, 4)])
def test_any_number_of_experts_has_groups(n_experts: int, n_groups: int):
    config = TwoStageConfig.with_experts(n_experts)
    assert (config.n_groups, config.active_experts) == (n_groups, n_experts / n_groups)


def test_the_laplace_gate_prefers_the_nearest_point_and_ignores_lengths():
    point_ND = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    logit_TN = gate_logits(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), point_ND, "laplace")
    torch.testing.assert_close(logit_TN, torch.tensor([[0.0, -5.0], [-5.0, 0.0]]))
