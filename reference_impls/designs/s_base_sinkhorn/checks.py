"""S-BASE: the plan against POT and, in the limit, scipy's assignment; then outputs, load and causality."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from reference_impls.designs.base_assignment.checks import load_and_leak
from reference_impls.designs.s_base_sinkhorn.router import make_layer
from reference_impls.designs.s_base_sinkhorn.sinkhorn import sinkhorn_plan
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import Assignments, against_naive, tensor_sigmoid, tokens

D, F, E = 10, 8, 3
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Plan, limit, equations, causality."""
    yield from chain(pot(), limit(), equations())
    # With little entropy the largest entries are a balanced assignment.
    yield from load_and_leak(_layer(epsilon=0.01, sinkhorn_steps=2000))


def _one_group(logit_TE: Tensor, epsilon: float, steps: int) -> Tensor:
    return sinkhorn_plan(logit_TE, torch.zeros(len(logit_TE), dtype=torch.int64), 1, epsilon=epsilon, steps=steps)


def pot() -> Iterator[Check]:
    """The converged plan, and two groups of different sizes at once."""
    import ot

    def theirs(logit_TE: Tensor, epsilon: float) -> Tensor:
        T, n_experts = logit_TE.shape
        plan = ot.sinkhorn(
            np.full(T, 1 / T), np.full(n_experts, 1 / n_experts), -logit_TE.numpy(), epsilon, method="sinkhorn_log",
            numItermax=20_000, stopThr=1e-13, warn=False,
        )  # fmt: skip
        return torch.from_numpy(T * plan)

    for epsilon, steps in ((3.0, 200), (1.0, 300), (0.3, 3000)):
        logit_TE = tokens(40, 6)
        yield close(
            f"POT's ot.sinkhorn, epsilon {epsilon:g}", _one_group(logit_TE, epsilon, steps), theirs(logit_TE, epsilon),
            rtol=1e-7, atol=1e-9,
        )  # fmt: skip
    logit_TE = tokens(30, 5, seed=2)
    both = sinkhorn_plan(logit_TE, torch.arange(30) // 20, 2, epsilon=1.0, steps=300)
    separate = torch.cat([theirs(part, 1.0) for part in logit_TE.split([20, 10])])
    yield close("POT's ot.sinkhorn, two groups at once", both, separate, rtol=1e-7, atol=1e-9)
    exact_rows = (both.sum(1) - 1).abs().max()
    yield at_most("a token's mass away from 1", exact_rows, 1e-12)
    yield apart("an expert's mass away from its share", both[:20].sum(0), 4, 1e-9)


def limit() -> Iterator[Check]:
    """As epsilon goes to 0 the plan's worth comes up to the balanced assignment's."""
    from scipy.optimize import linear_sum_assignment

    logit_TE = tokens(32, 4)
    copied = np.repeat(logit_TE.numpy(), 8, axis=1)
    rows, columns = linear_sum_assignment(copied, maximize=True)
    best = float(copied[rows, columns].sum())
    worth = [float((_one_group(logit_TE, e, 5000) * logit_TE).sum()) for e in (1.0, 0.1, 0.02)]
    yield at_most("the plan's worth above linear_sum_assignment's optimum", max(worth) - best, 1e-6)
    yield at_least("growth of the plan's worth as epsilon falls", min(worth[1] - worth[0], worth[2] - worth[1]), 0)
    yield at_most("what is missing to the optimum at epsilon 0.02", best - worth[2], 0.1)


def equations() -> Iterator[Check]:
    """Outputs and gradients, the plan by plain scalings of rows and columns."""
    real_BS = torch.arange(8) < torch.tensor([[8], [5]])
    spans = [range(8), range(8, 13)]
    for training in (True, False):
        layer = _layer(epsilon=0.5, sinkhorn_steps=60).train(training)
        weight_ED = layer.router.weight_ED

        def assign(x_TD: Tensor, weight_ED: Tensor = weight_ED, training: bool = training) -> Assignments:
            for span in spans:
                logit = torch.stack([weight_ED @ x_TD[t] for t in span])
                chosen = _by_scaling(logit.detach().tolist(), 0.5) if training else logit.argmax(-1).tolist()
                for row, (t, expert) in enumerate(zip(span, chosen, strict=True)):
                    yield t, expert, tensor_sigmoid(logit[row, expert])

        yield from against_naive(
            f"a float64 loop, {'training' if training else 'outside training'}", layer, tokens(2, 8, D), assign,
            lambda x, layer=layer: layer(x, real_BS)[0],  # type: ignore[misc]
        )  # fmt: skip


def _by_scaling(logit: list[list[float]], epsilon: float) -> list[int]:
    """Each token's largest entry of exp(logit / epsilon), scaled by rows and columns."""
    kernel = [[float(np.exp(value / epsilon)) for value in row] for row in logit]
    T, n_experts = len(kernel), len(kernel[0])
    u, v = [1.0] * T, [1.0] * n_experts
    for _ in range(60):
        u = [1 / T / sum(k * b for k, b in zip(row, v, strict=True)) for row in kernel]
        v = [1 / n_experts / sum(kernel[t][i] * u[t] for t in range(T)) for i in range(n_experts)]
    return [max(range(n_experts), key=lambda i: kernel[t][i] * v[i]) for t in range(T)]
