"""X-MoE's router against its equations in float64 loops."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.x_moe_router.config import XMoEConfig
from reference_impls.designs.x_moe_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import expert_output, tokens

D, F, E, R, B, S = 16, 12, 6, 3, 3, 14


def checks(entry: Entry) -> Iterator[Check]:
    """Equations with both gates, with and without overflow; what the scores do not see; the reach of gradients."""
    for gate in ("softmax", "sigmoid"):
        for factor in (0.7, 6.0):
            yield from equations(gate, factor)
    yield from slopes()
    yield from lengths()
    yield from balance()


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    config = XMoEConfig(d_model=D, d_expert=F, n_experts=E, d_router=R, **fields)
    return decisive(make_layer(config).double())


def _tokens() -> Tensor:
    return tokens(B, S, D, seed=5)


def _scores(layer: Any, x: Tensor) -> list[float]:
    """Equation 6."""
    projected = layer.router.project_RD.detach() @ x
    return [
        float(projected @ e) / math.sqrt(float(projected @ projected)) / math.sqrt(float(e @ e))
        for e in layer.router.expert_ER.detach()
    ]


def _softmax(scores: list[float], temperature: float) -> list[float]:
    exponents = [math.exp(s / temperature) for s in scores]
    return [value / sum(exponents) for value in exponents]


def equations(gate: str, factor: float) -> Iterator[Check]:
    """Outputs, demand and loss by plain loops over sequences and tokens."""
    ours, x_BSD = _layer(gate=gate, capacity_factor_train=factor, initial_temperature=0.2).train(), _tokens()
    temperature = float(ours.router.temperature.detach())
    capacity, expected, demand, loss = math.ceil(factor * S / E), torch.zeros_like(x_BSD), [0] * E, 0.0
    for b in range(B):
        taken, chosen, mean = [0] * E, [0] * E, [0.0] * E
        for s in range(S):
            scores = _scores(ours, x_BSD[b, s])
            best = max(range(E), key=lambda i: scores[i])
            chosen[best] += 1
            mean = [m + p / S for m, p in zip(mean, _softmax(scores, 0.3), strict=True)]
            weight = 1 / (1 + math.exp(-scores[best] / temperature))
            if gate == "softmax":
                weight = _softmax(scores, temperature)[best]
            if taken[best] < capacity:
                taken[best] += 1
                expected[b, s] += weight * expert_output(ours.experts, best, x_BSD[b, s])
        demand = [total + count for total, count in zip(demand, chosen, strict=True)]
        loss += E * sum(count / S * m for count, m in zip(chosen, mean, strict=True)) / B
    y_BSD, info = ours(x_BSD)
    name = f"equations 6 to 8 by a float64 loop, {gate} gate, factor {factor:g}"
    yield at_most(f"{name}: outputs differ by", (y_BSD.detach() - expected).abs().max(), 1e-12)
    yield at_most(f"{name}: demand differs by", (info.routing.load_E - torch.tensor(demand)).abs().max(), 0)
    yield at_most(f"{name}: loss differs by", abs(info.losses["load_balance"].value.detach() - loss), 1e-12)


def slopes() -> Iterator[Check]:
    """Gradients of one output in projection, experts' vectors and temperature, by finite differences."""
    ours, x_BSD, step = _layer().eval(), _tokens()[:1, :1], 1e-6
    weights = (ours.router.project_RD, ours.router.expert_ER, ours.router.temperature)
    gradients = torch.autograd.grad(ours(x_BSD)[0].sum(), weights)
    for name, weight, gradient in zip(("projection", "vectors", "temperature"), weights, gradients, strict=True):
        direction = torch.randn(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
        ends = []
        for sign in (1, -2, 1):  # there, back beyond the start, home
            with torch.no_grad():
                weight.add_(direction, alpha=sign * step)
                ends.append(float(ours(x_BSD)[0].sum()))
        slope = (ends[0] - ends[1]) / (2 * step)
        difference = abs(slope - float((gradient * direction).sum()))
        yield at_most(f"slope of the output in the {name} differs from finite differences by", difference, 1e-7)


def lengths() -> Iterator[Check]:
    """Scores see directions only, and lie between -1 and 1."""
    ours, x_TD = _layer(), _tokens()[0]
    before = ours.router.scores(x_TD).detach()
    length_E1 = torch.tensor([[0.1], [1.0], [3.0], [10.0], [0.5], [2.0]], dtype=torch.float64)
    with torch.no_grad():
        ours.router.expert_ER.mul_(length_E1)
    worst = (ours.router.scores(7 * x_TD).detach() - before).abs().max()
    yield at_most("longer tokens and vectors of other lengths change the scores by", worst, 1e-12)
    yield at_most("largest absolute score", before.abs().max(), 1 + 1e-12)


def balance() -> Iterator[Check]:
    """The loss is bounded by its fixed temperature, and its gradient leaves the learned one alone."""
    ours = _layer().train()
    with torch.no_grad():
        ours.router.expert_ER.copy_(-ours.router.expert_ER[:1].expand(E, R))
        ours.router.expert_ER[0].neg_()
    x_BSD = ours.router.project_RD.detach().pinverse() @ ours.router.expert_ER[0].detach()
    loss = ours(x_BSD.expand(1, S, D))[1].losses["load_balance"].value
    most = E / (1 + (E - 1) * math.exp(-2 / 0.3))
    yield at_most(
        "all tokens on one expert: the loss differs from its largest value by", abs(loss.detach() - most), 1e-9
    )
    gradients = torch.autograd.grad(loss, (ours.router.temperature, ours.router.expert_ER), allow_unused=True)
    yield at_most("gradients of the loss in the learned temperature", float(gradients[0] is not None), 0)
    yield at_least("gradients of the loss in the experts' vectors", float(gradients[1] is not None), 1)
