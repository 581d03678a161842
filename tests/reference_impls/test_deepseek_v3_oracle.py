"""DeepSeek-V3 against `DeepseekV3MoE` of transformers, and against the equations in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import DeepseekV3Config as OracleConfig
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE

from reference_impls.configs.deepseek_v3 import DeepSeekV3Config
from reference_impls.core.layer import MoELayer
from reference_impls.core.metrics import load_cv
from reference_impls.core.routing import Progress
from reference_impls.gating.deepseek_v3 import make_layer

D, F, E, B, S = 32, 24, 16, 3, 20


def layer(dtype: torch.dtype = torch.float64, **changes: object) -> MoELayer:
    """A layer whose router and biases have opinions."""
    made = make_layer(DeepSeekV3Config(**{"d_model": D, "d_expert": F, "n_experts": E} | changes)).to(dtype)
    torch.nn.init.normal_(made.router.weight_ED, std=D**-0.5)
    torch.nn.init.normal_(made.router.bias_E, std=0.1)
    return made


def pair(shape: dict[str, int], dtype: torch.dtype) -> tuple[MoELayer, DeepseekV3MoE]:
    """Our layer and the oracle's with the same random weights and biases."""
    ours = layer(dtype, **shape)
    config = OracleConfig(
        hidden_size=D, moe_intermediate_size=F, n_routed_experts=E, num_local_experts=E,
        num_experts_per_tok=shape["experts_per_token"], n_group=shape["n_groups"], topk_group=shape["top_groups"],
        n_shared_experts=shape["shared_experts"], routed_scaling_factor=2.5, norm_topk_prob=True,
    )  # fmt: skip
    config._experts_implementation = "eager"
    oracle = DeepseekV3MoE(config).to(dtype)
    with torch.no_grad():
        oracle.gate.weight.copy_(ours.router.weight_ED)
        oracle.gate.e_score_correction_bias.copy_(ours.router.bias_E)
        oracle.experts.gate_up_proj.copy_(ours.experts.w_in_EID)
        oracle.experts.down_proj.copy_(ours.experts.w_out_EDF)
        gate, up = ours.shared.w_in_EID[0].chunk(2)
        oracle.shared_experts.gate_proj.weight.copy_(gate)
        oracle.shared_experts.up_proj.weight.copy_(up)
        oracle.shared_experts.down_proj.weight.copy_(ours.shared.w_out_EDF[0])
    return ours, oracle


def unambiguous_input(ours: MoELayer, shape: dict[str, int], dtype: torch.dtype) -> Tensor:
    """Unit-variance tokens for which neither the choice of groups nor of experts hangs on less than 1e-3."""
    k, top_groups = shape["experts_per_token"], shape["top_groups"]
    x_TD = torch.randn(8 * B * S, D, dtype=dtype)
    biased_TE = ours.router.logits(x_TD).sigmoid() + ours.router.bias_E
    limited_TE = ours.router._within_groups(biased_TE)
    top = limited_TE.topk(k + 1, dim=-1).values
    clear = top[:, k - 1] - top[:, k] > 1e-3
    if top_groups < shape["n_groups"]:
        group = biased_TE.view(len(x_TD), shape["n_groups"], -1).topk(2, dim=-1).values.sum(-1)
        best = group.topk(top_groups + 1, dim=-1).values
        clear &= best[:, top_groups - 1] - best[:, top_groups] > 1e-3
    return x_TD[clear][: B * S].view(B, S, D).detach()


