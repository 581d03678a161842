"""GShard against `NllbMoeTop2Router` of transformers, and against a plain loop in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import SparseRouting
from reference_impls.designs.gshard_top2.config import GShardTop2Config
from reference_impls.designs.gshard_top2.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import beside, clear_tokens, decisive
from reference_impls.verify.naive import expert_output, tokens

D, F, E, B, S = 32, 48, 8, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Combining weights and their gradients at four capacities, then everything by a loop, with and without chance."""
    for factor in (0.5, 1.25, 2.0, 16.0):
        yield from transformers_router(factor, torch.float32, rtol=1e-4, atol=1e-5)
        yield from transformers_router(factor, torch.float64, rtol=1e-11, atol=1e-12)
    for policy in ("always", "random"):
        for factor in (0.6, 1.25, 2.0):
            yield from algorithm(factor, policy)


def _layer(dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    torch.manual_seed(0)
    return decisive(make_layer(GShardTop2Config(d_model=D, d_expert=F, n_experts=E, **fields)).to(dtype))


def transformers_router(factor: float, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Its capacity is one number for the whole batch: ours must share the batch's too.

    The layer that transformers puts behind this router is no reference: it uses the mask of first choices as an
    index. So the combining weights [T, E], padded to the width of the tokens, are what is compared.
    """
    from transformers import NllbMoeConfig
    from transformers.models.nllb_moe.modeling_nllb_moe import NllbMoeTop2Router

    ours = _layer(dtype, routing_group="batch", capacity_factor_eval=factor).eval()
    router: Any = NllbMoeTop2Router(
        NllbMoeConfig(
            d_model=D, num_experts=E, expert_capacity=-int(-B * S * factor // E), router_bias=False,
            second_expert_policy="all", normalize_router_prob_before_dropping=True,
            batch_prioritized_routing=False, moe_eval_capacity_token_fraction=-1.0,
        )
    ).eval()  # fmt: skip
    router.dtype = dtype  # its config does not take float64
    router.to(dtype)
    with torch.no_grad():
        router.classifier.weight.copy_(ours.router.weight_ED)

    def as_tokens(weight_TE: Tensor) -> Tensor:
        return torch.nn.functional.pad(weight_TE, (0, D - E)).view(B, S, D)

    def combine(x_BSD: Tensor) -> Tensor:
        routing: SparseRouting = ours(x_BSD)[1].routing
        weight_TE = routing.weight_A.new_zeros(B * S, E)
        return as_tokens(weight_TE.index_put((routing.token_A, routing.expert_A), routing.weight_A))

    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 2, (B, S, D), dtype=dtype)
    name = f"transformers' NllbMoeTop2Router, capacity factor {factor:g}, {str(dtype)[6:]}"
    pairs = {"the router": (ours.router.weight_ED, router.classifier.weight)}
    yield from beside(name, combine, lambda x: as_tokens(router(x.view(-1, D))[1]), x_BSD, pairs, **tolerance)


def algorithm(factor: float, policy: str) -> Iterator[Check]:
    """Outputs, demand and loss by a plain loop over sequences; chance is drawn as the router draws it."""
    ours = _layer(second_policy_train=policy, capacity_factor_train=factor, second_threshold=0.4)
    weight = ours.router.weight_ED.detach()
    x_BSD = tokens(B, S, D, seed=5)
    torch.manual_seed(3)
    y_BSD, info = ours(x_BSD)
    torch.manual_seed(3)
    chance_BS = torch.rand(B * S, 1, dtype=torch.float64).view(B, S) if policy == "random" else torch.zeros(B, S)

    capacity, expected = -int(-factor * S // E), torch.zeros_like(x_BSD)
    demand, balance = [0] * E, 0.0
    for b in range(B):
        taken, first, mean, choices = [0] * E, [0] * E, torch.zeros(E, dtype=torch.float64), []
        for x in x_BSD[b]:
            exponent = torch.exp(weight @ x)
            gate = exponent / exponent.sum()
            one, two = sorted(range(E), key=lambda i: float(gate[i]), reverse=True)[:2]
            choices.append([(e, float(gate[e] / (gate[one] + gate[two]))) for e in (one, two)])
            first[one] += 1
            mean += gate / S
        for rank in (0, 1):
            for s in range(S):
                e, share = choices[s][rank]
                if rank == 1 and not float(chance_BS[b, s]) < share / 0.4:
                    continue
                demand[e] += 1
                if taken[e] < capacity:
                    taken[e] += 1
                    expected[b, s] += share * expert_output(ours.experts, e, x_BSD[b, s])
        balance += E * sum(first[e] / S * float(mean[e]) for e in range(E)) / B
    name = f"the algorithm by a float64 loop, second expert {policy}, capacity factor {factor:g}"
    yield at_most(f"{name}: outputs", (y_BSD - expected).abs().max(), 1e-12)
    yield at_most(f"{name}: demand", (info.routing.load_E - torch.tensor(demand)).abs().max(), 0)
    yield at_most(f"{name}: loss", abs(info.losses["load_balance"].value - balance), 1e-12)
