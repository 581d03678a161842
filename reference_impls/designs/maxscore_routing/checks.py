"""MaxScore: the flow against scipy's linear programme, networkx's flow and trying all; then outputs and the loss."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_impls.core.assignment import balanced_assignment
from reference_impls.designs.base_assignment.checks import score_kinds, sum_of
from reference_impls.designs.maxscore_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import Assignments, against_naive, tensor_softmax, tokens

D, F, E, K = 10, 8, 4, 2
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, experts_per_token=K)


def checks(entry: Entry) -> Iterator[Check]:
    """Optimum, outputs and gradients, loss."""
    yield from chain(linear_programme(), flow(), equations(), loss())


def _solve(score_TE: Tensor, k: int) -> Tensor:
    return balanced_assignment(score_TE, k, torch.zeros(len(score_TE), dtype=torch.int64), 1)


def linear_programme() -> Iterator[Check]:
    """The relaxed problem has an optimum in whole numbers: its worth is that of the flow."""
    from scipy import sparse
    from scipy.optimize import linprog

    worst: dict[str, float] = {}
    broken = 0
    for seed, (T, n_experts, k) in enumerate(((1, 3, 2), (9, 4, 3), (24, 8, 2), (61, 5, 2), (96, 8, 2), (40, 3, 3))):
        places = -(-k * T // n_experts)
        per_token = sparse.kron(sparse.eye(T), np.ones((1, n_experts))).tocsr()
        per_expert = sparse.kron(np.ones((1, T)), sparse.eye(n_experts)).tocsr()
        for kind, score_TE in score_kinds(T, n_experts, seed).items():
            ours = _solve(score_TE, k)
            broken += int((torch.bincount(ours.flatten(), minlength=n_experts) > places).sum())
            broken += sum(len(set(row)) < k for row in ours.tolist())
            best = -linprog(
                -score_TE.numpy().ravel(), A_ub=per_expert, b_ub=np.full(n_experts, places), A_eq=per_token,
                b_eq=np.full(T, k), bounds=(0, 1), method="highs",
            ).fun  # fmt: skip
            worst[kind] = worst_of(worst.get(kind, 0.0), abs(sum_of(score_TE, ours) - best) / max(1.0, abs(best)))
    for kind, difference in worst.items():
        yield at_most(f"sum of scores away from scipy's linprog, {kind}, relative", difference, 1e-9)
    yield at_most("experts beyond their places and tokens with an expert twice", broken, 0)


def flow() -> Iterator[Check]:
    """networkx on the graph of the paper; costs in whole numbers, as its algorithm wants them."""
    import networkx

    wrong = 0
    for seed in range(3):
        score_TE = (1e4 * tokens(10, E, seed=seed)).round()
        graph: Any = networkx.DiGraph()
        for t in range(10):
            graph.add_edge("source", ("token", t), capacity=K, weight=0)
            for i in range(E):
                graph.add_edge(("token", t), ("expert", i), capacity=1, weight=-int(score_TE[t, i]))
        for i in range(E):
            graph.add_edge(("expert", i), "drain", capacity=10 * K // E, weight=0)
        best = -networkx.cost_of_flow(graph, networkx.max_flow_min_cost(graph, "source", "drain"))
        wrong += best != sum_of(score_TE, _solve(score_TE, K))
    yield at_most("problems whose worth is not that of networkx's max_flow_min_cost", wrong, 0)


def _by_trying(score_TE: Tensor) -> list[tuple[int, ...]]:
    """The best of all ways to give each token K different experts within the places."""
    T, n_experts = score_TE.shape
    score, places = score_TE.tolist(), -(-K * T // n_experts)

    def fits(ways: tuple[tuple[int, ...], ...]) -> bool:
        flat = [e for way in ways for e in way]
        return max(map(flat.count, flat)) <= places

    pairs = list(combinations(range(n_experts), K))
    return list(
        max(
            (ways for ways in product(pairs, repeat=T) if fits(ways)),
            key=lambda ways: sum(score[t][e] for t, way in enumerate(ways) for e in way),
        )
    )


def equations() -> Iterator[Check]:
    """Outputs and gradients; sequences of 4 and 3 tokens, inside and outside training alike."""
    real_BS = torch.arange(4) < torch.tensor([[4], [3]])
    spans = [range(4), range(4, 7)]
    layer = _layer(second_weight_start=3.0)
    weight_ED = layer.router.weight_ED

    def assign(x_TD: Tensor) -> Assignments:
        for span in spans:
            score = torch.stack([tensor_softmax(weight_ED @ x_TD[t]) for t in span])
            for row, way in enumerate(_by_trying(score.detach())):
                ordered = sorted(way, key=lambda e, row=row: -float(score[row, e].detach()))  # type: ignore[misc]
                for place, expert in enumerate(ordered):
                    yield span[row], expert, score[row, expert] * (3.0 if place else 1.0)

    for training in (True, False):
        yield from against_naive(
            f"a float64 loop, {'training' if training else 'outside training'}", layer.train(training),
            tokens(2, 4, D), assign, lambda x: layer(x, real_BS)[0],
        )  # fmt: skip


def loss() -> Iterator[Check]:
    """E sum f P over first choices, per sequence, averaged; as the authors' code has it up to its constant."""
    layer, x_BSD = _layer(), tokens(2, 6, D, seed=5)
    told = layer(x_BSD)[1]
    first_TE = torch.zeros(12, E, dtype=torch.float64)
    for t, expert in zip(told.routing.token_A[::K], told.routing.expert_A[::K], strict=True):
        first_TE[t, expert] = 1
    score_TE = torch.stack([tensor_softmax(layer.router.weight_ED @ x) for x in x_BSD.flatten(0, 1)])
    per_group = [
        E * E * (score.mean(0) * first.mean(0)).mean()
        for score, first in zip(score_TE.split(6), first_TE.split(6), strict=True)
    ]
    expected = sum(per_group) / 2
    yield apart("the balancing loss away from its definition", told.losses["load_balance"].value, expected)
