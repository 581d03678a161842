"""Switch against `SwitchTransformersSparseMLP` of transformers, and against the equations in float64."""

import pytest
import torch
from transformers import SwitchTransformersConfig
from transformers.models.switch_transformers.modeling_switch_transformers import (
    SwitchTransformersSparseMLP,
    load_balancing_loss_func,
    router_z_loss_func,
)

from reference_impls.configs.switch import SwitchTop1Config
from reference_impls.core.layer import MoELayer
from reference_impls.gating.switch import make_layer

D, F, E, B, S = 32, 48, 8, 3, 40


def pair(factor: float, dtype: torch.dtype) -> tuple[MoELayer, SwitchTransformersSparseMLP]:
    """Our layer and the oracle's with the same random weights and capacity, without noise."""
    ours = make_layer(
        SwitchTop1Config(
            d_model=D, d_expert=F, n_experts=E, jitter=0, z_coefficient=0.001,
            capacity_factor_train=factor, capacity_factor_eval=factor,
        )
    ).to(dtype)  # fmt: skip
    oracle = SwitchTransformersSparseMLP(
        SwitchTransformersConfig(
            d_model=D, d_ff=F, num_experts=E, expert_capacity=-int(-S * factor // E), router_jitter_noise=0.0,
            dropout_rate=0.0, dense_act_fn="relu", router_bias=False,
        )
    ).to(dtype)  # fmt: skip
    oracle.router.dtype = dtype  # its config does not take float64
    with torch.no_grad():
        ours.router.weight_ED.normal_(std=D**-0.5)
        oracle.router.classifier.weight.copy_(ours.router.weight_ED)
        for e in range(E):
            oracle.experts[f"expert_{e}"].wi.weight.copy_(ours.experts.w_in_EID[e])
            oracle.experts[f"expert_{e}"].wo.weight.copy_(ours.experts.w_out_EDF[e])
    return ours, oracle


@pytest.mark.parametrize("factor", [0.5, 1.25, 8.0])
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-5), (torch.float64, 1e-11, 1e-12)])
def test_output_and_gradients_equal_the_layer_of_transformers(factor, dtype, rtol, atol):
    ours, oracle = pair(factor, dtype)
    x = torch.randn(B, S, D, dtype=dtype)
    top = ours.router.logits(x.view(-1, D)).softmax(-1).topk(2, dim=-1).values
    assert (top[:, 0] - top[:, 1]).min() > 1e-4  # no choice hangs on rounding
    x_ours, x_oracle = x.clone().requires_grad_(), x.clone().requires_grad_()
    (y_ours, info), y_oracle = ours(x_ours), oracle(x_oracle)
    assert (info.routing.n_dropped > 0) == (factor < 2)
    direction = torch.randn_like(y_ours)
    y_ours.backward(direction)
    y_oracle.backward(direction)
    close = {"rtol": rtol, "atol": atol}
    torch.testing.assert_close(y_ours, y_oracle, **close)
    torch.testing.assert_close(x_ours.grad, x_oracle.grad, **close)
    torch.testing.assert_close(ours.router.weight_ED.grad, oracle.router.classifier.weight.grad, **close)
    for e in range(E):
        expert = oracle.experts[f"expert_{e}"]
        for ours_grad, theirs in (
            (ours.experts.w_in_EID.grad[e], expert.wi.weight.grad),
            (ours.experts.w_out_EDF.grad[e], expert.wo.weight.grad),
        ):
            torch.testing.assert_close(ours_grad, torch.zeros_like(ours_grad) if theirs is None else theirs, **close)


def test_both_losses_equal_those_of_transformers():
    ours, oracle = pair(1.25, torch.float32)
    x = torch.randn(B, S, D)
    _, _, logit_BSE = oracle.router(x)
    probability_BSE = logit_BSE.softmax(-1)
    losses = ours(x)[1].losses
    expected = load_balancing_loss_func(probability_BSE, probability_BSE.argmax(-1))
    torch.testing.assert_close(losses["load_balance"].value, expected)
    torch.testing.assert_close(losses["router_z"].value, router_z_loss_func(logit_BSE))
    assert losses["load_balance"].coefficient == 0.01
    assert losses["router_z"].coefficient == 0.001


def test_float64_equals_the_equations_to_rounding():
    """Equations 1 to 6 of the paper in a plain loop, capacity over the whole batch."""
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, routing_group="batch", capacity_factor_eval=0.9)
    ours = make_layer(config).double().eval()
    with torch.no_grad():
        ours.router.weight_ED.normal_(std=D**-0.5)
    x_TD = torch.randn(B * S, D, dtype=torch.float64)
    capacity, taken = -int(-0.9 * B * S // E), [0] * E
    expected, first, mean = torch.zeros_like(x_TD), [0] * E, torch.zeros(E, dtype=torch.float64)
    for t, x in enumerate(x_TD):
        exponent = torch.exp(ours.router.weight_ED @ x)
        probability = exponent / exponent.sum()
        best = int(probability.argmax())
        first[best] += 1
        mean += probability / len(x_TD)
        if taken[best] < capacity:
            taken[best] += 1
            hidden = (ours.experts.w_in_EID[best] @ x).clamp(min=0)
            expected[t] = probability[best] * (ours.experts.w_out_EDF[best] @ hidden)
    y_BSD, info = ours(x_TD.view(B, S, D))
    torch.testing.assert_close(y_BSD.view(-1, D), expected, rtol=1e-12, atol=1e-13)
    assert info.routing.n_dropped == B * S - sum(taken) > 0
    assert info.routing.demand_E.tolist() == first
    balance = E * sum(first[i] / len(x_TD) * mean[i] for i in range(E))
    torch.testing.assert_close(info.losses["load_balance"].value, balance, rtol=1e-12, atol=1e-13)


def test_jitter_multiplies_the_routers_input_in_training_only():
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, jitter=0.3)
    router = make_layer(config).router
    x_TD = torch.ones(200, D)
    noisy = router._jittered(x_TD)
    assert 0.7 <= float(noisy.min()) < 0.75
    assert 1.25 < float(noisy.max()) <= 1.3
    layer = make_layer(config)
    x = torch.randn(B, S, D)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_initial_weights_have_the_papers_scale():
    layer = make_layer(SwitchTop1Config(d_model=256, d_expert=512, n_experts=4, initial_scale=0.1))
    for weight, inputs in ((layer.experts.w_in_EID, 256), (layer.experts.w_out_EDF, 512)):
        std = (0.1 / inputs) ** 0.5
        weight = weight.detach()
        assert float(weight.abs().max()) <= 2 * std + 1e-6
        # Cut at two deviations, a normal keeps 0.88 of its own.
        assert float(weight.std()) == pytest.approx(0.88 * std, rel=0.02)
