"""V-MoE's batch prioritised routing against float64 loops written from the algorithm and its losses."""

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.batch_prioritised_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import (
    added,
    beside_loop,
    dot_products,
    largest,
    serve,
    slope_error,
    softmax,
    squared_cv,
    tokens,
)

D, F, E, B, S = 16, 12, 5, 3, 14
_tokens = partial(tokens, B, S, D, seed=5)
_layer = partial(drawn, make_layer, n_experts=E, d_model=D, d_expert=F)


def checks(entry: Entry) -> Iterator[Check]:
    """The algorithm with both orders of service, with and without noise; what priority saves."""
    for priority, k, factor in itertools.product(("score", "position"), (1, 2), (0.5, 1.05)):
        yield from algorithm(priority, k, factor, training=True)
    yield from itertools.chain(algorithm("score", 2, 0.7, training=False), loss_slopes(), least_weight_lost())


def _noise() -> Tensor:
    torch.manual_seed(9)
    return torch.randn(B * S, E, dtype=torch.float64).view(B, S, E)


def _losses(weight: Tensor, x_BSD: Tensor, k: int, noise_BSE: Tensor | None) -> dict[str, float]:
    """Both losses, the mean over sequences."""
    losses = {"importance": 0.0, "load": 0.0}
    for b in range(B):
        load = [0.0] * E
        logits = [dot_products(weight, x) for x in x_BSD[b]]
        for s, clean in enumerate(logits):
            noise = [0.0] * E if noise_BSE is None else noise_BSE[b, s].tolist()
            threshold = sorted((c + e / E for c, e in zip(clean, noise, strict=True)), reverse=True)[k - 1]
            for i, logit in enumerate(clean):
                if noise_BSE is None:
                    load[i] += float(logit >= threshold)
                else:
                    load[i] += 0.5 * (1 + math.erf((logit - threshold) * E / math.sqrt(2)))
        losses["importance"] += squared_cv(added(map(softmax, logits))) / B
        losses["load"] += squared_cv(load) / B
    return losses


def algorithm(priority: str, k: int, factor: float, *, training: bool) -> Iterator[Check]:
    """Outputs, demand, refused weight and losses by plain loops over sequences, ranks and tokens."""
    fields: dict[str, Any] = {"capacity_factor_train" if training else "capacity_factor_eval": factor}
    ours, x_BSD = _layer(priority=priority, experts_per_token=k, **fields).train(training), _tokens()
    noise_BSE = _noise() if training else None
    capacity, rows, demands, wanted, served = math.ceil(factor * k * S / E), [], [], 0.0, 0.0
    for b, x_SD in enumerate(x_BSD):
        logits_SE = x_SD @ ours.router.weight_ED.detach().T + (0 if noise_BSE is None else noise_BSE[b] / E)
        shares = [softmax(logits) for logits in logits_SE.tolist()]
        choices = [[(e, share[e]) for e in largest(share, k)] for share in shares]
        turns = sorted(range(S), key=lambda s: -choices[s][0][1]) if priority == "score" else list(range(S))
        y_SD, demand = serve(ours.experts, x_SD, choices, capacity, turns)
        rows.append(y_SD)
        demands.append(demand)
        for e in range(E):
            asked = [dict(choices[s][rank : rank + 1]).get(e, 0.0) for rank in range(k) for s in turns]
            weights = [weight for weight in asked if weight]
            wanted, served = wanted + sum(weights), served + sum(weights[:capacity])
    torch.manual_seed(9)
    name = f"by {priority}, k = {k}, factor {factor:g}, {'with' if training else 'without'} noise"
    losses, stats = _losses(ours.router.weight_ED, x_BSD, k, noise_BSE), {"dropped_weight": 1 - served / wanted}
    yield from beside_loop(name, ours(x_BSD), rows, losses, stats, load=added(demands))


def loss_slopes() -> Iterator[Check]:
    """Gradients of both losses against finite differences of the loops."""
    ours, x_BSD, noise_BSE = _layer().train(), _tokens(), _noise()
    torch.manual_seed(9)
    weight = ours.router.weight_ED
    for loss, part in ours(x_BSD)[1].losses.items():
        (gradient,) = torch.autograd.grad(part.value, weight, retain_graph=True)
        error = slope_error(lambda: _losses(weight, x_BSD, 2, noise_BSE)[loss], weight, gradient, 1e-5)  # noqa: B023
        yield at_most(f"slope of the {loss} loss differs from finite differences by", error, 1e-6)


def least_weight_lost() -> Iterator[Check]:
    """With one expert a token, serving the largest scores first loses the least weight that the places allow."""
    ours = _layer(experts_per_token=1, capacity_factor_eval=0.5).eval()
    by_position = _layer(experts_per_token=1, capacity_factor_eval=0.5, priority="position").eval()
    saved, excess = 0.0, 0.0
    for seed in range(5):
        x_BSD = _tokens(seed=seed)
        info = ours(x_BSD)[1]
        shares_BSE = (x_BSD @ ours.router.weight_ED.detach().T).softmax(-1)
        best, kept = 0.0, 0.0
        for b, e in itertools.product(range(B), range(E)):
            mine = shares_BSE[b, :, e][shares_BSE[b].argmax(-1) == e]
            best += float(mine.sort(descending=True).values[: math.ceil(0.5 * S / E)].sum())
        kept = float(info.routing.weight_A.detach().sum())
        excess = max(excess, abs(best - kept))
        saved += by_position(x_BSD)[1].stats["dropped_weight"] - info.stats["dropped_weight"]
    yield at_most("weight kept differs from the most that the places allow by", excess, 1e-12)
    yield at_least("weight that priority saves, over service by position", saved / 5, 1e-3)
