"""Skywork-MoE against the paper's equations, in float64."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch

from reference_impls.core.routing import Progress
from reference_impls.designs.skywork_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, dot_products, expert_output, largest, softmax, tokens

D, F, E, S, K = 16, 12, 6, 40, 2


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, drops and loss; the coefficient; the gate's scale."""
    yield from chain(equations(), coefficient(), scale())


def _layer(**fields: Any) -> Any:
    layer = drawn(make_layer, d_model=D, d_expert=F, n_experts=E, **fields)
    torch.nn.init.normal_(layer.router.router_bias_E)
    return layer


def equations() -> Iterator[Check]:
    """Outputs, drops and balancing loss of one sequence by a plain loop over tokens and experts."""
    ours, x_TD = _layer(capacity_factor_train=1.5, logit_scale=1.7), tokens(S, D, seed=5)
    expected, room, dropped = torch.zeros_like(x_TD), [math.ceil(1.5 * S / E)] * E, 0
    chosen, mean, biases = [0.0] * E, [0.0] * E, ours.router.router_bias_E.tolist()
    for t, x in enumerate(x_TD):
        raw = [z + bias for z, bias in zip(dot_products(ours.router.weight_ED, x), biases, strict=True)]
        middle = sum(raw) / E
        deviation = math.sqrt(sum((z - middle) ** 2 for z in raw) / E + 1e-6)
        gate = softmax([1.7 * (z - middle) / deviation for z in raw])
        mean = [m + g / S for m, g in zip(mean, gate, strict=True)]
        picked = largest(gate, K)
        for i in picked:
            chosen[i] += E / (K * S)
            if room[i]:
                room[i] -= 1
                expected[t] += gate[i] / sum(gate[j] for j in picked) * expert_output(ours.experts, i, x)
            else:
                dropped += 1
    yield at_least("assignments that the loop drops", dropped, 1)
    losses = {"load_balance": sum(f * p for f, p in zip(chosen, mean, strict=True))}
    yield from beside_loop("equations", ours(x_TD[None]), expected, losses, dropped=dropped)


def coefficient() -> Iterator[Check]:
    """The coefficient over steps with few drops, then with many, by equations 7 to 9."""
    worst, beyond = 0.0, 0
    for factor in (1.6, 0.7):
        ours = _layer(capacity_factor_train=factor, balance_coefficient=0.004, coefficient_memory=0.9)
        alpha = 0.004
        for step in range(5):
            x_BSD = tokens(2, S, D, seed=step)
            info = ours(x_BSD)[1]
            worst = worst_of(worst, abs(info.losses["load_balance"].coefficient - alpha))
            share = info.routing.n_dropped / (2 * S * K)
            beyond += share / 5 > 0.01
            alpha = 0.9 * alpha + 0.1 * min(share / 5, 0.01)
            ours.on_step(info, Progress(step + 1, 5))
    yield at_most("largest difference of the adaptive coefficient", worst, 1e-12)
    yield at_least("steps at whose drops the bound was reached", beyond, 1)


def scale() -> Iterator[Check]:
    """What the standardisation promises."""
    ours = _layer(logit_scale=1.7)
    x_TD = tokens(S, D, seed=5)
    logit_TE = ours.router.logits(x_TD).detach()
    yield at_most("mean of the standardised logits", logit_TE.mean(-1).abs().max(), 1e-12)
    separate = (logit_TE.std(-1, correction=0) - 1.7).abs().max()
    yield at_most("deviation of the standardised logits, apart from the scale", separate, 1e-4)
    with torch.no_grad():
        for weight in (ours.router.weight_ED, ours.router.router_bias_E):
            weight.mul_(10)
    yield apart("change of the logits when the gate is ten times larger", ours.router.logits(x_TD), logit_TE, 1e-4)
