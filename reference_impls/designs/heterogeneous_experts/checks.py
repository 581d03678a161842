"""Experts of different widths: equal ones against transformers' `OlmoeSparseMoeBlock`, others against the equations."""

from collections.abc import Iterator
from itertools import chain
from math import exp
from typing import Any

import torch

from reference_impls.core.losses import load_balancing_loss
from reference_impls.designs.heterogeneous_experts.router import make_layer, parameter_penalty
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import beside, clear_tokens, decisive, in_both, olmoe_block, only_output
from reference_impls.verify.naive import tokens

D, F, E, S = 32, 24, 8, 20
RELATIVE = [9, 11, 13, 15, 17, 19, 21, 23]


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, penalty, price."""
    yield from in_both(transformers_block, entry)
    for widths in ("arithmetic", "geometric", "hybrid"):
        yield from equations(entry, widths)
    yield from chain(widths_of_the_paper(entry), penalty(entry), price(entry))


def _layer(entry: Entry, dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    torch.manual_seed(0)
    config = entry.layer_class(**{"d_model": D, "d_expert": F, "n_experts": E, **fields})
    return decisive(make_layer(config).to(dtype))  # type: ignore[arg-type]


def transformers_block(entry: Entry, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """With equal widths and no price, outputs and all gradients beside the block of transformers."""
    ours = _layer(entry, dtype, widths="equal", cost_weight=0.0)
    k = int(ours.router.config.experts_per_token)
    block = olmoe_block(D, F, E, k, dtype)
    with torch.no_grad():
        block.gate.weight.copy_(ours.router.weight_ED)
        for e in range(E):
            block.experts.gate_up_proj[e] = ours.experts.w_in[e]
            block.experts.down_proj[e] = ours.experts.w_out[e]
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), k, (2, S, D), dtype=dtype)
    pairs = {"the router": (ours.router.weight_ED, block.gate.weight)}
    name = f"transformers' OlmoeSparseMoeBlock, k = {k}, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), only_output(block), x_BSD, pairs, **tolerance)
    for layer in (ours, block):
        made = layer(x_BSD)
        (made[0] if isinstance(made, tuple) else made).view(2, S, D).square().sum().backward()
    for end, ours_E, stacked_ENM in (
        ("inner", ours.experts.w_in, block.experts.gate_up_proj),
        ("outer", ours.experts.w_out, block.experts.down_proj),
    ):
        gradient_ENM = torch.stack([weight.grad for weight in ours_E])
        yield close(f"{name}: gradients of the {end} weights", gradient_ENM, stacked_ENM.grad, **tolerance)


def equations(entry: Entry, widths: str) -> Iterator[Check]:
    """Outputs, penalty and active width by a plain loop over tokens and experts, at a price."""
    ours = _layer(entry, widths=widths, cost_weight=0.2)
    config = ours.router.config
    k, h = config.experts_per_token, [weight.shape[1] for weight in ours.experts.w_out]
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    load, mean, active = [0.0] * E, [0.0] * E, 0
    for t, x in enumerate(x_TD):
        exponents = [exp(float(w @ x)) for w in ours.router.weight_ED.detach()]
        p = [exponent / sum(exponents) for exponent in exponents]
        for i in sorted(range(E), key=lambda i: p[i] - 0.2 * h[i] / (sum(h) / E), reverse=True)[:k]:
            gate, up = (ours.experts.w_in[i].detach() @ x).split(h[i])
            expected[t] += p[i] * (ours.experts.w_out[i].detach() @ (gate * torch.sigmoid(gate) * up))
            load[i] += h[i] / (sum(h) / E) / S
            active += h[i]
        mean = [a + b / S for a, b in zip(mean, p, strict=True)]
    y_BSD, info = ours(x_TD[None])
    name = f"equations, {widths} widths, by a float64 loop"
    yield apart(f"{name}: outputs differ by", y_BSD[0], expected)
    loss = E * sum(a * b for a, b in zip(load, mean, strict=True))
    reported = float(info.losses["parameter_penalty"].value.detach())
    yield apart(f"{name}: penalty differs by", reported, loss)
    yield at_most(f"{name}: active width differs by", abs(info.stats["active_width"] - active / S), 1e-9)


def widths_of_the_paper(entry: Entry) -> Iterator[Check]:
    """The paper's proportions for eight experts, and no width lost to rounding."""
    config = entry.layer_class(n_experts=8, d_expert=160)
    worst = max(abs(h - 160 * 8 * r / sum(RELATIVE)) for h, r in zip(config.expert_widths, RELATIVE, strict=True))  # type: ignore[attr-defined]
    yield at_most("arithmetic widths differ from the paper's proportions by", worst, 0.0)
    odd = 0
    for widths in ("arithmetic", "geometric", "hybrid", "equal"):
        for n in (1, 2, 3, 7, 16, 61, 256):
            made = entry.layer_class.with_experts(n, widths=widths, d_expert=37).expert_widths  # type: ignore[attr-defined]
            odd += sum(made) != 37 * n or min(made) < 1 or list(made) != sorted(made)
    yield at_most("widths that do not add up, vanish or are out of order", odd, 0)


def penalty(entry: Entry) -> Iterator[Check]:
    """The balancing loss for equal widths; for others, descent saves width."""
    generator = torch.Generator().manual_seed(1)
    logit_TE = torch.randn(400, E, dtype=torch.float64, generator=generator)
    choice_TK = logit_TE.topk(2).indices
    equal = torch.ones(E, dtype=torch.float64)
    ours = parameter_penalty(logit_TE.softmax(-1), choice_TK, equal)
    theirs = load_balancing_loss(logit_TE.softmax(-1), choice_TK, "per-token")
    yield at_most("equal widths: the penalty differs from the balancing loss by", (ours - theirs).abs(), 1e-12)

    relative = torch.tensor(RELATIVE, dtype=torch.float64) / 16
    used = {}
    for name, width in (("penalty", relative), ("balance", equal)):
        leaf = logit_TE.clone().requires_grad_()
        optimiser = torch.optim.Adam([leaf], lr=0.05)
        for _ in range(150):
            optimiser.zero_grad()
            probability_TE = leaf.softmax(-1)
            parameter_penalty(probability_TE, probability_TE.topk(2).indices, width).backward()
            optimiser.step()
        used[name] = float(relative[leaf.topk(2).indices].sum(-1).mean())
    yield at_least(
        "descent of the penalty saves, in mean widths a token, against balancing",
        used["balance"] - used["penalty"],
        0.1,
    )


def price(entry: Entry) -> Iterator[Check]:
    """At a great price all tokens go to the narrowest expert; without one to the most probable."""
    x_BSD = torch.randn(1, S, D, dtype=torch.float64)
    k = entry.layer_class().experts_per_token  # type: ignore[attr-defined]
    dear = _layer(entry, cost_weight=10.0)(x_BSD)[1].routing
    yield at_most("at a great price, assignments beside the narrowest experts", dear.load_E[k:].sum(), 0)
    free = _layer(entry, cost_weight=0.0)
    best_TK = free.router.logits(x_BSD[0]).topk(k).indices
    wrong = (free(x_BSD)[1].routing.expert_A.view(S, k) != best_TK).sum()
    yield at_most("without a price, choices beside the most probable", wrong, 0)
