"""The best assignment of tokens to experts that all have the same number of places, exactly.

Every token goes to k different experts, no expert takes more than C = ceil(k T / E) tokens, and the sum of scores is
the largest possible: a linear assignment problem, or for k > 1 a minimum-cost flow. Solvers for general problems copy
each expert C times; with few experts and many tokens there is a shorter way:

1. Prices. Each expert in turn sets its price so that exactly C tokens want it at the others' prices. After some rounds
   nearly every token's k best experts at these prices are its experts in the best assignment.
2. Repair. While an expert has too many tokens, move tokens along the cheapest chain of experts that ends where there is
   room (the shortest augmenting path of minimum-cost flow). Prices change no comparison between full assignments, and
   the start is the best of all assignments that ignore capacity, so every repair keeps the best for the loads it
   leaves, and the last one is the best of all.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRICE_ROUNDS = 4


def balanced_assignment(score_TE: Tensor, k: int, group_T: Tensor, n_groups: int) -> Tensor:
    """The k experts of each token in the best balanced assignment of its group, int64 [T, K], best score first.

    Args:
        score_TE: what is to be made large in sum; no gradient flows. Infinite and undefined scores count as huge.
        k: experts of each token.
        group_T: tokens of a group share the experts' places.
        n_groups: number of groups.
    """
    T, E = score_TE.shape
    score = torch.nan_to_num(score_TE.detach()).cpu().double().numpy()
    group = group_T.cpu().numpy()
    chosen = np.zeros((T, E), dtype=bool)
    for g in range(n_groups):
        (rows,) = np.nonzero(group == g)
        chosen[rows] = _solve(score[rows], k)
    ranked_TE = np.argsort(np.where(chosen, -score, np.inf), axis=1, kind="stable")
    return torch.from_numpy(ranked_TE[:, :k].copy()).to(score_TE.device)


def _solve(score_TE: Floats, k: int) -> Bools:
    """Which experts each token of one group gets."""
    T, E = score_TE.shape
    capacity = -(-k * T // E)
    # Blank tokens of one expert each, indifferent to all, take the places that rounding up leaves.
    blanks = E * capacity - k * T
    score_TE = np.concatenate([score_TE, np.zeros((blanks, E))])
    k_T = np.repeat([k, 1], [T, blanks])
    score_TE = score_TE - _prices(score_TE, k_T, capacity)
    chosen_TE = _best(score_TE, k_T)
    _repair(score_TE, chosen_TE, capacity)
    return chosen_TE[:T]


def _best(score_TE: Floats, k_T: NDArray[np.int64]) -> Bools:
    """Each token's k experts of largest score; tokens that are all alike spread over experts that are all alike."""
    T, E = score_TE.shape
    turn_TE = (np.arange(E) - np.arange(T)[:, None]) % E
    order_TE = np.lexsort((turn_TE, -score_TE), axis=1)
    rank_TE = np.empty_like(order_TE)
    np.put_along_axis(rank_TE, order_TE, np.arange(E)[None].repeat(T, 0), axis=1)
    chosen_TE: Bools = rank_TE < k_T[:, None]
    return chosen_TE


def _prices(score_TE: Floats, k_T: NDArray[np.int64], capacity: int) -> Floats:
    """Prices at which the demand for each expert is near its capacity: steps of coordinate descent on the dual."""
    T, E = score_TE.shape
    price_E = np.zeros(E)
    if capacity in (0, T):  # no token, or room for all in every expert
        return price_E
    for _ in range(PRICE_ROUNDS):
        for expert in range(E):
            # A token wants this expert if it beats the k-th best of the others.
            others_TE = -np.sort(-np.delete(score_TE - price_E, expert, axis=1), axis=1)
            rival_T = np.take_along_axis(others_TE, np.minimum(k_T, E - 1)[:, None] - 1, axis=1)[:, 0]
            margin_T = np.where(k_T < E, score_TE[:, expert] - rival_T, np.inf)
            last, first_out = np.partition(margin_T, (T - capacity - 1, T - capacity))[[T - capacity, T - capacity - 1]]
            between = (last + first_out) / 2
            price_E[expert] = between if np.isfinite(between) else price_E[expert]
    return price_E


def _repair(score_TE: Floats, chosen_TE: Bools, capacity: int) -> None:
    """Move tokens, as cheaply as possible, until no expert has too many; changes `chosen_TE`."""
    E = score_TE.shape[1]
    load_E = chosen_TE.sum(0)
    experts = np.arange(E)
    # Costs around a circle of experts are never negative; rounding must not make a circle of chains.
    slack = 1e-12 * float(np.abs(score_TE).max(initial=0.0))
    while (load_E > capacity).any():
        cost_EE, mover_EE = np.full((E, E), np.inf), np.zeros((E, E), dtype=np.int64)
        for source in range(E):
            (tokens,) = np.nonzero(chosen_TE[:, source])
            if len(tokens):
                loss = score_TE[tokens, source, None] - score_TE[tokens]
                loss[chosen_TE[tokens]] = np.inf
                cheapest = loss.argmin(0)
                cost_EE[source], mover_EE[source] = loss[cheapest, experts], tokens[cheapest]
        # Bellman-Ford from all that have too many: E - 1 rounds reach every chain.
        distance_E = np.where(load_E > capacity, 0.0, np.inf)
        before_E = np.full(E, -1)
        for _ in range(E - 1):
            via_EE = distance_E[:, None] + cost_EE
            last_E = via_EE.argmin(0)
            shorter = via_EE[last_E, experts] < distance_E - slack
            distance_E = np.where(shorter, via_EE[last_E, experts], distance_E)
            before_E = np.where(shorter, last_E, before_E)
        end = int(np.where(load_E < capacity, distance_E, np.inf).argmin())
        load_E[end] += 1
        while (source := int(before_E[end])) >= 0:
            token = mover_EE[source, end]
            chosen_TE[token, source], chosen_TE[token, end] = False, True
            end = source
        load_E[end] -= 1
