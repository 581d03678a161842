import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.losses import squared_cv
from reference_impls.core.noise import NoisyLogits
from reference_impls.designs.hierarchical_noisy_top_k import router as noisy_topk_hierarchical
from reference_impls.designs.hierarchical_noisy_top_k.config import HierarchicalNoisyTopKConfig
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
