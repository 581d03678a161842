"""Mixtral against `MixtralSparseMoeBlock` of transformers, and against the equations in float64."""

import pytest
import torch
from torch import Tensor
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock, load_balancing_loss_func

from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.gating.mixtral import make_layer

D, F, E, B, S = 32, 48, 8, 3, 20


def pair(k: int, dtype: torch.dtype) -> tuple[MoELayer, MixtralSparseMoeBlock]:
    """Our layer and the oracle's with the same random weights, router logits of order one."""
    oracle_config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=k)
    oracle_config._experts_implementation = "eager"
    ours = make_layer(MixtralTop2Config(d_model=D, d_expert=F, n_experts=E, experts_per_token=k)).to(dtype)
    oracle = MixtralSparseMoeBlock(oracle_config).to(dtype)
    with torch.no_grad():
        ours.router.weight_ED.normal_(std=D**-0.5)
        oracle.gate.weight.copy_(ours.router.weight_ED)
        oracle.experts.gate_up_proj.copy_(ours.experts.w_in_EID)
        oracle.experts.down_proj.copy_(ours.experts.w_out_EDF)
    return ours, oracle


def unambiguous_input(ours: MoELayer, k: int, dtype: torch.dtype) -> Tensor:
    """Unit-variance tokens whose k-th and next router probability differ by more than 1e-3."""
    x_TD = torch.randn(4 * B * S, D, dtype=dtype)
    probability_TE = ours.router.logits(x_TD).softmax(-1)
    top = probability_TE.topk(min(k + 1, E), dim=-1).values
    clear = (top[:, k - 1] - top[:, -1] > 1e-3) if k < E else torch.ones(len(x_TD), dtype=torch.bool)
    return x_TD[clear][: B * S].view(B, S, D).detach()


@pytest.mark.parametrize("k", [1, 2, 8])
@pytest.mark.parametrize(
    # The oracle computes router probabilities in float32 whatever the input: hence not tighter in float64.
    ("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-5), (torch.float64, 1e-5, 1e-6)],
)  # fmt: skip
def test_output_and_gradients_equal_the_block_of_transformers(k, dtype, rtol, atol):
    ours, oracle = pair(k, dtype)
    x = unambiguous_input(ours, k, dtype)
    x_ours, x_oracle = x.clone().requires_grad_(), x.clone().requires_grad_()
    y_ours, y_oracle = ours(x_ours)[0], oracle(x_oracle)
    direction = torch.randn_like(y_ours)
    y_ours.backward(direction)
    y_oracle.backward(direction)
    close = {"rtol": rtol, "atol": atol}
    torch.testing.assert_close(y_ours, y_oracle, **close)
    torch.testing.assert_close(x_ours.grad, x_oracle.grad, **close)
    torch.testing.assert_close(ours.experts.w_in_EID.grad, oracle.experts.gate_up_proj.grad, **close)
    torch.testing.assert_close(ours.experts.w_out_EDF.grad, oracle.experts.down_proj.grad, **close)
    torch.testing.assert_close(ours.router.weight_ED.grad, oracle.gate.weight.grad, **close)


def test_float64_equals_the_equations_to_rounding():
    ours, _ = pair(2, torch.float64)
    x_TD = torch.randn(B * S, D, dtype=torch.float64)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        logits = (ours.router.weight_ED @ x).detach()
        best = sorted(range(E), key=lambda i: float(logits[i]), reverse=True)[:2]
        total = sum(torch.exp(logits[i]) for i in best)
        for i in best:
            gate, up = ours.experts.w_in_EID[i, :F] @ x, ours.experts.w_in_EID[i, F:] @ x
            hidden = gate / (1 + torch.exp(-gate)) * up
            expected[t] += torch.exp(logits[i]) / total * (ours.experts.w_out_EDF[i] @ hidden)
    torch.testing.assert_close(ours(x_TD[None])[0][0], expected, rtol=1e-12, atol=1e-13)


def test_balancing_loss_equals_that_of_transformers_also_with_padding():
    ours, _ = pair(2, torch.float32)
    x = torch.randn(B, S, D)
    logit_TE = ours.router.logits(x.view(-1, D))
    info = ours(x)[1]
    expected = load_balancing_loss_func((logit_TE,), num_experts=E, top_k=2)
    torch.testing.assert_close(info.losses["load_balance"].value, expected)

    real = torch.ones(B, S, dtype=torch.bool)
    real[0, 5:] = False
    real[2, :3] = False
    info = ours(x, real)[1]
    expected = load_balancing_loss_func((logit_TE,), num_experts=E, top_k=2, attention_mask=real)
    torch.testing.assert_close(info.losses["load_balance"].value, expected)


def test_the_conventions_differ_as_documented():
    torch.manual_seed(1)
    probability_TE = (torch.randn(400, E) + torch.linspace(0, 3, E)).softmax(-1)
    choice_TK = probability_TE.topk(2, dim=-1).indices
    value = {
        name: float(load_balancing_loss(probability_TE, choice_TK, name))
        for name in ("per-token", "per-assignment", "first-choice")
    }
    assert value["per-token"] == pytest.approx(2 * value["per-assignment"], rel=1e-6)
    first = torch.bincount(choice_TK[:, 0], minlength=E) / 400
    assert value["first-choice"] == pytest.approx(float(E * first @ probability_TE.mean(0)), rel=1e-5)
    assert value["first-choice"] != pytest.approx(value["per-assignment"], rel=1e-3)


def test_perfect_balance_gives_the_documented_values():
    probability_TE = torch.full((E, E), 1 / E)
    choice_TK = torch.stack([torch.arange(E), torch.arange(E).roll(1)], dim=1)
    for convention, expected in (("per-token", 2), ("per-assignment", 1), ("first-choice", 1)):
        value = float(load_balancing_loss(probability_TE, choice_TK, convention))
        assert value == pytest.approx(expected, rel=1e-6)
