"""ST-MoE against `MoE` of st-moe-pytorch, and against a plain loop in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.designs.st_moe_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import beside, clear_tokens, drawn, in_both, only_output, twins
from reference_impls.verify.naive import added, beside_loop, dot_products, largest, serve, softmax, tokens

D, F, E, B, S = 32, 24, 8, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients and losses beside the library at four capacities, then by a loop with chance."""
    for factor in (0.8, 1.0, 2.0, 8.0):
        yield from in_both(st_moe_pytorch, factor, rtol=1e-11, atol=1e-12)
    for factor in (0.6, 1.25):
        yield from algorithm(factor)


def _layer(dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    layer = drawn(make_layer, dtype, d_model=D, d_expert=F, n_experts=E, **fields)
    layer.experts.initialise(1.0)
    return layer


class _Expert(nn.Module):
    """One gated expert, written again for the library to call; its weights are slices of the leaves."""

    def __init__(self, w_in_EID: Tensor, w_out_EDF: Tensor, expert: int) -> None:
        super().__init__()
        self.weights = (w_in_EID[expert], w_out_EDF[expert])

    def forward(self, x: Tensor) -> Tensor:
        w_in, w_out = self.weights
        gate, up = x @ w_in[:F].T, x @ w_in[F:].T
        return (gate * torch.sigmoid(gate) * up) @ w_out.T


def st_moe_pytorch(factor: float, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """It rounds the capacity down, to four at least: the sizes are such that nothing needs rounding.

    Its losses exist in training only, where it draws the second expert: a threshold of nearly 0 wants all.
    """
    from st_moe_pytorch import MoE

    ours = _layer(dtype, capacity_factor_train=factor, second_policy_train="always").train()
    pairs = twins(w_in=ours.experts.w_in_EID, w_out=ours.experts.w_out_EDF)
    w_in, w_out = (theirs for _, theirs in pairs.values())
    theirs: Any = MoE(
        dim=D, num_experts=E, threshold_train=1e-9, capacity_factor_train=factor,
        straight_through_dispatch_tensor=False,
        experts=nn.ModuleList(_Expert(w_in, w_out, e) for e in range(E)),
    ).to(dtype)  # fmt: skip
    with torch.no_grad():
        theirs.gate.to_gates.weight.copy_(ours.router.weight_ED)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 2, (B, S, D), dtype=dtype)
    name = f"st-moe-pytorch's MoE, capacity factor {factor:g}, {str(dtype)[6:]}"
    pairs["the router"] = (ours.router.weight_ED, theirs.gate.to_gates.weight)
    yield from beside(name, only_output(ours), only_output(theirs), x_BSD, pairs, **tolerance)
    info, made = ours(x_BSD)[1], theirs(x_BSD)
    dropped = info.routing.n_dropped
    yield at_most(f"{name}: assignments dropped or not as the capacity allows", float((dropped > 0) != (factor < 8)), 0)
    if dropped == 0:  # Its counts of first choices lose those that were dropped: an array is changed in place.
        yield close(f"{name}: balancing loss", info.losses["load_balance"].value, made.balance_loss)
    yield close(f"{name}: z-loss", info.losses["router_z"].value, made.router_z_loss, **tolerance)


def algorithm(factor: float) -> Iterator[Check]:
    """Outputs, demand and losses by a plain loop over sequences; chance is drawn as the router draws it."""
    ours, x_BSD = _layer(capacity_factor_train=factor, second_threshold=0.4).train(), tokens(B, S, D, seed=5)
    torch.manual_seed(3)
    chance_BS = torch.rand(B * S, 1, dtype=torch.float64).view(B, S).tolist()
    rows, demands, balance, z = [], [], 0.0, 0.0
    for x_SD, chance_S in zip(x_BSD, chance_BS, strict=True):
        choices, gates = [], []
        for x, chance in zip(x_SD, chance_S, strict=True):
            logits = dot_products(ours.router.weight_ED, x)
            z += math.log(sum(math.exp(logit) for logit in logits)) ** 2 / (B * S)
            gates.append(softmax(logits))
            best = largest(logits, 2)
            one, two = zip(best, softmax([logits[i] for i in best]), strict=True)
            choices.append([one, two] if chance < two[1] / 0.4 else [one])
        y_SD, demand = serve(ours.experts, x_SD, choices, math.ceil(factor * S / E))
        rows.append(y_SD)
        demands.append(demand)
        first = [sum(choice[0][0] == e for choice in choices) for e in range(E)]
        balance += E * sum(f / S * m / S for f, m in zip(first, added(gates), strict=True)) / B
    torch.manual_seed(3)
    losses = {"load_balance": balance, "router_z": z}
    yield from beside_loop(f"the algorithm, capacity factor {factor:g}", ours(x_BSD), rows, losses, load=added(demands))
