"""The dense-to-sparse gate: its weights against torch's Gumbel softmax, both modes against float64 loops."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import RoutingContext
from reference_impls.designs.dense_to_sparse_gate.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, dot_products, mixed_output, tokens

D, F, E, T = 12, 10, 6, 25


def checks(entry: Entry) -> Iterator[Check]:
    """Weights, equations, what the draws follow."""
    yield from gumbel_softmax()
    for training in (True, False):
        for temperature in (2.0, 0.3):
            yield from equations(training, temperature)
    yield from winners()


def _layer(temperature: float, **fields: Any) -> Any:
    layer = drawn(make_layer, d_model=D, d_expert=F, n_experts=E, **fields)
    layer.router.temperature.fill_(temperature)
    return layer


def gumbel_softmax() -> Iterator[Check]:
    """Weights and the router's gradient beside `torch.nn.functional.gumbel_softmax`, the threshold at zero."""
    x_TD = tokens(T, D, seed=1)
    direction = torch.randn(T, E, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    context = RoutingContext.of_sequences(torch.zeros(T, dtype=torch.int64), 1)
    for temperature in (2.0, 0.5):
        router = _layer(temperature, threshold=0.0).train().router
        torch.manual_seed(3)
        ours = router(x_TD, context).weight_A.view(T, E)
        torch.manual_seed(3)
        theirs = torch.nn.functional.gumbel_softmax((x_TD @ router.weight_ED.T).softmax(-1).log(), tau=temperature)
        name = f"torch's gumbel_softmax, temperature {temperature}"
        yield close(f"{name}: weights", ours, theirs, rtol=1e-10, atol=1e-12)
        (mine,), (other,) = (torch.autograd.grad((w * direction).sum(), router.weight_ED) for w in (ours, theirs))
        yield close(f"{name}: gradient of the router", mine, other, rtol=1e-10, atol=1e-12)


def equations(training: bool, temperature: float) -> Iterator[Check]:
    """Outputs and loss by a plain loop over tokens and experts, with the draws laid open."""
    layer = _layer(temperature).train(training)
    x_TD = tokens(T, D, seed=4)
    torch.manual_seed(5)
    draw_TE = gumbel_noise(torch.empty(T, E, dtype=torch.float64)).tolist()
    threshold = layer.router.config.threshold
    rows, mean, first, taken = [], [0.0] * E, [0] * E, 0
    for x_D, draw in zip(x_TD, draw_TE, strict=True):
        logits = dot_products(layer.router.weight_ED, x_D)
        noisy = [value + (zeta if training else 0.0) for value, zeta in zip(logits, draw, strict=True)]
        score = [math.exp(value / temperature) for value in noisy]
        w = [value / sum(score) for value in score]
        best = max(range(E), key=lambda i: w[i])
        kept = [i for i in range(E) if (training and w[i] > threshold) or i == best]
        rows.append(mixed_output(layer.experts, [w[i] if i in kept else 0.0 for i in range(E)], x_D))
        mean = [m + w_i / T for m, w_i in zip(mean, w, strict=True)]
        first[best] += 1
        taken += len(kept)
    expected = E * sum(f / T * m for f, m in zip(first, mean, strict=True))
    torch.manual_seed(5)
    where = f"equations in {'training' if training else 'evaluation'}, temperature {temperature}"
    yield from beside_loop(
        where,
        layer(x_TD[None]),
        torch.stack(rows),
        losses={"load_balance": expected},
        stats={"experts_per_token": taken / T},
    )


def winners() -> Iterator[Check]:
    """At a low temperature each expert wins as often as its probability says."""
    router = _layer(0.01).train().router
    x_D = tokens(D, seed=6)
    draws = 20_000
    torch.manual_seed(7)
    routing = router(x_D.expand(draws, D), RoutingContext.of_sequences(torch.zeros(draws, dtype=torch.int64), 1))
    won_E = torch.bincount(routing.share_TE().argmax(-1), minlength=E) / draws
    p_E = (router.weight_ED.detach() @ x_D).softmax(-1)
    deviation_E = (won_E - p_E).abs() / (p_E * (1 - p_E) / draws).sqrt()
    yield at_most("how often experts win, from their probability, in standard deviations", deviation_E.max(), 4)
