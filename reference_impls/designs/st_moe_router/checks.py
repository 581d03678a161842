"""ST-MoE against `MoE` of st-moe-pytorch, and against a plain loop in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.designs.st_moe_router.config import STMoEConfig
from reference_impls.designs.st_moe_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import against_library, clear_tokens, decisive
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, B, S = 32, 24, 8, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients and losses beside the library at four capacities, then by a loop with chance."""
    for factor in (0.8, 1.0, 2.0, 8.0):
        yield from st_moe_pytorch(factor, torch.float32, rtol=1e-4, atol=1e-5)
        yield from st_moe_pytorch(factor, torch.float64, rtol=1e-11, atol=1e-12)
    for factor in (0.6, 1.25):
        yield from algorithm(factor)


def _layer(dtype: torch.dtype, **fields: Any) -> Any:
    torch.manual_seed(0)
    layer: Any = decisive(make_layer(STMoEConfig(d_model=D, d_expert=F, n_experts=E, **fields)).to(dtype))
    layer.experts.initialise(1.0)
    return layer


class _Expert(nn.Module):
    """One gated expert, written again for the library to call; its weights are slices of the leaves."""

    def __init__(self, w_in_EID: Tensor, w_out_EDF: Tensor, expert: int) -> None:
        super().__init__()
        self.weights = (w_in_EID, w_out_EDF)
        self.expert = expert

    def forward(self, x: Tensor) -> Tensor:
        w_in, w_out = (weight[self.expert] for weight in self.weights)
        gate, up = x @ w_in[:F].T, x @ w_in[F:].T
        return (gate * torch.sigmoid(gate) * up) @ w_out.T


def st_moe_pytorch(factor: float, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """It rounds the capacity down, to four at least: the sizes are such that nothing needs rounding.

    Its losses exist in training only, where it draws the second expert: a threshold of nearly 0 wants all.
    """
    from st_moe_pytorch import MoE

    ours = _layer(dtype, capacity_factor_train=factor, second_policy_train="always").train()
    w_in = ours.experts.w_in_EID.detach().clone().requires_grad_()
    w_out = ours.experts.w_out_EDF.detach().clone().requires_grad_()
    theirs: Any = MoE(
        dim=D, num_experts=E, threshold_train=1e-9, capacity_factor_train=factor,
        straight_through_dispatch_tensor=False,
        experts=nn.ModuleList(_Expert(w_in, w_out, e) for e in range(E)),
    ).to(dtype)  # fmt: skip
    with torch.no_grad():
        theirs.gate.to_gates.weight.copy_(ours.router.weight_ED)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 2, (B, S, D), dtype=dtype)
    name = f"st-moe-pytorch's MoE, capacity factor {factor:g}, {str(dtype)[6:]}"
    pairs = {
        "the router": (ours.router.weight_ED, theirs.gate.to_gates.weight),
        "w_in": (ours.experts.w_in_EID, w_in),
        "w_out": (ours.experts.w_out_EDF, w_out),
    }
    yield from against_library(name, ours, theirs, x_BSD, pairs, **tolerance)
    info, made = ours(x_BSD)[1], theirs(x_BSD)
    dropped = info.routing.n_dropped
    yield at_most(f"{name}: assignments dropped or not as the capacity allows", float((dropped > 0) != (factor < 8)), 0)
    if dropped == 0:  # Its counts of first choices lose those that were dropped: an array is changed in place.
        yield close(f"{name}: balancing loss", info.losses["load_balance"].value, made.balance_loss)
    yield close(f"{name}: z-loss", info.losses["router_z"].value, made.router_z_loss, **tolerance)


def algorithm(factor: float) -> Iterator[Check]:
    """Outputs, demand and losses by a plain loop over sequences; chance is drawn as the router draws it."""
    ours = _layer(torch.float64, capacity_factor_train=factor, second_threshold=0.4).train()
    weight = ours.router.weight_ED.detach()
    x_BSD = tokens(B, S, D, seed=5)
    torch.manual_seed(3)
    y_BSD, info = ours(x_BSD)
    torch.manual_seed(3)
    chance_BS = torch.rand(B * S, 1, dtype=torch.float64).view(B, S)

    capacity, expected = math.ceil(factor * S / E), torch.zeros_like(x_BSD)
    demand, balance, z = [0] * E, 0.0, 0.0
    for b in range(B):
        taken, first, mean, choices = [0] * E, [0] * E, [0.0] * E, []
        for x in x_BSD[b]:
            exponent = [math.exp(float(row @ x)) for row in weight]
            z += math.log(sum(exponent)) ** 2 / (B * S)
            one, two = largest(exponent, 2)
            choices.append([(e, exponent[e] / (exponent[one] + exponent[two])) for e in (one, two)])
            first[one] += 1
            mean = [m + value / sum(exponent) / S for m, value in zip(mean, exponent, strict=True)]
        for rank in (0, 1):
            for s in range(S):
                e, share = choices[s][rank]
                if rank == 1 and not float(chance_BS[b, s]) < share / 0.4:
                    continue
                demand[e] += 1
                if taken[e] < capacity:
                    taken[e] += 1
                    expected[b, s] += share * expert_output(ours.experts, e, x_BSD[b, s])
        balance += E * sum(first[e] / S * mean[e] for e in range(E)) / B
    name = f"the algorithm by a float64 loop, capacity factor {factor:g}"
    yield at_most(f"{name}: outputs", (y_BSD.detach() - expected).abs().max(), 1e-12)
    yield at_most(f"{name}: demand", (info.routing.load_E - torch.tensor(demand)).abs().max(), 0)
    yield at_most(f"{name}: balancing loss", abs(info.losses["load_balance"].value.detach() - balance), 1e-12)
    yield at_most(f"{name}: z-loss", abs(info.losses["router_z"].value.detach() - z), 1e-12)
