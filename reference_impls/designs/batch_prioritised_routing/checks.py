"""V-MoE's batch prioritised routing against float64 loops written from the algorithm and its losses."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.batch_prioritised_routing.config import VMoEConfig
from reference_impls.designs.batch_prioritised_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, B, S = 16, 12, 5, 3, 14


def checks(entry: Entry) -> Iterator[Check]:
    """The algorithm with both orders of service, with and without noise; what priority saves."""
    for priority, k, factor in itertools.product(("score", "position"), (1, 2), (0.5, 1.05)):
        yield from algorithm(priority, k, factor, training=True)
    yield from algorithm("score", 2, 0.7, training=False)
    yield from loss_slopes()
    yield from least_weight_lost()


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    config = VMoEConfig.with_experts(E, d_model=D, d_expert=F, **fields)
    return decisive(make_layer(config).double())


def _tokens(seed: int = 5) -> Tensor:
    return tokens(B, S, D, seed=seed)


def _noise() -> Tensor:
    torch.manual_seed(9)
    return torch.randn(B * S, E, dtype=torch.float64).view(B, S, E)


def _squared_cv(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values) / mean**2


def _softmax(logits: list[float]) -> list[float]:
    exponents = [math.exp(value) for value in logits]
    return [value / sum(exponents) for value in exponents]


def _losses(weight: Tensor, x_BSD: Tensor, k: int, noise_BSE: Tensor | None) -> dict[str, float]:
    """Both losses, the mean over sequences."""
    found = {"importance": 0.0, "load": 0.0}
    for b in range(B):
        importance, load = [0.0] * E, [0.0] * E
        for s in range(S):
            clean = [float(row @ x_BSD[b, s]) for row in weight]
            noisy = (
                clean if noise_BSE is None else [c + float(e) / E for c, e in zip(clean, noise_BSE[b, s], strict=True)]
            )
            threshold = sorted(noisy, reverse=True)[k - 1]
            for i, share in enumerate(_softmax(clean)):
                importance[i] += share
                if noise_BSE is None:
                    load[i] += float(clean[i] >= threshold)
                else:
                    load[i] += 0.5 * (1 + math.erf((clean[i] - threshold) * E / math.sqrt(2)))
        found["importance"] += _squared_cv(importance) / B
        found["load"] += _squared_cv(load) / B
    return found


def algorithm(priority: str, k: int, factor: float, *, training: bool) -> Iterator[Check]:
    """Outputs, demand, refused weight and losses by plain loops over sequences, ranks and tokens."""
    fields = {"capacity_factor_train" if training else "capacity_factor_eval": factor}
    ours, x_BSD = _layer(priority=priority, experts_per_token=k, **fields).train(training), _tokens()
    weight = ours.router.weight_ED.detach()
    noise_BSE = _noise() if training else None
    capacity, expected, demand = math.ceil(factor * k * S / E), torch.zeros_like(x_BSD), [0] * E
    wanted, served = 0.0, 0.0
    for b in range(B):
        choices = []
        for s in range(S):
            logits = weight @ x_BSD[b, s] + (0 if noise_BSE is None else noise_BSE[b, s] / E)
            shares = _softmax([float(value) for value in logits])
            best = largest(shares, k)
            choices.append([(e, shares[e]) for e in best])
        turns = sorted(range(S), key=lambda s: -choices[s][0][1]) if priority == "score" else list(range(S))
        taken = [0] * E
        for rank, s in itertools.product(range(k), turns):
            e, share = choices[s][rank]
            demand[e] += 1
            wanted += share
            if taken[e] < capacity:
                taken[e] += 1
                served += share
                expected[b, s] += share * expert_output(ours.experts, e, x_BSD[b, s])
    torch.manual_seed(9)
    y_BSD, info = ours(x_BSD)
    name = f"float64 loop, by {priority}, k = {k}, factor {factor:g}, {'with' if training else 'without'} noise"
    yield at_most(f"{name}: outputs differ by", (y_BSD.detach() - expected).abs().max(), 1e-12)
    yield at_most(f"{name}: demand differs by", (info.routing.load_E - torch.tensor(demand)).abs().max(), 0)
    yield at_most(
        f"{name}: refused weight differs by", abs(info.stats["dropped_weight"] - (1 - served / wanted)), 1e-12
    )
    for loss, value in _losses(weight, x_BSD, k, noise_BSE).items():
        yield at_most(f"{name}: {loss} loss differs by", abs(float(info.losses[loss].value.detach()) - value), 1e-12)


def loss_slopes() -> Iterator[Check]:
    """Gradients of both losses against finite differences of the loops."""
    ours, x_BSD, step, noise_BSE = _layer().train(), _tokens(), 1e-5, _noise()
    torch.manual_seed(9)
    losses = ours(x_BSD)[1].losses
    weight = ours.router.weight_ED
    direction = torch.randn(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    up, down = (_losses(weight.detach() + sign * step * direction, x_BSD, 2, noise_BSE) for sign in (1, -1))
    for loss in losses:
        (gradient,) = torch.autograd.grad(losses[loss].value, weight, retain_graph=True)
        difference = abs((up[loss] - down[loss]) / (2 * step) - float((gradient * direction).sum()))
        yield at_most(f"slope of the {loss} loss differs from finite differences by", difference, 1e-6)


def least_weight_lost() -> Iterator[Check]:
    """With one expert a token, serving the largest scores first loses the least weight that the places allow."""
    ours = _layer(experts_per_token=1, capacity_factor_eval=0.5).eval()
    by_position = _layer(experts_per_token=1, capacity_factor_eval=0.5, priority="position").eval()
    saved, excess = 0.0, 0.0
    for seed in range(5):
        x_BSD = _tokens(seed)
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
