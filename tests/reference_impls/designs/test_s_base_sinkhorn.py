import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.designs.s_base_sinkhorn.sinkhorn import sinkhorn_plan


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4), scale=st.sampled_from([0.0, 1.0, 1e4]))
def test_plans_are_finite_with_rows_of_one_and_groups_apart(sizes, scale):
    group_T = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    logit_TE = scale * torch.randn(len(group_T), 3)
    plan_TE = sinkhorn_plan(logit_TE, group_T, len(sizes), epsilon=1.0, steps=15)
    torch.testing.assert_close(plan_TE.sum(1), torch.ones(len(group_T)))
    for group in range(len(sizes)):
        alone = sinkhorn_plan(
            logit_TE[group_T == group], torch.zeros(sizes[group], dtype=torch.int64), 1, epsilon=1.0, steps=15
        )
        torch.testing.assert_close(plan_TE[group_T == group], alone)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_all_tokens_think_of_an_expert_does_not_matter(seed):
    generator = torch.Generator().manual_seed(seed)
    logit_TE = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    group_T = torch.zeros(12, dtype=torch.int64)
    plain, shifted = (
        sinkhorn_plan(logits, group_T, 1, epsilon=1.0, steps=200)
        for logits in (logit_TE, logit_TE + 5 * torch.randn(4, generator=generator, dtype=torch.float64))
    )
    torch.testing.assert_close(plain, shifted, rtol=1e-6, atol=1e-8)


def test_training_evens_a_lopsided_router_and_evaluation_does_not():
    layer = make_layer("s-base-sinkhorn", d_model=8, d_expert=4, n_experts=4, sinkhorn_steps=200)
    with torch.no_grad():
        layer.router.weight_ED.normal_().add_(torch.tensor([3.0, 0, 0, 0])[:, None])
    x_BSD = torch.randn(2, 64, 8).abs()
    told = layer(x_BSD)[1]
    assert told.routing.load_E.max() < 48
    assert told.stats["plan_violation"] < 1e-3
    assert told.stats["best_expert_fraction"] < 1
    assert layer.eval()(x_BSD)[1].routing.load_E.max() > 100


def test_fewer_steps_leave_a_larger_violation():
    seen = []
    for steps in (1, 3, 30):
        torch.manual_seed(0)
        layer = make_layer("s-base-sinkhorn", d_model=8, d_expert=4, n_experts=4, sinkhorn_steps=steps)
        torch.nn.init.normal_(layer.router.weight_ED)
        seen.append(layer(torch.randn(1, 32, 8))[1].stats["plan_violation"])
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(0, abs=1e-3)
