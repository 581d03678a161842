"""Designs whose experts take a limited number of tokens."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import mean_squared_cv, squared_cv
from reference_impls.core.routing import Progress
from reference_impls.designs.batch_prioritised_routing import router as bpr
from reference_impls.designs.batch_prioritised_routing.config import VMoEConfig
from reference_impls.designs.st_moe_router import router as st_moe
from reference_impls.designs.st_moe_router.config import STMoEConfig
from reference_impls.designs.stablemoe_two_stage.router import balance_loss
from reference_impls.designs.x_moe_router import router as x_moe
from reference_impls.designs.x_moe_router.config import XMoEConfig
from reference_impls.designs.x_moe_router.router import LEAST_TEMPERATURE

D = 8


def bpr_layer(n_experts: int, **fields):
    layer = bpr.make_layer(VMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


def test_first_choices_are_served_before_second_ones():
    """A token that is barely sure takes its first choice before the surest token takes its second."""
    layer = bpr_layer(2, capacity_factor_eval=0.5)  # one place in each expert for two tokens
    with torch.no_grad():
        layer.router.weight_ED.copy_(torch.eye(2, D))
    x_BSD = torch.zeros(1, 2, D)
    x_BSD[0, 0, 0], x_BSD[0, 1, 1] = 5.0, 0.1
    routing = layer(x_BSD)[1].routing
    assert sorted(zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert routing.n_dropped == 2


def test_the_spread_of_groups_is_the_mean_over_those_that_have_tokens():
    value_TE = torch.rand(5, 3)
    group_T = torch.tensor([0, 0, 2, 2, 2])
    expected = (squared_cv(value_TE[:2].sum(0)) + squared_cv(value_TE[2:].sum(0))) / 2
    torch.testing.assert_close(mean_squared_cv(value_TE, group_T, 4), expected)
    assert float(mean_squared_cv(value_TE[:0], group_T[:0], 4)) == 0


def m6t_layer(n_prototypes: int, size: int, **fields):
    layer = make_layer(
        "expert-prototyping", d_model=D, d_expert=6, n_experts=n_prototypes * size, n_prototypes=n_prototypes, **fields
    )
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


def test_prototypes_do_not_touch_each_other():
    """Other router weights in one prototype leave the other's choices, weights and drops as they were."""
    layer = m6t_layer(2, 3, capacity_factor_eval=0.7).eval()
    x_BSD = torch.randn(2, 9, D)

    def of_the_first(routing):
        keep_A = routing.expert_A < 3
        return routing.token_A[keep_A], routing.expert_A[keep_A], routing.weight_A[keep_A]

    before = of_the_first(layer(x_BSD)[1].routing)
    with torch.no_grad():
        layer.router.weight_ED[3:].normal_()
    for one, other in zip(before, of_the_first(layer(x_BSD)[1].routing), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_entropy_lies_between_that_of_certainty_and_that_of_no_opinion():
    layer = m6t_layer(2, 4).eval()
    x_BSD = torch.randn(2, 9, D)
    with torch.no_grad():
        layer.router.weight_ED.zero_()
        assert float(layer(x_BSD)[1].routing.entropy) == pytest.approx(math.log(8), abs=1e-5)
        layer.router.weight_ED.normal_(std=1e4)
        assert float(layer(x_BSD)[1].routing.entropy) == pytest.approx(math.log(2), abs=1e-2)


def st_moe_layer(n_experts: int, **fields):
    return st_moe.make_layer(STMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


def test_the_second_expert_is_used_as_often_as_its_weight_says():
    """In training with probability weight / threshold, outside training always."""
    layer = st_moe_layer(2, second_threshold=0.8, capacity_factor_train=4.0).train()
    with torch.no_grad():
        layer.router.weight_ED.zero_()
        layer.router.weight_ED[0, 0] = math.log(3.0)
    x_BSD = torch.zeros(1, 20_000, D)
    x_BSD[..., 0] = 1.0  # logits ln 3 and 0: weights 3/4 and 1/4
    used = int(layer(x_BSD)[1].routing.load_E[1]) / 20_000
    assert abs(used - 0.25 / 0.8) < 0.02
    assert layer.eval()(x_BSD)[1].routing.load_E.tolist() == [20_000, 20_000]


def skywork_layer(**fields):
    layer = make_layer("skywork-router", d_model=8, d_expert=8, **fields)
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


def test_a_layer_without_drops_lowers_its_coefficient():
    layer = skywork_layer(capacity_factor_train=256.0)
    for step in range(400):
        layer.on_step(layer(torch.randn(1, 4, 8))[1], Progress(step + 1, 400))
    assert 0 < float(layer.router.coefficient) < 0.01 * 0.02


def test_sharper_with_a_larger_scale():
    x_BSD, entropies = torch.randn(2, 10, 8), []
    for scale in (0.5, 1.0, 2.0):
        torch.manual_seed(0)
        entropies.append(float(skywork_layer(logit_scale=scale)(x_BSD)[1].routing.entropy))
    assert entropies == sorted(entropies, reverse=True)


def x_moe_layer(n_experts: int, **fields):
    return x_moe.make_layer(XMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))


def test_the_temperature_is_learned_and_never_reaches_zero():
    layer = x_moe_layer(4).train()
    optimiser = torch.optim.SGD(layer.router.parameters(), lr=0.1)
    y_BSD, info = layer(torch.randn(2, 9, D))
    assert info.stats["temperature"] == pytest.approx(0.3)
    y_BSD.square().sum().backward()
    optimiser.step()
    assert float(layer.router.temperature.detach()) != pytest.approx(0.3)
    with torch.no_grad():
        layer.router.temperature.fill_(-1.0)
    y_BSD, info = layer(torch.randn(2, 9, D))
    assert y_BSD.isfinite().all()
    assert info.stats["temperature"] == pytest.approx(LEAST_TEMPERATURE)


def test_a_lower_temperature_changes_weights_and_not_choices():
    layer = x_moe_layer(5).eval()
    x_BSD = torch.randn(2, 9, D)
    warm = layer(x_BSD)[1].routing
    with torch.no_grad():
        layer.router.temperature.fill_(0.05)
    cold = layer(x_BSD)[1].routing
    assert torch.equal(warm.expert_A, cold.expert_A)
    assert (cold.weight_A >= warm.weight_A).all()
    assert cold.entropy < warm.entropy


def nllb_layer(**fields: object) -> MoELayer:
    made = make_layer("nllb-conditional-routing", **({"d_model": 8, "d_expert": 12, "n_experts": 4} | fields)).double()
    torch.nn.init.normal_(made.router.weight_ED)
    torch.nn.init.normal_(made.router.gate_1D)
    return made


@settings(max_examples=30, deadline=None)
@given(B=st.integers(1, 3), S=st.integers(1, 12), E=st.integers(1, 6), seed=st.integers(0, 999))
def test_mixture_and_shared_network_share_out_each_token(B, S, E, seed):
    torch.manual_seed(seed)
    made = nllb_layer(n_experts=E, capacity_factor_eval=8.0).eval()
    routing = made(torch.randn(B, S, 8, dtype=torch.float64))[1].routing
    assert routing.n_dropped == 0
    torch.testing.assert_close(routing.share_TE().sum(1) + routing.shared_T, torch.ones(B * S, dtype=torch.float64))
    assert routing.stats["mixture_share"] == pytest.approx(float(1 - routing.shared_T.detach().mean()))


@pytest.mark.parametrize("budget", [0.2, 0.9])
def test_the_budget_loss_alone_brings_the_mean_gate_to_the_budget(budget):
    made = nllb_layer(mixture_budget=budget).train()
    optimiser = torch.optim.SGD([made.router.gate_1D, made.router.gate_bias], lr=0.2)
    x_BSD = torch.randn(4, 32, 8, dtype=torch.float64)
    for _ in range(300):
        info = made(x_BSD)[1]
        optimiser.zero_grad()
        info.losses["budget"].value.backward()
        optimiser.step()
    assert info.stats["mixture_share"] == pytest.approx(budget, abs=0.02)


def test_a_dropped_gate_leaves_the_token_to_the_shared_network_in_training_only():
    made = nllb_layer(gate_dropout=0.5)
    x_BSD = torch.randn(2, 200, 8, dtype=torch.float64)
    dropped = made.train()(x_BSD)[1].routing.shared_T == 1
    assert 0.4 < dropped.double().mean() < 0.6
    assert not (made.eval()(x_BSD)[1].routing.shared_T == 1).any()


def stable_layer(**fields):
    layer = make_layer("stablemoe-two-stage", d_model=8, d_expert=8, **fields)
    for weight in (layer.router.weight_ED, layer.router.embedding_WH, layer.router.distilled_EH):
        torch.nn.init.normal_(weight)
    return layer


@settings(max_examples=40, deadline=None)
@given(steps=st.integers(1, 50), first_stage=st.floats(0, 1))
def test_the_first_stage_lasts_for_its_share_of_the_steps(steps, first_stage):
    layer = stable_layer(first_stage=first_stage)
    info = layer(torch.randn(1, 2, 8), token_id=torch.zeros(1, 2, dtype=torch.int64))[1]
    for step in range(steps):
        expected = step / steps >= first_stage
        assert bool(layer.router.second_stage) == expected
        layer.on_step(info, Progress(step + 1, steps))
    assert bool(layer.router.second_stage)


def test_outside_training_the_distilled_gate_chooses_in_both_stages():
    torch.manual_seed(0)
    layer, x_BSD, word_BS = stable_layer(capacity_factor_eval=100.0), torch.randn(2, 9, 8), torch.randint(256, (2, 9))
    learned = layer(x_BSD, token_id=word_BS)[1].routing
    layer.eval()
    first = layer(x_BSD, token_id=word_BS)[1].routing
    layer.router.second_stage.fill_(True)
    second = layer(x_BSD, token_id=word_BS)[1].routing
    assert torch.equal(first.expert_A, second.expert_A)
    assert not torch.equal(first.load_E, learned.load_E)


def test_losses_end_with_the_first_stage_but_are_told():
    layer, x_BSD, word_BS = stable_layer(), torch.randn(2, 9, 8), torch.randint(256, (2, 9))
    for second, coefficient in ((False, 0.3), (True, 0.0)):
        layer.router.second_stage.fill_(second)
        losses = layer(x_BSD, token_id=word_BS)[1].losses
        assert {name: part.coefficient for name, part in losses.items()} == {
            "load_balance": coefficient,
            "distillation": coefficient,
        }
        assert all(part.value.requires_grad != second for part in losses.values())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), T=st.integers(1, 20), E=st.integers(1, 5))
def test_balance_loss_is_zero_when_even_and_pushes_down_what_is_too_full(seed, T, E):
    torch.manual_seed(seed)
    even_TE = torch.randn(T * E, E, dtype=torch.float64)
    assert balance_loss(even_TE, torch.arange(E).repeat(T)) == pytest.approx(0, abs=1e-12)
    logit_TE = torch.randn(T, E, dtype=torch.float64, requires_grad=True)
    expert_T = logit_TE.argmax(-1)
    balance_loss(logit_TE, expert_T).backward()
    load_E = torch.bincount(expert_T, minlength=E)
    slope_T = logit_TE.grad.gather(1, expert_T[:, None])[:, 0]
    assert (slope_T.sign() == (load_E[expert_T] * E - T).sign()).all()
