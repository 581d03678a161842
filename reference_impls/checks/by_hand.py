"""A layer's output from a list of assignments, one token and one expert at a time: the definition, in plain sums."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from reference_impls.checks.check import Check, same
from reference_impls.core.experts import ExpertBank, ReLUExperts
from reference_impls.core.layer import MoELayer

Assignments = Iterable[tuple[int, int, Tensor | float]]
"""Token, expert, weight."""


def expert_by_hand(bank: ExpertBank, x_D: Tensor, expert: int) -> Tensor:
    """Output of one expert for one token."""
    inner = bank.w_in_EID[expert] @ x_D
    if isinstance(bank, ReLUExperts):
        hidden = inner * (inner > 0)
    else:
        gate, up = inner[: bank.d_expert], inner[bank.d_expert :]
        hidden = gate / (1 + torch.exp(-gate)) * up
    return bank.w_out_EDF[expert] @ hidden


def by_hand(bank: ExpertBank, x_TD: Tensor, assignments: Assignments) -> Tensor:
    """Outputs [T, D]: for each token the weighted sum over its experts."""
    rows = [torch.zeros_like(x_D) for x_D in x_TD]
    for token, expert, weight in assignments:
        rows[token] = rows[token] + weight * expert_by_hand(bank, x_TD[token], expert)
    return torch.stack(rows)


def beside_hand(
    name: str,
    layer: MoELayer,
    x_BSD: Tensor,
    assign: Callable[[Tensor], Assignments],
    call: Callable[[Tensor], Tensor] | None = None,
    tolerance: float = 1e-11,
) -> Iterator[Check]:
    """Outputs and gradients (tokens and all trainable weights) of a float64 layer beside those of `assign` by hand.

    Args:
        name: what the checks are called after.
        layer: the layer, its routing as the caller has set it (training or not).
        x_BSD: tokens, float64.
        assign: from tokens [T, D] to assignments; written from the equations, with gradient.
        call: how the layer is called, if it needs context.
        tolerance: relative and absolute.
    """
    assert isinstance(layer.experts, ExpertBank)
    bank = layer.experts
    weights = {n: p for n, p in layer.named_parameters() if p.requires_grad}

    def hand(x: Tensor) -> Tensor:
        return by_hand(bank, x.reshape(-1, x.shape[-1]), assign(x.reshape(-1, x.shape[-1]))).view_as(x)

    results = []
    for run in (call or (lambda x: layer(x)[0]), hand):
        leaf = x_BSD.clone().requires_grad_()
        y_BSD = run(leaf)
        direction = torch.randn(y_BSD.shape, generator=torch.Generator().manual_seed(2)).to(y_BSD.dtype)
        gradients = torch.autograd.grad(y_BSD, [leaf, *weights.values()], direction, allow_unused=True)
        named = {
            f"gradient of {part}": torch.zeros_like(p) if gradient is None else gradient
            for (part, p), gradient in zip({"tokens": leaf, **weights}.items(), gradients, strict=True)
        }
        results.append({"output": y_BSD, **named})
    yield from same(name, results[0], results[1], rtol=tolerance, atol=tolerance)


def softmax_by_hand(logit_E: Tensor) -> Tensor:
    """Exponentials over their sum."""
    power = torch.exp(logit_E - logit_E.max().detach())
    shares: Tensor = power / power.sum()
    return shares


def sigmoid_by_hand(logit: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    value: Tensor = 1 / (1 + torch.exp(-logit))
    return value


def tokens(*shape: int, seed: int = 1) -> Tensor:
    """Unit-variance float64 tokens."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def swiglu(bank: ExpertBank, expert: int, x: Tensor) -> Tensor:
    """Output [D] of one SwiGLU expert for one token [D]."""
    w_in, w_out = bank.w_in_EID[expert].detach(), bank.w_out_EDF[expert].detach()
    gate, up = (w_in @ x).split(w_out.shape[1])
    output: Tensor = w_out @ (gate * torch.sigmoid(gate) * up)
    return output


def softmax(logits: Sequence[float]) -> list[float]:
    """Exponentials over their sum."""
    top = max(logits)
    exponentials = [math.exp(value - top) for value in logits]
    return [value / sum(exponentials) for value in exponentials]


def best(scores: Sequence[float], k: int) -> list[int]:
    """Places of the k largest scores, the largest first."""
    return sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)[:k]


def dot_products(weight_ED: Tensor, x: Tensor) -> list[float]:
    """Each row of the matrix times the token."""
    return [float(row @ x) for row in weight_ED.detach()]


def expert_output(layer: Any, expert: int, x_D: Tensor) -> Tensor:
    """Output [D] of one SwiGLU expert of the layer for one token."""
    w_in_ID, w_out_DF = layer.experts.w_in_EID.detach()[expert], layer.experts.w_out_EDF.detach()[expert]
    gate_F, up_F = (w_in_ID @ x_D).split(w_out_DF.shape[1])
    y_D: Tensor = w_out_DF @ (gate_F * (1 / (1 + torch.exp(-gate_F))) * up_F)
    return y_D


def mixed_output(layer: Any, weights: Sequence[float], x_D: Tensor) -> Tensor:
    """Output [D] of all experts of weight other than zero, weighted, for one token."""
    y_D = torch.zeros_like(x_D)
    for expert, weight in enumerate(weights):
        if weight != 0:
            y_D += weight * expert_output(layer, expert, x_D)
    return y_D
