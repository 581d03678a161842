"""GShard against `NllbMoeTop2Router` of transformers, and against a plain loop in float64."""

import pytest
import torch
from torch import Tensor
from transformers import NllbMoeConfig
from transformers.models.nllb_moe.modeling_nllb_moe import NllbMoeTop2Router

from reference_impls.configs.gshard import GShardTop2Config
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import SparseRouting
from reference_impls.gating.gshard import make_layer

D, F, E, B, S = 32, 48, 8, 3, 40


def layer(dtype: torch.dtype = torch.float64, **changes: object) -> MoELayer:
    """A layer whose router has opinions."""
    made = make_layer(GShardTop2Config(d_model=D, d_expert=F, n_experts=E, **changes)).to(dtype)
    torch.nn.init.normal_(made.router.weight_ED, std=2 * D**-0.5)
    return made


def combine_TE(routing: SparseRouting) -> Tensor:
    """The assignments' weights as a dense matrix."""
    combine = routing.weight_A.new_zeros(routing.n_tokens, E)
    return combine.index_put((routing.token_A, routing.expert_A), routing.weight_A)


@pytest.mark.parametrize("factor", [0.5, 1.25, 2.0, 16.0])
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-5), (torch.float64, 1e-11, 1e-12)])
def test_weights_and_gradients_equal_the_router_of_transformers(factor, dtype, rtol, atol):
    """Its capacity is one number for the whole batch: ours must share the batch's too."""
    ours = layer(dtype, routing_group="batch", capacity_factor_eval=factor).eval()
    oracle = NllbMoeTop2Router(
        NllbMoeConfig(
            d_model=D, num_experts=E, expert_capacity=-int(-B * S * factor // E), router_bias=False,
            second_expert_policy="all", normalize_router_prob_before_dropping=True,
            batch_prioritized_routing=False, moe_eval_capacity_token_fraction=-1.0,
        )
    ).eval()  # fmt: skip
    oracle.dtype = dtype  # its config does not take float64
    oracle.to(dtype)
    with torch.no_grad():
        oracle.classifier.weight.copy_(ours.router.weight_ED)
    x = torch.randn(B, S, D, dtype=dtype)
    top_T3 = ours.router.logits(x.view(-1, D)).softmax(-1).topk(3, dim=-1).values
    assert top_T3.diff(dim=-1).abs().min() > 1e-5  # no choice hangs on rounding
    x_ours, x_oracle = x.clone().requires_grad_(), x.view(-1, D).clone().requires_grad_()
    routing = ours(x_ours)[1].routing
    assert (routing.n_dropped > 0) == (factor < 4)
    weight_ours, weight_oracle = combine_TE(routing), oracle(x_oracle)[1]
    direction = torch.randn_like(weight_ours)
    weight_ours.backward(direction)
    weight_oracle.backward(direction)
    close = {"rtol": rtol, "atol": atol}
    torch.testing.assert_close(weight_ours, weight_oracle, **close)
    torch.testing.assert_close(x_ours.grad.view(-1, D), x_oracle.grad, **close)
    torch.testing.assert_close(ours.router.weight_ED.grad, oracle.classifier.weight.grad, **close)


@pytest.mark.parametrize("factor", [0.6, 1.25, 2.0])
@pytest.mark.parametrize("policy", ["always", "random"])
def test_float64_equals_the_algorithm_to_rounding(factor, policy):
    """Outputs, demand and loss by a plain loop over sequences; chance is drawn as the router draws it."""
    ours = layer(second_policy_train=policy, capacity_factor_train=factor, second_threshold=0.4)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    torch.manual_seed(3)
    y_BSD, info = ours(x_BSD)
    torch.manual_seed(3)
    chance_BS = torch.rand(B * S, 1, dtype=torch.float64).view(B, S) if policy == "random" else torch.zeros(B, S)

    capacity, expected = -int(-factor * S // E), torch.zeros_like(x_BSD)
    demand, served, balance, left_out = [0] * E, 0, 0.0, 0
    for b in range(B):
        taken, first, mean, choices = [0] * E, [0] * E, torch.zeros(E, dtype=torch.float64), []
        for x in x_BSD[b]:
            exponent = torch.exp(ours.router.weight_ED @ x).detach()
            gate = exponent / exponent.sum()
            one, two = sorted(range(E), key=lambda i: float(gate[i]), reverse=True)[:2]
            choices.append([(e, float(gate[e] / (gate[one] + gate[two]))) for e in (one, two)])
            first[one] += 1
            mean += gate / S
        for rank in (0, 1):
            for s in range(S):
                e, weight = choices[s][rank]
                if rank == 1 and not chance_BS[b, s] < weight / 0.4:
                    left_out += 1
                    continue
                demand[e] += 1
                if taken[e] < capacity:
                    taken[e] += 1
                    hidden = (ours.experts.w_in_EID[e] @ x_BSD[b, s]).clamp(min=0)
                    expected[b, s] += weight * (ours.experts.w_out_EDF[e] @ hidden).detach()
        served += sum(taken)
        balance += E * sum(first[e] / S * float(mean[e]) for e in range(E)) / B
    torch.testing.assert_close(y_BSD, expected, rtol=1e-12, atol=1e-13)
    assert info.routing.demand_E.tolist() == demand
    assert info.routing.n_dropped == sum(demand) - served
    assert (left_out > 0) == (policy == "random")
    assert float(info.losses["load_balance"].value.detach()) == pytest.approx(balance, rel=1e-12)
    assert info.losses["load_balance"].coefficient == 0.01


def test_a_second_expert_is_used_as_often_as_its_weight_says():
    """Probability min(1, weight / threshold), over many draws of one token; the first is always used."""
    ours = layer(torch.float32, capacity_factor_train=256.0, second_threshold=0.3)
    x_D = torch.randn(D)
    probability_E = ours.router.logits(x_D[None])[0].softmax(-1)
    for wanted in (0.05, 0.15, 0.29, 0.45):
        one, two = probability_E.topk(2).indices.tolist()
        with torch.no_grad():  # shift the second expert's logit until its share of the two is what is wanted
            logits = ours.router.logits(x_D[None])[0]
            shift = torch.logit(torch.tensor(wanted)) - (logits[two] - logits[one])
            ours.router.weight_ED[two] += shift * x_D / x_D.square().sum()
            others = [e for e in range(E) if e not in (one, two)]
            for e in others:
                gap = logits[one] - 8.0 - logits[e]
                ours.router.weight_ED[e] += gap * x_D / x_D.square().sum()
        demand_E = ours(x_D.expand(1, 20_000, D))[1].routing.demand_E
        assert int(demand_E[one]) == 20_000
        assert int(demand_E[two]) / 20_000 == pytest.approx(min(1.0, wanted / 0.3), abs=0.02)


def test_chance_plays_in_training_only_unless_asked_for():
    x = torch.randn(B, S, D)
    default = layer(torch.float32)
    assert not torch.equal(default(x)[0], default(x)[0])
    default.eval()
    assert torch.equal(default(x)[0], default(x)[0])
    asked = layer(torch.float32, second_policy_eval="random").eval()
    assert not torch.equal(asked(x)[0], asked(x)[0])
