"""NLLB's conditional routing against its router in transformers, and the equations in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core.routing import RoutingContext, SparseRouting
from reference_impls.designs.nllb_conditional_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close, same
from reference_impls.verify.libraries import clear_tokens, drawn, in_both
from reference_impls.verify.naive import beside_loop, expert_output, largest, tokens

D, H, E, B, S = 16, 24, 4, 3, 14


def checks(entry: Entry) -> Iterator[Check]:
    """The reference, the equations, the budget."""
    yield from in_both(transformers_router, rtol=1e-11, atol=1e-12)
    for factor, dropout in ((4.0, 0.0), (0.75, 0.0), (4.0, 0.3)):
        yield from equations(factor, dropout)
    yield from closed_gate()
    yield from budget_gradient()


def _layer(**fields: Any) -> Any:
    layer = drawn(make_layer, d_model=D, d_expert=H, n_experts=E, **fields)
    torch.nn.init.constant_(layer.router.gate_bias, 0.4)
    return layer


def _weights(routing: SparseRouting) -> Tensor:
    """The assignments as a matrix, [T, E], with gradient."""
    weight_TE = routing.weight_A.new_zeros(routing.n_tokens, E)
    return weight_TE.index_put((routing.token_A, routing.expert_A), routing.weight_A)


def transformers_router(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """With the gate divided out, the mixture's weights and their gradients are those of the theirs."""
    from transformers import NllbMoeConfig
    from transformers.models.nllb_moe.modeling_nllb_moe import NllbMoeTop2Router

    theirs: Any = NllbMoeTop2Router(
        NllbMoeConfig(
            d_model=D, num_experts=E, router_bias=False, second_expert_policy="all",
            batch_prioritized_routing=False, moe_eval_capacity_token_fraction=1.0,
        )
    ).eval()  # fmt: skip
    theirs.dtype = dtype  # its config does not take float64
    theirs.to(dtype)
    ours = _layer().to(dtype).eval()
    with torch.no_grad():
        theirs.classifier.weight.copy_(ours.router.weight_ED)
    x_TD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 2, (1, B * S, D), dtype=dtype)[0]
    context = RoutingContext.of_sequences(torch.zeros(B * S, dtype=torch.int64), 1)
    results, leaves = [], (x_TD.clone().requires_grad_(), x_TD.clone().requires_grad_())
    routing = ours.router(leaves[0], context)
    weights = (_weights(routing) / (1 - routing.shared_T)[:, None], theirs(leaves[1])[1])
    direction = torch.randn(B * S, E, generator=torch.Generator().manual_seed(2)).to(dtype)
    for weight_TE, leaf, matrix in zip(weights, leaves, (ours.router.weight_ED, theirs.classifier.weight), strict=True):
        x_grad, w_grad = torch.autograd.grad(weight_TE, (leaf, matrix), direction)
        results.append({"weights": weight_TE, "gradient of tokens": x_grad, "gradient of the router": w_grad})
    yield from same(f"transformers' NllbMoeTop2Router, {str(dtype)[6:]}", results[0], results[1], **tolerance)


def equations(factor: float, dropout: float) -> Iterator[Check]:
    """Outputs and budget loss by a plain loop over sequences, ranks and tokens."""
    ours = _layer(capacity_factor_train=factor, gate_dropout=dropout, mixture_budget=0.9).train()
    x_BSD = tokens(B, S, D, seed=5)
    torch.manual_seed(3)
    kept = F.dropout(torch.ones(B * S, dtype=torch.float64), dropout).view(B, S)
    shared_in, shared_out = ours.shared.w_in_EID[0].detach(), ours.shared.w_out_EDF[0].detach()
    gate, router = ours.router.gate_1D[0].detach(), ours.router.weight_ED.detach()
    capacity, expected, used, dropped = math.ceil(factor * S / E), torch.zeros_like(x_BSD), 0.0, 0
    for b in range(B):
        taken, choices, shares = [0] * E, [], []
        for s, x in enumerate(x_BSD[b]):
            share = float(kept[b, s]) / (1 + math.exp(-float(gate @ x) - 0.4))
            expected[b, s] += (1 - share) * (shared_out @ (shared_in @ x).clamp(min=0))
            p = [math.exp(float(w @ x)) for w in router]
            one, two = largest(p, 2)
            choices.append([(i, p[i] / (p[one] + p[two])) for i in (one, two)])
            shares.append(share)
            used += share
        for rank in (0, 1):
            for s, x in enumerate(x_BSD[b]):
                i, weight = choices[s][rank]
                taken[i] += 1
                if taken[i] > capacity:
                    dropped += 1
                    continue
                expected[b, s] += shares[s] * weight * expert_output(ours.experts, i, x)
    torch.manual_seed(3)
    y_BSD, info = ours(x_BSD)
    name = f"equations, factor {factor:g}, gate dropout {dropout:g}"
    yield from beside_loop(name, (y_BSD, info), expected, dropped=dropped)
    loss = abs(used / (B * S) - 0.9)
    yield apart(f"{name}: difference of the budget loss", info.losses["budget"].value, loss)


def closed_gate() -> Iterator[Check]:
    """A gate of zero leaves the shared network alone, a gate of one leaves the mixture alone."""
    ours = _layer().eval()
    x_BSD = tokens(B, S, D, seed=6)
    with torch.no_grad():
        ours.router.gate_1D.zero_()
        made = []
        for bias in (-800.0, 800.0, 0.0):
            ours.router.gate_bias.fill_(bias)
            made.append(ours(x_BSD)[0])
        shared = ours.shared(x_BSD.view(-1, D), 0).view_as(x_BSD)
    yield close("a closed gate: the output against the shared network's", made[0], shared, rtol=1e-12, atol=1e-13)
    yield at_least("an open gate: the output differs from the shared network's by", (made[1] - shared).abs().max(), 0.1)
    yield close(
        "a gate of one half: against the mean of both", made[2], (made[0] + made[1]) / 2, rtol=1e-12, atol=1e-13
    )


def budget_gradient() -> Iterator[Check]:
    """The bias is pulled by sign(mean gate - budget) times the mean of s (1 - s)."""
    x_BSD = tokens(B, S, D, seed=7)
    for budget in (0.1, 0.95):
        ours = _layer(mixture_budget=budget).train()
        info = ours(x_BSD)[1]
        info.losses["budget"].value.backward()
        share_T = 1 - info.routing.shared_T.detach()
        expected = float((share_T * (1 - share_T)).mean()) * (1 if float(share_T.mean()) > budget else -1)
        difference = abs(float(ours.router.gate_bias.grad) - expected)
        yield at_most(f"gradient of the bias under a budget of {budget:g}: difference", difference, 1e-14)
