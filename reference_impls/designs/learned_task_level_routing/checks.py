"""Learned task-level routing against the equations in float64, gradients of the choice included."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress, RoutingContext
from reference_impls.designs.learned_task_level_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import expert_output, softmax

D, F, E, S, T0 = 16, 24, 5, 7, 0.75
TASK = torch.tensor([2, 0, 2, 1])
SELECTIONS = ("softmax", "gumbel_softmax", "gumbel_softmax_st")
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, d_task=6, d_router=9, first_temperature=T0)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients of each selection, then what is promised."""
    for selection in SELECTIONS:
        for training in (True, False):
            yield from outputs(selection, training)
        yield from gradients(selection)
    yield from the_task_alone_decides()
    yield from temperature()


def _logits(router: Any, task: int) -> list[float]:
    """The router's two maps by hand."""
    vector = router.task_vector[task].tolist()
    made = []
    for w, b in zip(router.hidden.weight.tolist(), router.hidden.bias.tolist(), strict=True):
        z = sum(a * v for a, v in zip(w, vector, strict=True)) + b
        made.append(z * (1 + math.erf(z / math.sqrt(2))) / 2)
    rows = zip(router.out.weight.tolist(), router.out.bias.tolist(), strict=True)
    return [sum(a * h for a, h in zip(w, made, strict=True)) + b for w, b in rows]


def _noise(selection: str, seed: int) -> Tensor:
    """Gumbel noise: minus the logarithm of exponential draws, one a sequence and expert."""
    torch.manual_seed(seed)
    drawn = torch.empty(len(TASK), E, dtype=torch.float64).exponential_()
    return -drawn.log() if "gumbel" in selection else torch.zeros_like(drawn)


def outputs(selection: str, training: bool) -> Iterator[Check]:
    """Outputs by a plain loop over sequences, tokens and experts."""
    ours = _layer(selection=selection).train(training)
    x_BSD = torch.randn(len(TASK), S, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    noise = _noise(selection if training else "softmax", seed=3)
    expected = torch.zeros_like(x_BSD)
    for b, task in enumerate(TASK.tolist()):
        noisy = [a + float(n) for a, n in zip(_logits(ours.router, task), noise[b], strict=True)]
        g = softmax([value / T0 for value in noisy])
        hard = selection == "gumbel_softmax_st" or (not training and selection != "softmax")
        if hard:
            g = [float(value == max(noisy)) for value in noisy]
        for i, weight in enumerate(g):
            for s in range(S):
                expected[b, s] += weight * expert_output(ours.experts, i, x_BSD[b, s])
    torch.manual_seed(3)
    worst = (ours(x_BSD, domain=TASK)[0].detach() - expected).abs().max()
    when = "in training" if training else "outside training"
    yield at_most(f"{selection} {when}, by a float64 loop: outputs", worst, 1e-12)


def gradients(selection: str) -> Iterator[Check]:
    """The gradient of the logits is that of the softmax, also where the weights are one and zero."""
    ours = _layer(selection=selection).train()
    context = RoutingContext.of_sequences(
        torch.arange(len(TASK)).repeat_interleave(S), len(TASK), {"domain": TASK.repeat_interleave(S)}
    )
    direction = torch.randn(len(TASK) * S, E, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    torch.manual_seed(3)
    routing = ours.router(torch.zeros(len(TASK) * S, D, dtype=torch.float64), context)
    (routing.weight_TE * direction).sum().backward()
    expected, noise = [0.0] * E, _noise(selection, seed=3)
    for b, task in enumerate(TASK.tolist()):
        logits = _logits(ours.router, task)
        g = softmax([(a + float(n)) / T0 for a, n in zip(logits, noise[b], strict=True)])
        pull = direction[b * S : (b + 1) * S].sum(0).tolist()
        mean = sum(weight * p for weight, p in zip(g, pull, strict=True))
        expected = [e + weight * (p - mean) / T0 for e, weight, p in zip(expected, g, pull, strict=True)]
    yield apart(
        f"{selection}: largest difference of the gradient of the logits",
        ours.router.out.bias.grad,
        torch.tensor(expected, dtype=torch.float64),
    )
    yield apart(f"{selection}: the weights of a token differ from one in all by", routing.weight_TE.sum(-1), 1)


def the_task_alone_decides() -> Iterator[Check]:
    """Outside training sequences of one task have one expert, whatever their tokens."""
    ours = _layer(selection="gumbel_softmax_st").eval()
    x_BSD = torch.randn(len(TASK), S, D, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    share_BSE = ours(x_BSD, domain=TASK)[1].routing.share_TE().view(len(TASK), S, E)
    yield apart("routes of two sequences of one task differ by", share_BSE[0], share_BSE[2], 0)
    yield at_most("experts of a token", (share_BSE > 0).sum(-1).max().double(), 1)
    torch.manual_seed(1)
    first = ours.train()(x_BSD, domain=TASK)[1].routing.share_TE()
    torch.manual_seed(4)
    other = ours(x_BSD, domain=TASK)[1].routing.share_TE()
    yield at_least("in training the noise moves the choice by", (first - other).abs().max(), 1)


def temperature() -> Iterator[Check]:
    """It falls by the same factor each step, from the first to the last."""
    ours = _layer(selection="softmax", first_temperature=2.0, last_temperature=0.1)
    courses, steps = [float(ours.router.temperature)], 20
    for step in range(steps):
        ours.router.on_step(None, Progress(step + 1, steps))
        courses.append(float(ours.router.temperature))
    factors = [after / before for before, after in pairwise(courses)]
    ends = max(abs(courses[0] - 2.0), abs(courses[-1] - 0.1))
    yield at_most("ends of the temperature's course are missed by", ends, 1e-6)
    yield at_most("its factor varies by", max(factors) - min(factors), 1e-6)
