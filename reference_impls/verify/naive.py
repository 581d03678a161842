"""Plain arithmetic to set layers beside: one token, one expert, one number at a time."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from reference_impls.core.experts import ExpertBank, ReLUExperts
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.verify.check import Check, apart
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


def serve(
    bank: ExpertBank,
    x_SD: Tensor,
    choices: Sequence[Sequence[tuple[int, float]]],
    capacity: int,
    order: Sequence[int] | None = None,
) -> tuple[Tensor, list[int]]:
    """Outputs of a group whose experts take, rank by rank, the first tokens that they have room for; the demand.

    Args:
        bank: the experts.
        x_SD: tokens of the group.
        choices: experts and weights of each token, the first choice first.
        capacity: tokens that an expert takes.
        order: in which tokens are served, if not in theirs.
    """
    y_SD, demand = torch.zeros_like(x_SD), [0] * bank.n_experts
    for rank in range(max(map(len, choices))):
        for s in order or range(len(x_SD)):
            for expert, weight in choices[s][rank : rank + 1]:
                demand[expert] += 1
                if demand[expert] <= capacity:
                    y_SD[s] += weight * expert_output(bank, expert, x_SD[s])
    return y_SD, demand


def added(rows: Iterable[Sequence[float]]) -> list[float]:
    """Sum of lists, place by place."""
    return [sum(column) for column in zip(*rows, strict=True)]


def squared_cv(values: Sequence[float]) -> float:
    """Population variance over squared mean."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values) / mean**2


@torch.no_grad()
def slope_error(value: Callable[[], float | Tensor], weight: Tensor, gradient: Tensor, step: float = 1e-6) -> float:
    """How far the gradient along a random direction is from the central difference of `value` along it."""
    direction = torch.randn(weight.shape, dtype=weight.dtype, generator=torch.Generator().manual_seed(6))
    ends = []
    for move in (step, -2 * step):  # there, back beyond the start
        weight.add_(direction, alpha=move)
        ends.append(float(value()))
    weight.add_(direction, alpha=step)
    return abs((ends[0] - ends[1]) / (2 * step) - float((gradient * direction).sum()))


def beside_loop(
    name: str,
    made: tuple[Tensor, LayerInfo],
    expected: Tensor | Sequence[Tensor],
    losses: Mapping[str, float] | None = None,
    stats: Mapping[str, float] | None = None,
    load: Sequence[float] | None = None,
    dropped: int | None = None,
) -> Iterator[Check]:
    """What a float64 layer returned, beside the same by plain loops: values to 1e-12, counts exactly.

    Args:
        name: what the checks are called after.
        made: outputs and report of the layer.
        expected: outputs, or the rows of them.
        losses: values by the losses' names.
        stats: values by the statistics' names.
        load: assignments wanted of each expert.
        dropped: assignments dropped.
    """
    y_BSD, info = made
    rows = expected if isinstance(expected, Tensor) else torch.stack(list(expected))
    yield apart(f"{name}, by a float64 loop: outputs", y_BSD.view_as(rows), rows)
    for part, value in (losses or {}).items():
        yield apart(f"{name}, by a float64 loop: {part} loss", info.losses[part].value, value)
    for part, value in (stats or {}).items():
        yield apart(f"{name}, by a float64 loop: {part}", info.stats[part], value)
    if load is not None:
        yield apart(f"{name}, by a float64 loop: load", info.routing.load_E, load, 0)
    if dropped is not None:
        yield apart(f"{name}, by a float64 loop: assignments dropped", info.routing.n_dropped, dropped, 0)


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
