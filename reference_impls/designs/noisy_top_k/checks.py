"""Noisy top-k against its equations in float64 loops, its load estimate against redrawn noise."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.noise import NoisyLogits
from reference_impls.designs.noisy_top_k.config import NoisyTopKConfig
from reference_impls.designs.noisy_top_k.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most, worst_of
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, S = 16, 12, 6, 20


def checks(entry: Entry) -> Iterator[Check]:
    """Equations with and without noise, load estimate, even start."""
    for k in (1, 2, E):
        for training in (False, True):
            yield from equations(k, training)
    yield from loss_gradients()
    yield from load_estimate()
    yield from even_start()


def _layer(k: int) -> Any:
    torch.manual_seed(0)
    config = NoisyTopKConfig(d_model=D, d_expert=F, n_experts=E, experts_per_token=k)
    return decisive(make_layer(config).double())


def _tokens(count: int = S) -> Tensor:
    return tokens(1, count, D, seed=5)


def noise(shape: tuple[int, ...]) -> Tensor:
    """What a layer that is called after `torch.manual_seed(9)` draws first."""
    torch.manual_seed(9)
    return torch.randn(shape, dtype=torch.float64)


def gate_of(
    x: Tensor, weight: Tensor, noise_weight: Tensor, drawn: Tensor | None, floor: float
) -> tuple[Any, Any, Any]:
    """Clean logits, noisy logits and deviations of one token, as lists."""
    clean = [float(w @ x) for w in weight]
    deviation = [math.log1p(math.exp(float(w @ x))) + floor for w in noise_weight]
    noisy = [
        c + (0.0 if drawn is None else d * float(e))
        for c, d, e in zip(clean, deviation, _or_zeros(drawn, clean), strict=True)
    ]
    return clean, noisy, deviation


def _or_zeros(drawn: Tensor | None, like: list[float]) -> Any:
    return [0.0] * len(like) if drawn is None else drawn


def chosen_weights(noisy: list[float], k: int) -> dict[int, float]:
    """Softmax over the k largest."""
    best = largest(noisy, k)
    total = sum(math.exp(noisy[i]) for i in best)
    return {i: math.exp(noisy[i]) / total for i in best}


def probability_of(clean: list[float], noisy: list[float], deviation: list[float], k: int, i: int) -> float:
    """P(x)_i: that choice i is among the k best under fresh noise of its own."""
    others = sorted((value for j, value in enumerate(noisy) if j != i), reverse=True)
    if k > len(others):
        return 1.0
    return 0.5 * (1 + math.erf((clean[i] - others[k - 1]) / deviation[i] / math.sqrt(2)))


def squared_cv_of(values: list[float]) -> float:
    """Population variance over squared mean."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values) / mean**2


def _by_hand(layer: Any, x_TD: Tensor, k: int, drawn_TE: Tensor | None) -> tuple[Tensor, float, float]:
    gate, expected = layer.router.gate, torch.zeros_like(x_TD)
    importance, load = [0.0] * E, [0.0] * E
    for t, x in enumerate(x_TD):
        drawn = None if drawn_TE is None else drawn_TE[t]
        clean, noisy, deviation = gate_of(x, gate.weight_ED.detach(), gate.noise_ED.detach(), drawn, 0.01)
        weights = chosen_weights(noisy, k)
        for i, weight in weights.items():
            expected[t] += weight * expert_output(layer.experts, i, x)
            importance[i] += weight
        for i in range(E):
            load[i] += float(i in weights) if drawn is None else probability_of(clean, noisy, deviation, k, i)
    return expected, squared_cv_of(importance), squared_cv_of(load)


def equations(k: int, training: bool) -> Iterator[Check]:
    """Outputs and both losses by plain loops."""
    layer = _layer(k).train(training)
    x_BSD = _tokens()
    drawn_TE = noise((S, E)) if training else None
    expected, importance, load = _by_hand(layer, x_BSD[0], k, drawn_TE)
    torch.manual_seed(9)
    y_BSD, info = layer(x_BSD)
    name = f"equations by float64 loops, k = {k}, {'with' if training else 'without'} noise"
    yield at_most(f"{name}: outputs differ by", (y_BSD[0].detach() - expected).abs().max(), 1e-12)
    yield at_most(
        f"{name}: importance loss differs by", abs(float(info.losses["importance"].value.detach()) - importance), 1e-12
    )
    yield at_most(f"{name}: load loss differs by", abs(float(info.losses["load"].value.detach()) - load), 1e-12)


def _losses_by_hand(layer: Any, x_TD: Tensor, drawn_TE: Tensor) -> dict[str, float]:
    _, importance, load = _by_hand(layer, x_TD, 2, drawn_TE)
    return {"importance": importance, "load": load}


def loss_gradients() -> Iterator[Check]:
    """Gradients of both losses against finite differences of the loops."""
    layer, x_BSD, step = _layer(2).train(), _tokens(8), 1e-5
    drawn_TE = noise((8, E))
    torch.manual_seed(9)
    losses = layer(x_BSD)[1].losses
    for name in ("importance", "load"):
        weights = [layer.router.gate.weight_ED, layer.router.gate.noise_ED]
        gradients = torch.autograd.grad(losses[name].value, weights, retain_graph=True)
        worst = 0.0
        for weight, gradient in zip(weights, gradients, strict=True):
            direction = torch.randn(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight.add_(direction, alpha=sign * step)
                values.append(_losses_by_hand(layer, x_BSD[0], drawn_TE)[name])
                with torch.no_grad():
                    weight.sub_(direction, alpha=sign * step)
            slope = (values[0] - values[1]) / (2 * step)
            worst = worst_of(worst, abs(slope - float((gradient * direction).sum())))
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
