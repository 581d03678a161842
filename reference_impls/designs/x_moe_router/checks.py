"""X-MoE's router against its equations in float64 loops."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.x_moe_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import added, beside_loop, largest, serve, slope_error, softmax, tokens

D, F, E, R, B, S = 16, 12, 6, 3, 3, 14
_tokens = partial(tokens, B, S, D, seed=5)
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, d_router=R)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations with both gates, with and without overflow; what the scores do not see; the reach of gradients."""
    for gate in ("softmax", "sigmoid"):
        for factor in (0.7, 6.0):
            yield from equations(gate, factor)
    yield from chain(slopes(), lengths(), balance())


def _scores(layer: Any, x: Tensor) -> list[float]:
    """Equation 6."""
    projected = layer.router.project_RD.detach() @ x
    return [
        float(projected @ e) / math.sqrt(float(projected @ projected)) / math.sqrt(float(e @ e))
        for e in layer.router.expert_ER.detach()
    ]


def equations(gate: str, factor: float) -> Iterator[Check]:
    """Outputs, demand and loss by plain loops over sequences and tokens."""
    ours, x_BSD = _layer(gate=gate, capacity_factor_train=factor, initial_temperature=0.2).train(), _tokens()
    temperature = float(ours.router.temperature.detach())
    rows, demands, loss = [], [], 0.0
    for x_SD in x_BSD:
        scores = [_scores(ours, x) for x in x_SD]
        best = [largest(score, 1)[0] for score in scores]
        weights = [1 / (1 + math.exp(-score[i] / temperature)) for i, score in zip(best, scores, strict=True)]
        if gate == "softmax":
            weights = [softmax([z / temperature for z in score])[i] for i, score in zip(best, scores, strict=True)]
        choices = [[choice] for choice in zip(best, weights, strict=True)]
        y_SD, demand = serve(ours.experts, x_SD, choices, math.ceil(factor * S / E))
        rows.append(y_SD)
        demands.append(demand)
        total = added(softmax([z / 0.3 for z in score]) for score in scores)
        loss += E * sum(count / S * m / S for count, m in zip(demand, total, strict=True))
    name, losses = f"equations 6 to 8, {gate} gate, factor {factor:g}", {"load_balance": loss / B}
    yield from beside_loop(name, ours(x_BSD), rows, losses, load=added(demands))


def slopes() -> Iterator[Check]:
    """Gradients of one output in projection, experts' vectors and temperature, by finite differences."""
    ours, x_BSD = _layer().eval(), _tokens()[:1, :1]
    weights = (ours.router.project_RD, ours.router.expert_ER, ours.router.temperature)
    gradients = torch.autograd.grad(ours(x_BSD)[0].sum(), weights)
    for name, weight, gradient in zip(("projection", "vectors", "temperature"), weights, gradients, strict=True):
        error = slope_error(lambda: ours(x_BSD)[0].sum(), weight, gradient)
        yield at_most(f"slope of the output in the {name} differs from finite differences by", error, 1e-7)


def lengths() -> Iterator[Check]:
    """Scores see directions only, and lie between -1 and 1."""
    ours, x_TD = _layer(), _tokens()[0]
    before = ours.router.scores(x_TD).detach()
    length_E1 = torch.tensor([[0.1], [1.0], [3.0], [10.0], [0.5], [2.0]], dtype=torch.float64)
    with torch.no_grad():
        ours.router.expert_ER.mul_(length_E1)
    yield apart("longer tokens and vectors of other lengths change the scores by", ours.router.scores(7 * x_TD), before)
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
    yield apart("all tokens on one expert: the loss differs from its largest value by", loss, most, 1e-9)
    gradients = torch.autograd.grad(loss, (ours.router.temperature, ours.router.expert_ER), allow_unused=True)
    yield at_most("gradients of the loss in the learned temperature", float(gradients[0] is not None), 0)
    yield at_least("gradients of the loss in the experts' vectors", float(gradients[1] is not None), 1)
