"""DSelect-k against its equations in float64 loops over tokens, selectors, experts and bits."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.dselect_k.router import make_layer, smooth_step
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, expert_output, slope_error, tokens

D, F, S = 16, 12, 12
_tokens = partial(tokens, 1, S, D, seed=5)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations for numbers of experts that are powers of 2 and not, slopes, the step, sparsity."""
    for n_experts, k in ((1, 1), (2, 2), (5, 3), (8, 2)):
        yield from equations(n_experts, k)
    yield from chain(slopes(), step(), sparsity())


def _layer(n_experts: int, k: int, width: float) -> Any:
    layer = drawn(make_layer, n_experts=n_experts, d_model=D, d_expert=F, experts_per_token=k, step_width=width)
    with torch.no_grad():
        for bias in (layer.router.bit_bias_M, layer.router.selector_bias_K):
            bias.copy_(torch.randn(bias.shape, generator=torch.Generator().manual_seed(4)))
    return layer


def _step(z: float, width: float) -> float:
    if z <= -width / 2:
        return 0.0
    if z >= width / 2:
        return 1.0
    return -2 / width**3 * z**3 + 3 / (2 * width) * z + 0.5


def _by_hand(layer: Any, x_TD: Tensor, width: float) -> tuple[Tensor, float, float, int]:
    """Outputs, entropy loss, loss on numbers without an expert, and how many weights are not zero."""
    router, n_experts = layer.router, layer.router.n_experts
    k, m = len(router.selector_KD), math.ceil(math.log2(n_experts))
    bit_KmD, bit_bias_Km = router.bit_MD.detach().view(k, m, D), router.bit_bias_M.detach().view(k, m)
    expected, entropy, reach, used = torch.zeros_like(x_TD), 0.0, 0.0, 0
    for t, x in enumerate(x_TD):
        exponents = [
            math.exp(float(w @ x + b))
            for w, b in zip(router.selector_KD.detach(), router.selector_bias_K.detach(), strict=True)
        ]
        weights = [0.0] * n_experts
        for j in range(k):
            bits = [_step(float(bit_KmD[j, b] @ x + bit_bias_Km[j, b]), width) for b in range(m)]
            total = 0.0
            for i in range(n_experts):
                number = format(i, f"0{m}b") if m else ""
                choice = math.prod(bit if digit == "1" else 1 - bit for digit, bit in zip(number, bits, strict=True))
                weights[i] += exponents[j] / sum(exponents) * choice
                entropy -= choice * math.log(choice + 1e-6) / len(x_TD)
                total += choice
            reach += 1 / max(total, 1e-6) / len(x_TD)
        for i, weight in enumerate(weights):
            used += weight > 0
            expected[t] += weight * expert_output(layer.experts, i, x)
    return expected, entropy, reach, used


def equations(n_experts: int, k: int) -> Iterator[Check]:
    """Outputs, losses and number of experts, where some bits have converged and some have not."""
    ours, x_BSD = _layer(n_experts, k, 3.0), _tokens()
    expected, entropy, reach, used = _by_hand(ours, x_BSD[0], 3.0)
    y_BSD, info = ours(x_BSD)
    name = f"equations, {n_experts} experts, k = {k}"
    yield from beside_loop(name, (y_BSD, info), expected, losses={"entropy": entropy})
    if "reach" in info.losses:
        relative = abs(info.losses["reach"].value.detach() / reach - 1)
        yield at_most(f"{name}: loss on numbers without an expert differs, relatively, by", relative, 1e-12)
    yield at_most(f"{name}: weights that are not zero differ by", abs(len(info.routing.token_A) - used), 0)


def slopes() -> Iterator[Check]:
    """Gradients of output and losses in all weights of the router, by finite differences of the layer and the loop."""
    ours, x_BSD, width = _layer(5, 3, 8.0), _tokens(), 8.0
    y_BSD, info = ours(x_BSD)
    total = y_BSD.sum() + info.losses["entropy"].value + info.losses["reach"].value
    weights = list(ours.router.parameters())

    def by_hand() -> float:
        expected, entropy, reach, _ = _by_hand(ours, x_BSD[0], width)
        return float(expected.sum()) + entropy + reach

    pairs = zip(weights, torch.autograd.grad(total, weights), strict=True)
    worst = worst_of(*(slope_error(by_hand, weight, gradient) for weight, gradient in pairs))
    yield at_most("slopes of outputs and losses differ from finite differences by", worst, 1e-5)


def step() -> Iterator[Check]:
    """The step is exact beyond its ends, without slope there, symmetric, and never falls."""
    z = torch.linspace(-2, 2, 4001, dtype=torch.float64, requires_grad=True)
    value = smooth_step(z, 2.0)
    (slope,) = torch.autograd.grad(value.sum(), z)
    inside = (z.detach().abs() < 1).double()
    wrong_ends = ((value.detach() - (z.detach() >= 1).double()).abs() * (1 - inside)).max()
    yield at_most("smooth step beyond its ends differs from 0 or 1 by", wrong_ends, 0)
    yield at_most("its slope at and beyond the ends", (slope.abs() * (1 - inside)).max(), 1e-12)
    yield apart("its values at z and -z differ from adding up to 1 by", value + value.flip(0), 1)
    yield at_least("its least slope between the ends", slope[inside > 0].min(), 0)
    yield apart("its slope in the middle differs from 1.5 / width by", slope[2000], 0.75, 1e-6)


def sparsity() -> Iterator[Check]:
    """Weights add up to one for a power of 2; with all bits converged no token has more than k experts."""
    for width, name in ((8.0, "no bit converged"), (1e-6, "all bits converged")):
        routing = _layer(8, 2, width)(_tokens())[1].routing
        total_T = torch.zeros(S, dtype=torch.float64).index_add(0, routing.token_A, routing.weight_A.detach())
        yield apart(f"{name}: weights of a token differ from one by", total_T, 1)
        if width < 1:
            yield at_most(f"{name}: most experts of a token", torch.bincount(routing.token_A).max(), 2)