SHAPES = [
    {"experts_per_token": 3, "n_groups": 4, "top_groups": 2, "shared_experts": 1},
    {"experts_per_token": 6, "n_groups": 8, "top_groups": 4, "shared_experts": 2},
    {"experts_per_token": 1, "n_groups": 1, "top_groups": 1, "shared_experts": 1},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    # The oracle routes in float32 whatever the input: hence not tighter in float64.
    ("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-5), (torch.float64, 1e-5, 1e-6)],
)  # fmt: skip
def test_output_and_gradients_equal_the_block_of_transformers(shape, dtype, rtol, atol):
    ours, oracle = pair(shape, dtype)
    x = unambiguous_input(ours, shape, dtype)
    x_ours, x_oracle = x.clone().requires_grad_(), x.clone().requires_grad_()
    y_ours, y_oracle = ours(x_ours)[0], oracle(x_oracle).to(dtype)
    direction = torch.randn_like(y_ours)
    y_ours.backward(direction)
    y_oracle.backward(direction)
    close = {"rtol": rtol, "atol": atol}
    torch.testing.assert_close(y_ours, y_oracle, **close)
    torch.testing.assert_close(x_ours.grad, x_oracle.grad, **close)
    torch.testing.assert_close(ours.router.weight_ED.grad, oracle.gate.weight.grad, **close)
    torch.testing.assert_close(ours.experts.w_in_EID.grad, oracle.experts.gate_up_proj.grad, **close)
    torch.testing.assert_close(ours.experts.w_out_EDF.grad, oracle.experts.down_proj.grad, **close)
    mlp = oracle.shared_experts
    shared_in = torch.cat([mlp.gate_proj.weight.grad, mlp.up_proj.weight.grad])
    torch.testing.assert_close(ours.shared.w_in_EID.grad[0], shared_in, **close)
    torch.testing.assert_close(ours.shared.w_out_EDF.grad[0], mlp.down_proj.weight.grad, **close)


def test_float64_equals_the_equations_to_rounding():
    """Outputs, and the balancing loss sequence by sequence, by a plain loop."""
    ours = layer(experts_per_token=3, n_groups=4, top_groups=2)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    y_BSD, info = ours(x_BSD)
    balance = 0.0
    for b in range(B):
        frequency, mean = [0.0] * E, [0.0] * E
        for s, x in enumerate(x_BSD[b]):
            score = (1 / (1 + torch.exp(-ours.router.weight_ED.detach() @ x))).tolist()
            biased = [score[i] + float(ours.router.bias_E[i]) for i in range(E)]
            groups = [range(4 * g, 4 * g + 4) for g in range(4)]
            worth = [sum(sorted((biased[i] for i in group), reverse=True)[:2]) for group in groups]
            open_groups = sorted(range(4), key=lambda g: worth[g], reverse=True)[:2]
            allowed = [i for g in open_groups for i in groups[g]]
            chosen = sorted(allowed, key=lambda i: biased[i], reverse=True)[:3]
            expected = swiglu(ours.shared.w_in_EID[0], ours.shared.w_out_EDF[0], x)
            for i in chosen:
                weight = 2.5 * score[i] / sum(score[j] for j in chosen)
                expected = expected + weight * swiglu(ours.experts.w_in_EID[i], ours.experts.w_out_EDF[i], x)
            torch.testing.assert_close(y_BSD[b, s], expected, rtol=1e-11, atol=1e-12)
            for i in sorted(range(E), key=lambda i: score[i], reverse=True)[:3]:
                frequency[i] += E / (3 * S)
            for i in range(E):
                mean[i] += score[i] / sum(score) / S
        balance += sum(f * p for f, p in zip(frequency, mean, strict=True)) / B
    assert float(info.losses["load_balance"].value.detach()) == pytest.approx(balance, rel=1e-12)


def swiglu(w_in_ID: Tensor, w_out_DF: Tensor, x_D: Tensor) -> Tensor:
    """One expert's output for one token."""
    gate, up = (w_in_ID @ x_D).chunk(2)
    return w_out_DF @ (gate / (1 + torch.exp(-gate)) * up)


@settings(max_examples=40, deadline=None)
@given(n_groups=st.sampled_from([1, 2, 4, 8]), data=st.data(), seed=st.integers(0, 2**31), tokens=st.integers(1, 30))
def test_no_token_leaves_its_groups_and_weights_add_up_to_the_scale(n_groups, data, seed, tokens):
    torch.manual_seed(seed)
    top_groups = data.draw(st.integers(1, n_groups))
    k = data.draw(st.integers(1, top_groups * E // n_groups))
    ours = layer(torch.float32, n_groups=n_groups, top_groups=top_groups, experts_per_token=k, routed_scale=1.7)
    routing = ours(torch.randn(1, tokens, D))[1].routing
    total_T = torch.zeros(tokens).index_add(0, routing.token_A, routing.weight_A)
    torch.testing.assert_close(total_T, torch.full((tokens,), 1.7))
    group_TK = routing.expert_A.view(tokens, k) // (E // n_groups)
    assert max(len(set(row)) for row in group_TK.tolist()) <= top_groups
    assert all(len(set(row)) == k for row in routing.expert_A.view(tokens, k).tolist())
    assert routing.n_dropped == 0


def test_the_bias_chooses_and_does_not_weigh():
    ours = layer(n_groups=1, top_groups=1, experts_per_token=3)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    before = ours(x_BSD)[0]
    with torch.no_grad():
        ours.router.bias_E += 5.0  # the same for all: every choice, and so every output, must stay
    torch.testing.assert_close(ours(x_BSD)[0], before)
    with torch.no_grad():
        ours.router.bias_E[3] += 10.0
    demand_E = ours(x_BSD)[1].routing.demand_E
    assert int(demand_E[3]) == B * S


def test_the_bias_is_no_parameter_and_no_gradient_reaches_it():
    ours = layer()
    assert "router.bias_E" in ours.state_dict()
    assert "router.bias_E" not in dict(ours.named_parameters())
    ours.router.bias_E.requires_grad_()
    y_BSD, info = ours(torch.randn(B, S, D, dtype=torch.float64))
    (y_BSD.square().sum() + info.losses["load_balance"].value).backward()
    assert ours.router.bias_E.grad is None
    assert ours.router.weight_ED.grad.any()


def test_a_step_moves_each_bias_by_the_speed_towards_the_mean_load():
    ours = layer(bias_update_speed=0.01)
    before = ours.router.bias_E.clone()
    routing = ours(torch.randn(B, S, D, dtype=torch.float64))[1].routing
    ours.router.on_step(routing, Progress(1, 1))
    mean = B * S * 3 / E
    for e in range(E):
        load = int(routing.demand_E[e])
        expected = 0.01 * ((load < mean) - (load > mean))
        assert float(ours.router.bias_E[e] - before[e]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_bias_evens_a_load_that_is_uneven(seed):
    """Inputs with a common direction favour a few experts; the bias alone, nothing being learned, evens it."""
    torch.manual_seed(seed)
    ours = layer(torch.float32, bias_update_speed=0.01)
    ours.router.bias_E.zero_()
    common_D = torch.randn(D)

    def load_E() -> Tensor:
        with torch.no_grad():
            return ours(torch.randn(8, 64, D) + common_D)[1].routing.demand_E.double()

    before = load_cv(load_E())
    for _ in range(200):
        with torch.no_grad():
            ours.router.on_step(ours(torch.randn(8, 64, D) + common_D)[1].routing, Progress(1, 1))
    after = load_cv(load_E())
    assert before > 0.8
    assert after < 0.2
