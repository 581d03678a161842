"""BASE layers: the assignment against scipy's optimum and against trying all, then outputs, load and causality."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_impls.core.assignment import balanced_assignment
from reference_impls.designs.base_assignment.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import Assignments, against_naive, tensor_sigmoid, tokens

D, F, E = 10, 8, 3
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Optimum, equations, load, causality."""
    yield from chain(optimum(), equations(), load_and_leak(_layer()))


def score_kinds(T: int, n_experts: int, seed: int) -> dict[str, Tensor]:
    """Affinities of several kinds, [T, E] float64."""
    plain = tokens(T, n_experts, seed=seed)
    lopsided = plain + 4 * tokens(1, n_experts, seed=seed + 1)
    return {
        "random": plain, "tied": (2 * plain).round() / 2, "lopsided": lopsided,
        "all alike": plain[:1].expand(T, -1), "huge": 1e6 * plain,
    }  # fmt: skip


def sum_of(score_TE: Tensor, expert_TK: Tensor) -> float:
    """Sum of the scores of an assignment."""
    return float(score_TE.gather(1, expert_TK).sum())


def optimum() -> Iterator[Check]:
    """The same sum as scipy's solver, which knows only square problems: every expert is copied."""
    from scipy.optimize import linear_sum_assignment

    worst: dict[str, float] = {}
    overload = 0
    for seed, (T, n_experts) in enumerate(((1, 1), (1, 4), (7, 3), (24, 8), (60, 8), (61, 5), (128, 8))):
        places = -(-T // n_experts)
        for kind, score_TE in score_kinds(T, n_experts, seed).items():
            ours = balanced_assignment(score_TE, 1, torch.zeros(T, dtype=torch.int64), 1)
            overload = max(overload, int(torch.bincount(ours[:, 0]).max()) - places)
            copied = np.repeat(score_TE.numpy(), places, axis=1)
            rows, columns = linear_sum_assignment(copied, maximize=True)
            best = float(copied[rows, columns].sum())
            worst[kind] = worst_of(worst.get(kind, 0.0), abs(sum_of(score_TE, ours) - best) / max(1.0, abs(best)))
    for kind, difference in worst.items():
        yield at_most(f"sum of affinities away from linear_sum_assignment's, {kind}, relative", difference, 1e-12)
    yield at_most("tokens of an expert beyond its places", overload, 0)


def _by_trying(score_TE: Tensor) -> list[int]:
    """The best of all assignments in which no expert has more than its share."""
    T, n_experts = score_TE.shape
    allowed = (a for a in product(range(n_experts), repeat=T) if max(map(a.count, a)) <= -(-T // n_experts))
    score = score_TE.tolist()
    return list(max(allowed, key=lambda a: sum(score[t][e] for t, e in enumerate(a))))


def equations() -> Iterator[Check]:
    """Outputs and gradients with the assignment found by trying; sequences of 7 and 5 tokens, three experts."""
    real_BS = torch.arange(7) < torch.tensor([[7], [5]])
    spans = [range(7), range(7, 12)]
    for training in (True, False):
        layer = _layer().train(training)
        weight_ED = layer.router.weight_ED

        def assign(x_TD: Tensor, weight_ED: Tensor = weight_ED, training: bool = training) -> Assignments:
            for span in spans:
                affinity = torch.stack([weight_ED @ x_TD[t] for t in span])
                chosen = _by_trying(affinity.detach()) if training else affinity.argmax(-1).tolist()
                for row, (t, expert) in enumerate(zip(span, chosen, strict=True)):
                    yield t, expert, tensor_sigmoid(affinity[row, expert])

        yield from against_naive(
            f"a float64 loop, {'training' if training else 'outside training'}", layer, tokens(2, 7, D), assign,
            lambda x, layer=layer: layer(x, real_BS)[0],  # type: ignore[misc]
        )  # fmt: skip


def load_and_leak(layer: Any) -> Iterator[Check]:
    """In training loads are even and the future counts; outside tokens choose by themselves."""
    x_BSD = tokens(4, 12, D, seed=3)
    other_BSD = torch.cat([x_BSD[:, :6], tokens(4, 6, D, seed=4)], dim=1)
    routing = layer.train()(x_BSD)[1].routing
    load = torch.zeros(4, E).index_put_((routing.token_A // 12, routing.expert_A), torch.tensor(1.0), accumulate=True)
    yield apart("tokens of an expert in a sequence away from an even share", load, 12 / E, 0)
    with torch.no_grad():
        leak = (layer(x_BSD)[0] - layer(other_BSD)[0])[:, :6].abs().max()
        layer.eval()
        none = (layer(x_BSD)[0] - layer(other_BSD)[0])[:, :6].abs().max()
    yield at_least("in training later tokens change earlier outputs by (not causal)", leak, 1e-9)
    yield at_most("outside training later tokens change earlier outputs by", none, 1e-12)
