"""Plain arithmetic to set layers beside: one token, one expert, one number at a time."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from reference_impls.core.experts import ExpertBank, ReLUExperts
from reference_impls.core.layer import MoELayer
from reference_impls.verify.check import Check
from reference_impls.verify.libraries import beside

Assignments = Iterable[tuple[int, int, Tensor | float]]
"""Token, expert, weight."""


def tokens(*shape: int, seed: int = 1) -> Tensor:
    """Unit-variance float64 tokens."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def dot_products(weight_ED: Tensor, x_D: Tensor) -> list[float]:
    """Each row of the matrix times the token."""
    return [float(row @ x_D) for row in weight_ED.detach()]


def softmax(logits: Sequence[float]) -> list[float]:
    """Exponentials over their sum."""
    top = max(logits)
    exponentials = [math.exp(value - top) for value in logits]
    return [value / sum(exponentials) for value in exponentials]


def largest(scores: Sequence[float], k: int) -> list[int]:
    """Places of the k largest scores, the largest first."""
    return sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)[:k]


def tensor_softmax(logit_E: Tensor) -> Tensor:
    """Exponentials over their sum, with gradient."""
    power = torch.exp(logit_E - logit_E.max().detach())
    shares: Tensor = power / power.sum()
    return shares


def tensor_sigmoid(logit: Tensor) -> Tensor:
    """1 / (1 + e^-x), with gradient."""
    value: Tensor = 1 / (1 + torch.exp(-logit))
    return value


@torch.no_grad()
def expert_output(bank: ExpertBank, expert: int, x_D: Tensor) -> Tensor:
    """Output [D] of one expert for one token."""
    return _output(bank, expert, x_D)


def _output(bank: ExpertBank, expert: int, x_D: Tensor) -> Tensor:
    inner = bank.w_in_EID[expert] @ x_D
    if isinstance(bank, ReLUExperts):
        hidden = inner * (inner > 0)
    else:
        gate, up = inner[: bank.d_expert], inner[bank.d_expert :]
        hidden = gate / (1 + torch.exp(-gate)) * up
    return bank.w_out_EDF[expert] @ hidden


def mixed_output(bank: ExpertBank, weights: Sequence[float], x_D: Tensor) -> Tensor:
    """Output [D] of all experts of weight other than zero, weighted, for one token."""
    y_D = torch.zeros_like(x_D)
    for expert, weight in enumerate(weights):
        if weight != 0:
            y_D += weight * expert_output(bank, expert, x_D)
    return y_D


def against_naive(
    name: str,
    layer: MoELayer,
    x_BSD: Tensor,
    assign: Callable[[Tensor], Assignments],
    call: Callable[[Tensor], Tensor] | None = None,
    tolerance: float = 1e-11,
) -> Iterator[Check]:
    """Outputs and gradients (tokens and all trainable weights) of a float64 layer against those of `assign`.

    Args:
        name: what the checks are called after.
        layer: the layer, its routing as the caller has set it (training or not).
        x_BSD: tokens, float64.
        assign: from tokens [T, D] to assignments; written from the equations, with gradient.
        call: how the layer is called, if it needs context.
        tolerance: relative and absolute.
    """
    bank = layer.experts
    assert isinstance(bank, ExpertBank)

    def hand(x_BSD: Tensor) -> Tensor:
        x_TD = x_BSD.flatten(0, 1)
        rows = [torch.zeros_like(x_D) for x_D in x_TD]
        for token, expert, weight in assign(x_TD):
            rows[token] = rows[token] + weight * _output(bank, expert, x_TD[token])
        return torch.stack(rows)

    ours = call or (lambda x: layer(x)[0])
    weights = {part: (p, p) for part, p in layer.named_parameters() if p.requires_grad}
    yield from beside(name, ours, hand, x_BSD, weights, rtol=tolerance, atol=tolerance)
