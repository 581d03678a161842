"""Two-stage gating against a masked dense mixture in torch, the equations in float64, and its limits."""

from collections.abc import Iterator
from functools import partial
from math import exp, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference_impls.designs.hierarchical_two_stage_gate.config import TwoStageConfig
from reference_impls.designs.hierarchical_two_stage_gate.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside, only_output
from reference_impls.verify.naive import tokens

D, F, E, G, S = 16, 12, 6, 3, 20
GATES = ("softmax", "laplace")
_tokens = partial(tokens, 2, S, D, seed=5)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients for every pair of gates, groups, limits."""
    for coarse in GATES:
        for fine in GATES:
            yield from masked_mixture(coarse, fine)
            yield from equations(coarse, fine)
    yield from groups()


def _layer(coarse: str = "softmax", fine: str = "softmax", n_groups: int = G) -> Any:
    torch.manual_seed(0)
    layer: Any = make_layer(
        TwoStageConfig.with_experts(E, d_model=D, d_expert=F, n_groups=n_groups, coarse_gate=coarse, fine_gate=fine)
    ).double()
    with torch.no_grad():
        for vectors in layer.router.parameters():
            vectors.normal_()
    return layer


def masked_mixture(coarse: str, fine: str) -> Iterator[Check]:
    """All experts for all tokens by other means, the other groups' weights set to zero."""
    ours = _layer(coarse, fine)

    def logits(x: Tensor, vectors: Tensor, gate: str) -> Tensor:
        if gate == "softmax":
            return functional.linear(x, vectors)
        distance: Tensor = torch.linalg.vector_norm(x.unsqueeze(-2) - vectors, dim=-1)
        return -distance

    def theirs(x_BSD: Tensor) -> Tensor:
        group = functional.softmax(logits(x_BSD, ours.router.group_GD, coarse), -1)
        own = functional.softmax(logits(x_BSD, ours.router.expert_ED, fine).unflatten(-1, (G, -1)), -1)
        mask = functional.one_hot(group.argmax(-1), G)
        weight = ((group * mask).unsqueeze(-1) * own).flatten(-2)
        gate, up = torch.einsum("bsd,eid->bsei", x_BSD, ours.experts.w_in_EID).chunk(2, -1)
        y_BSD: Tensor = torch.einsum("bse,bsef,edf->bsd", weight, functional.silu(gate) * up, ours.experts.w_out_EDF)
        return y_BSD

    weights = {name: (weight, weight) for name, weight in ours.named_parameters()}
    name = f"a masked dense mixture, {coarse} over {fine}"
    yield from beside(name, only_output(ours), theirs, _tokens(), weights, rtol=1e-10, atol=1e-11)


def equations(coarse: str, fine: str) -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts."""
    ours = _layer(coarse, fine)
    x_TD = _tokens()[0]
    expected = torch.zeros_like(x_TD)
    w_in, w_out = ours.experts.w_in_EID.detach(), ours.experts.w_out_EDF.detach()
    group_vectors, expert_vectors = ours.router.group_GD.tolist(), ours.router.expert_ED.tolist()

    def gate(x: list[float], vectors: list[list[float]], kind: str) -> list[float]:
        if kind == "softmax":
            logits = [sum(a * b for a, b in zip(x, vector, strict=True)) for vector in vectors]
        else:
            logits = [-sqrt(sum((a - b) ** 2 for a, b in zip(x, vector, strict=True))) for vector in vectors]
        exponents = [exp(logit) for logit in logits]
        return [exponent / sum(exponents) for exponent in exponents]

    for t, x in enumerate(x_TD):
        first = gate(x.tolist(), group_vectors, coarse)
        group = max(range(G), key=lambda g: first[g])
        members = range(group * E // G, (group + 1) * E // G)
        second = gate(x.tolist(), [expert_vectors[i] for i in members], fine)
        for i, weight in zip(members, second, strict=True):
            gated, up = (w_in[i] @ x).split(F)
            expected[t] += first[group] * weight * (w_out[i] @ (gated * torch.sigmoid(gated) * up))
    yield apart(
        f"equations, {coarse} over {fine}, by a float64 loop: largest difference", ours(x_TD[None])[0][0], expected
    )


def groups() -> Iterator[Check]:
    """Weights, groups, one group, and what the coarse gate learns from."""
    ours = _layer()
    x_BSD = _tokens()
    y_BSD, info = ours(x_BSD)
    routing = info.routing
    group_TI = (routing.expert_A // (E // G)).view(-1, E // G)
    yield at_most("tokens with experts of two groups", (group_TI != group_TI[:, :1]).sum(), 0)
    x_TD = x_BSD.flatten(0, 1)
    best_T = (x_TD @ ours.router.group_GD.T).softmax(-1).max(-1).values
    total_T = routing.weight_A.view(-1, E // G).sum(-1)
    yield apart("weights of a token miss its group's probability by", total_T, best_T)
    (gradient,) = torch.autograd.grad(y_BSD.square().sum(), ours.router.group_GD)
    yield at_least("gradient of the coarse gate without the balancing loss", gradient.abs().max(), 1e-6)

    single = _layer(n_groups=1)
    dense_TE = (x_TD @ single.router.expert_ED.T).softmax(-1)
    yield apart("one group: weights differ from a dense softmax by", single(x_BSD)[1].routing.share_TE(), dense_TE)
