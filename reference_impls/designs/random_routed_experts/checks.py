"""Random routed experts against a float64 loop over dictionaries, and what the two steps promise."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.random_routed_experts.config import RandomRoutedExpertsConfig
from reference_impls.designs.random_routed_experts.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.naive import Assignments, against_naive, tokens

D, F, E, G, V = 8, 6, 7, 3, 20
GROUPS = [{0, 1}, {2, 3}, {4, 5, 6}]  # seven experts in three groups of neighbours


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients, groups, ids."""
    torch.manual_seed(0)
    layer: Any = make_layer(
        RandomRoutedExpertsConfig(d_model=D, d_expert=F, n_experts=E, domain_groups=G, vocabulary=V)
    ).double()
    token_id = torch.randint(V, (5, 12), generator=torch.Generator().manual_seed(1))
    domain = torch.tensor([0, 1, 2, 3, 0])  # the fourth shares the first's group
    expert_of = {(g, v): int(layer.router.table_GV[g, v]) for g in range(G) for v in range(V)}

    def call(x_BSD: Tensor) -> Tensor:
        y_BSD: Tensor = layer(x_BSD, token_id=token_id, domain=domain)[0]
        return y_BSD

    def assign(x_TD: Tensor) -> Assignments:
        for t in range(len(x_TD)):
            row, place = divmod(t, 12)
            yield t, expert_of[int(domain[row]) % G, int(token_id[row, place])], 1.0

    x_BSD = tokens(5, 12, D)
    yield from against_naive("a float64 loop", layer, x_BSD, assign, call)

    routing = layer(x_BSD, token_id=token_id, domain=domain)[1].routing
    row_A, place_A = routing.token_A // 12, routing.token_A % 12
    strays = sum(int(e) not in GROUPS[int(domain[r]) % G] for r, e in zip(row_A, routing.expert_A, strict=True))
    yield at_most("tokens outside their domain's group of experts", strays, 0)
    seen: dict[tuple[int, int], set[int]] = {}
    for r, p, e in zip(row_A, place_A, routing.expert_A, strict=True):
        seen.setdefault((int(domain[r]) % G, int(token_id[r, p])), set()).add(int(e))
    yield at_most("most experts of one token id in a group", max(len(found) for found in seen.values()), 1)
    used = {g: {e for (group, _), e in expert_of.items() if group == g} for g in range(G)}
    yield at_most("experts of a group that no token id has", sum(len(GROUPS[g] - used[g]) for g in range(G)), 0)
    other = layer(tokens(5, 12, D, seed=9), token_id=token_id, domain=domain)[1].routing
    yield at_most("other vectors change so many routes", (other.expert_A != routing.expert_A).sum(), 0)
    moved = layer(x_BSD, token_id=token_id, domain=domain + 1)[1].routing
    yield at_least("other domains change so many routes", (moved.expert_A != routing.expert_A).sum(), 60)
