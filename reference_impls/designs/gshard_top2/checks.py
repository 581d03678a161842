"""GShard against `NllbMoeTop2Router` of transformers, and against a plain loop in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import SparseRouting
from reference_impls.designs.gshard_top2.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check
from reference_impls.verify.libraries import beside, clear_tokens, drawn, in_both
from reference_impls.verify.naive import added, beside_loop, dot_products, largest, serve, softmax, tokens

D, F, E, B, S = 32, 48, 8, 3, 40
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Combining weights and their gradients at four capacities, then everything by a loop, with and without chance."""
    for factor in (0.5, 1.25, 2.0, 16.0):
        yield from in_both(transformers_router, factor, rtol=1e-11, atol=1e-12)
    for policy in ("always", "random"):
        for factor in (0.6, 1.25, 2.0):
            yield from algorithm(factor, policy)


def transformers_router(factor: float, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Its capacity is one number for the whole batch: ours must share the batch's too.

    The layer that transformers puts behind this router is no reference: it uses the mask of first choices as an
    index. So the combining weights [T, E], padded to the width of the tokens, are what is compared.
    """
    from transformers import NllbMoeConfig
    from transformers.models.nllb_moe.modeling_nllb_moe import NllbMoeTop2Router

    ours = _layer(dtype=dtype, routing_group="batch", capacity_factor_eval=factor).eval()
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
    x_BSD, chance_BS = tokens(B, S, D, seed=5), torch.zeros(B, S)
    if policy == "random":
        torch.manual_seed(3)
        chance_BS = torch.rand(B * S, 1, dtype=torch.float64).view(B, S)
    rows, demands, balance = [], [], 0.0
    for x_SD, chance_S in zip(x_BSD, chance_BS.tolist(), strict=True):
        gates = [softmax(dot_products(ours.router.weight_ED, x)) for x in x_SD]
        choices = []
        for gate, chance in zip(gates, chance_S, strict=True):
            best = largest(gate, 2)
            one, two = ((e, gate[e] / sum(gate[i] for i in best)) for e in best)
            choices.append([one, two] if chance < two[1] / 0.4 else [one])
        y_SD, demand = serve(ours.experts, x_SD, choices, -int(-factor * S // E))
        rows.append(y_SD)
        demands.append(demand)
        first = [sum(choice[0][0] == e for choice in choices) for e in range(E)]
        balance += E * sum(f / S * m / S for f, m in zip(first, added(gates), strict=True)) / B
    torch.manual_seed(3)
    name = f"the algorithm, second expert {policy}, capacity factor {factor:g}"
    yield from beside_loop(name, ours(x_BSD), rows, losses={"load_balance": balance}, load=added(demands))
