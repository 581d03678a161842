"""Noisy top-k against its equations in float64 loops, its load estimate against redrawn noise."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.noise import NoisyLogits
from reference_impls.designs.noisy_top_k.config import NoisyTopKConfig
from reference_impls.designs.noisy_top_k.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import (
    beside_loop,
    dot_products,
    expert_output,
    largest,
    slope_error,
    softmax,
    squared_cv,
    tokens,
)

D, F, E, S = 16, 12, 6, 20
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations with and without noise, load estimate, even start."""
    for k in (1, 2, E):
        for training in (False, True):
            yield from equations(k, training)
    yield from chain(loss_gradients(), load_estimate(), even_start())


def _tokens(count: int = S) -> Tensor:
    return tokens(1, count, D, seed=5)


def noise(shape: tuple[int, ...]) -> Tensor:
    """What a layer that is called after `torch.manual_seed(9)` draws first."""
    torch.manual_seed(9)
    return torch.randn(shape, dtype=torch.float64)


def gate_of(
    x: Tensor, weight: Tensor, noise_weight: Tensor, drawn_E: Tensor | None, floor: float
) -> tuple[list[float], list[float], list[float]]:
    """Clean logits, noisy logits and deviations of one token."""
    clean = dot_products(weight, x)
    deviation = [math.log1p(math.exp(z)) + floor for z in dot_products(noise_weight, x)]
    drawn = [0.0] * len(clean) if drawn_E is None else drawn_E.tolist()
    return clean, [c + d * e for c, d, e in zip(clean, deviation, drawn, strict=True)], deviation


def chosen_weights(noisy: list[float], k: int) -> dict[int, float]:
    """Softmax over the k largest."""
    best = largest(noisy, k)
    return dict(zip(best, softmax([noisy[i] for i in best]), strict=True))


def probability_of(clean: list[float], noisy: list[float], deviation: list[float], k: int, i: int) -> float:
    """P(x)_i: that choice i is among the k best under fresh noise of its own."""
    others = sorted((value for j, value in enumerate(noisy) if j != i), reverse=True)
    if k > len(others):
        return 1.0
    return 0.5 * (1 + math.erf((clean[i] - others[k - 1]) / deviation[i] / math.sqrt(2)))


def _by_hand(layer: Any, x_TD: Tensor, k: int, drawn_TE: Tensor | None) -> tuple[Tensor, dict[str, float]]:
    """Outputs and both losses."""
    gate, expected = layer.router.gate, torch.zeros_like(x_TD)
    importance, load = [0.0] * E, [0.0] * E
    for t, x in enumerate(x_TD):
        drawn_E = None if drawn_TE is None else drawn_TE[t]
        clean, noisy, deviation = gate_of(x, gate.weight_ED, gate.noise_ED, drawn_E, 0.01)
        weights = chosen_weights(noisy, k)
        for i, weight in weights.items():
            expected[t] += weight * expert_output(layer.experts, i, x)
            importance[i] += weight
        for i in range(E):
            load[i] += float(i in weights) if drawn_E is None else probability_of(clean, noisy, deviation, k, i)
    return expected, {"importance": squared_cv(importance), "load": squared_cv(load)}


def equations(k: int, training: bool) -> Iterator[Check]:
    """Outputs and both losses by plain loops."""
    layer, x_BSD = _layer(experts_per_token=k).train(training), _tokens()
    expected, losses = _by_hand(layer, x_BSD[0], k, noise((S, E)) if training else None)
    torch.manual_seed(9)
    name = f"equations, k = {k}, {'with' if training else 'without'} noise"
    yield from beside_loop(name, layer(x_BSD), expected, losses)


def loss_gradients() -> Iterator[Check]:
    """Gradients of both losses against finite differences of the loops."""
    layer, x_BSD, drawn_TE = _layer(experts_per_token=2).train(), _tokens(8), noise((8, E))
    torch.manual_seed(9)
    weights = (layer.router.gate.weight_ED, layer.router.gate.noise_ED)
    for name, part in layer(x_BSD)[1].losses.items():
        worst = 0.0
        for weight, gradient in zip(weights, torch.autograd.grad(part.value, weights, retain_graph=True), strict=True):
            loss = lambda name=name: _by_hand(layer, x_BSD[0], 2, drawn_TE)[1][name]  # noqa: E731
            worst = worst_of(worst, slope_error(loss, weight, gradient, 1e-5))
        yield at_most(f"slope of the {name} loss differs from finite differences by", worst, 1e-6)


def load_estimate() -> Iterator[Check]:
    """P(x)_i is how often fresh noise of expert i alone brings it among the best."""
    generator = torch.Generator().manual_seed(8)
    clean_E = torch.randn(E, dtype=torch.float64, generator=generator)
    deviation_E = 0.5 + torch.rand(E, dtype=torch.float64, generator=generator)
    noisy_E = clean_E + deviation_E * torch.randn(E, dtype=torch.float64, generator=generator)
    logits = NoisyLogits(clean_E[None], noisy_E[None], deviation_E[None], drawn=True)
    worst, draws = 0.0, 200_000
    for i in range(E):
        redrawn_RE = noisy_E.repeat(draws, 1)
        redrawn_RE[:, i] = clean_E[i] + deviation_E[i] * torch.randn(draws, dtype=torch.float64, generator=generator)
        frequency = (redrawn_RE.topk(2).indices == i).any(-1).double().mean()
        worst = worst_of(worst, float((frequency - logits.inclusion(2)[0, i]).abs()))
    yield at_most("estimated probability of being chosen differs from the frequency by", worst, 0.005)


def even_start() -> Iterator[Check]:
    """Before any step all experts are equally likely, and noise spreads the tokens."""
    torch.manual_seed(0)
    layer = make_layer(NoisyTopKConfig(d_model=D, d_expert=F, n_experts=E)).train()
    load_E = layer(torch.randn(20, 100, D))[1].routing.load_E.double()
    yield at_most("at the start the largest load is above the mean by", load_E.max() / load_E.mean() - 1, 0.15)
    yield at_least("at the start the smallest load is, of the mean,", load_E.min() / load_E.mean(), 0.85)
